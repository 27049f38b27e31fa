/**
 * The page that opens a link: proves that it is whole, says what will happen, and opens the secret on one press.
 *
 * Not handled here: what is shown of a secret (reveal-show.js), keys and ciphertext (envelope.js).
 *
 * Rules:
 *
 * * the fragment leaves address and history before anything else happens; the key stays in this one variable;
 * * nothing is asked of the server while the link is not whole, and no view is spent before link and passphrase are
 *   proven and a person pressed the button: what scripts press does not count;
 * * the one thing kept in storage is the claim, in this tab, until its lease ends: it opens nothing without the link.
 */

import { pastedAddress, takeAddress } from "./address.js";
import { Refused, ask } from "./api.js";
import { claimFor, dropClaim, isGranted, keepClaim } from "./reveal-claim.js";
import { sayIncomplete, sayOver } from "./reveal-ends.js";
import { clearShown, showSecret } from "./reveal-show.js";
import { element, forgetOnLeaving, make, say, show, timeOf } from "./dom.js";
import { EnvelopeError, deriveKeys, linkProof, unseal } from "./envelope.js";
import { phrase, pieces } from "./words.js";

/** @typedef {{state: string, nonce?: string, kdf?: string, expires_at: string, views_remaining: number, locked?: boolean,
 *   opened_at?: string, ended_at?: string, handover?: boolean}} Seen */

let L = "";
let id = "";
let ahead = 0;
/** @type {Seen | null} */
let seen = null;
let working = false;

/** Take the key out of the address, and ask how the secret stands. */
async function enter() {
  const found = takeAddress("s", "sc_");
  ({ id } = found);
  await begin(found.read);
}

/** @param {import("./address.js").Found["read"]} read */
async function begin(read) {
  clearShown();
  seen = null;
  if (!globalThis.crypto?.subtle) return sayOver("insecure");
  if (!id) return sayOver("unknown");
  if ("problem" in read) return sayIncomplete(read.problem, isGranted(id));
  L = read.L;
  await look();
}

/** Prove the link, and show how the secret stands. Changes nothing on the server. */
async function look() {
  show("looking", { focus: false });
  try {
    const got = await ask("POST", `/v1/secrets/${id}/open`, { body: { link: await linkProof(L) } });
    ({ ahead } = got);
    arrange(got.answer);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 404) return sayOver("unknown");
    if (error.status) return sayOver("refused", { retry: look, words: error.message });
    sayOver("unreachable", { retry: look });
  }
}

/** @param {Seen} found */
function arrange(found) {
  seen = found;
  const mine = claimFor(id, { fresh: false }) !== null; // this tab asked for it: the answer may have been cut off
  const { state, nonce } = found;
  if (state === "uploading") return sayOver("uploading", { retry: look });
  if (state === "burnt") return sayOver("burnt", { at: found.ended_at ?? "" });
  if (state === "expired" || !nonce) return sayOver(state === "opened" ? "opened" : "expired", { at: end_of(found) });
  if (state === "opened" && !mine) return sayOver("opened", { at: end_of(found) });
  if (found.locked) return sayOver("locked", { retry: look });
  ready(found, mine && (state === "opened" || isGranted(id)));
}

/** @param {Seen} found */
function end_of({ state, opened_at, ended_at, expires_at }) {
  return (state === "expired" ? (ended_at ?? expires_at) : (opened_at ?? ended_at)) ?? "";
}

/**
 * @param {Seen} found
 * @param {boolean} mine
 */
function ready({ views_remaining, expires_at, kdf, handover }, mine) {
  if (handover) element("privacy", HTMLElement).textContent = phrase("It is opened here, in your browser. This server made the key in it, and will check its codes.");
  const time = timeOf(expires_at);
  const n = String(views_remaining);
  const often = views_remaining === 1
    ? pieces("You can open this once, until {time}. Reveal it when you have the time to use it.", { time })
    : pieces("It can be opened {n} more times, until {time}. Reveal it when you have the time to use it.", { n, time });
  const terms = mine ? [phrase("You opened this in this tab a moment ago. You can see it again.")] : often;
  element("terms", HTMLElement).replaceChildren(...terms);
  element("asks", HTMLElement).hidden = !kdf;
  trouble("");
  busy(false);
  show("ready", { focus: false });
  element(kdf ? "passphrase" : "reveal", HTMLElement).focus();
}

/** Claim, open, show. */
async function reveal() {
  if (working || !seen?.nonce) return;
  const { nonce, kdf } = seen;
  const passphrase = kdf ? element("passphrase", HTMLInputElement).value : undefined;
  if (passphrase === "") return trouble(phrase("Type the passphrase first."));
  working = true;
  busy(true);
  trouble("");
  try {
    const keys = await deriveKeys(L, { nonce, kdf }, passphrase);
    const claim = claimFor(id, { fresh: true }) ?? "";
    const { answer } = await ask("POST", `/v1/secrets/${id}/claim`, { body: { ...keys.proofs, claim } });
    keepClaim(id, claim, Date.parse(answer.lease_expires_at) + 1000 * ahead, { granted: true });
    const secret = await unseal(L, answer.envelope, { keys });
    element("passphrase", HTMLInputElement).value = "";
    const handover = answer.handover === true;
    const context = { id, claim, ahead, blobs: answer.blobs ?? [], until: answer.lease_expires_at, handover };
    showSecret(secret, { ...context, done, confirm, hide });
    show("shown");
  } catch (error) {
    await failed(error);
  } finally {
    working = false;
    busy(false);
  }
}

/**
 * The person has it: end the claim, so that the server erases it.
 *
 * @param {"read" | "enrolled"} outcome
 */
async function done(outcome) {
  const claim = claimFor(id, { fresh: false });
  if (!claim) return sayOver("left");
  await ask("POST", `/v1/secrets/${id}/ack`, { body: { link: await linkProof(L), claim, outcome } });
  leave(outcome === "enrolled" ? "enrolled" : "done", phrase(outcome === "enrolled" ? "Right. The sender is told that it is set up." : "Done."));
}

/**
 * What was handed over ends with its first right code, which the server compares.
 *
 * @param {string} code
 */
async function confirm(code) {
  const claim = claimFor(id, { fresh: false });
  if (!claim) return sayOver("left");
  try {
    await ask("POST", `/v1/secrets/${id}/confirm`, { body: { link: await linkProof(L), claim, code } });
  } catch (error) {
    const end = error instanceof Refused ? end_after(error) : "";
    if (!end) throw error;
    return leave(end, phrase("This link is over."));
  }
  leave("enrolled", phrase("Right. The sender is told that it is set up."));
}

/** @param {Refused} error */
function end_after({ status, reason }) {
  if (status === 404) return "lapsed";
  return status === 422 && reason === "exhausted" ? "void" : "";
}

/**
 * @param {string} end
 * @param {string} words
 */
function leave(end, words) {
  clearShown();
  dropClaim(id);
  L = "";
  sayOver(end);
  say(words);
}

/** Take the secret off the screen. The claim may show it again while its lease lives. */
function hide() {
  clearShown();
  say(phrase("The secret was hidden."));
  void look();
}

/** @param {unknown} error */
async function failed(error) {
  if (error instanceof EnvelopeError) return error.field === "passphrase" ? trouble(phrase("This passphrase cannot be right.")) : sayOver("broken");
  if (!(error instanceof Refused)) throw error;
  if (error.status === 404) return sayOver("unknown");
  if (error.status === 410) return sayOver(error.code, { at: error.at });
  if (error.code === "locked") return sayOver("locked", { retry: look });
  trouble(words_of(error));
  busy(false); // a button that was switched off has lost the focus
  if (error.status === 422) element("passphrase", HTMLInputElement).select();
  else element("reveal", HTMLElement).focus();
}

/** @param {Refused} error */
function words_of(error) {
  if (error.status === 422) {
    const n = error.remaining;
    const rest = n ? [phrase(n === 1 ? "One more try before a pause." : "{n} more tries before a pause.", { n })] : [];
    return [phrase("That is not the passphrase. Nothing was opened, nothing is lost."), ...rest].join(" ");
  }
  if (error.status === 429) return phrase("Too many wrong tries. Nothing is lost. Try again in {time}.", { time: pause(error.retryAfter) });
  return error.message;
}

/** @param {number} seconds */
function pause(seconds) {
  if (seconds < 90) return phrase(seconds === 1 ? "{n} second" : "{n} seconds", { n: seconds });
  return phrase("{n} minutes", { n: Math.ceil(seconds / 60) });
}

/** @param {boolean} now */
function busy(now) {
  const press = element("reveal", HTMLButtonElement);
  press.disabled = now;
  press.textContent = phrase(now ? "Opening…" : "Reveal");
}

/** @param {string} text */
function trouble(text) {
  const place = element("problem", HTMLElement);
  place.replaceChildren(...(text ? [make("span", {}, text)] : []));
  place.hidden = !text;
}

// A script in a mail scanner can dispatch events, but no event of a person's.
element("reveal", HTMLButtonElement).addEventListener("click", (event) => {
  event.preventDefault();
  if (event.isTrusted) void reveal();
});
element("form", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
element("unveil", HTMLButtonElement).addEventListener("click", (event) => {
  const veiled = element("passphrase", HTMLInputElement).classList.toggle("veiled");
  const press = /** @type {HTMLButtonElement} */ (event.currentTarget);
  press.textContent = phrase(veiled ? "Show" : "Hide");
  press.setAttribute("aria-pressed", String(!veiled));
});
element("paste", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const field = element("link", HTMLInputElement);
  const { id: other, read } = pastedAddress(field.value, "s", "sc_");
  if ("problem" in read) {
    element("link-said", HTMLElement).textContent = phrase("This is not the whole link either: behind its # are 43 characters.");
    field.focus();
    return;
  }
  field.value = "";
  id = other || id;
  history.replaceState(null, "", `/s/${id}`);
  void begin(read);
});
addEventListener("hashchange", () => {
  if (location.hash) void enter();
});
forgetOnLeaving(() => {
  L = "";
  clearShown();
  element("passphrase", HTMLInputElement).value = "";
  element("link", HTMLInputElement).value = "";
});

await enter();
