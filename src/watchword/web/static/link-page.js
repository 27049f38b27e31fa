/**
 * The page behind the link in a mail: says who asks for what, and hands the person back to the app on one press.
 *
 * Not handled here: what is asked, in words (link-words.js), how it can end (link-ends.js), keys (token.js).
 *
 * Rules:
 *
 * * the fragment leaves address and history before anything else happens; the token stays in this one variable;
 * * nothing changes by looking, and the press of "Continue here" spends nothing: whoever presses it gets an address that
 *   is worth something in the browser session that asked, and in no other;
 * * the first word of the watchword is not on this page, ever: typing it shows that one sees the other screen.
 */

import { pastedAddress, takeAddress } from "./address.js";
import { Refused, ask } from "./api.js";
import { element, forgetOnLeaving, say, show } from "./dom.js";
import { isEnd, sayIncomplete, sayOver } from "./link-ends.js";
import { showAsked, showWhere } from "./link-words.js";
import { openContext, proofOf } from "./token.js";
import { EnvelopeError } from "./trouble.js";
import { phrase } from "./words.js";

/** @typedef {import("./link-words.js").Context} Context */

let token = "";
let id = "";
/** @type {Context | null} */
let context = null;
let working = false;

/** Take the token out of the address, and look. */
async function enter() {
  const found = takeAddress("l", "vf_");
  ({ id } = found);
  await begin(found.read);
}

/** @param {import("./address.js").Found["read"]} read */
async function begin(read) {
  context = null;
  token = "";
  if (!globalThis.crypto?.subtle) return sayOver("insecure");
  if (!id) return sayOver("unknown");
  if ("problem" in read) return sayIncomplete(read.problem);
  ({ L: token } = read);
  await look();
}

/** Fetch what is asked, and open it. Changes nothing on the server, and tells it nothing. */
async function look() {
  show("looking", { focus: false });
  try {
    const { answer } = await ask("POST", `/v1/links/${id}/open`, { body: {} });
    arrange(await openContext(token, answer.context));
  } catch (error) {
    if (error instanceof EnvelopeError) return sayOver("unknown");
    failed(error, look);
  }
}

/** @param {Context} found */
function arrange(found) {
  context = found;
  if (found.status === "confirmed") return done({ before: true });
  if (isEnd(found.status)) return sayOver(found.status, { app: found.app });
  showAsked(found);
  showWhere(found, { closed: found.words_remaining === 0 });
  fold(false);
  trouble("");
  show("ready", { focus: false });
  element("asks", HTMLElement).focus({ preventScroll: true });
}

/** Same device: get the address that leads back to the app, and go there. */
async function goOn() {
  if (working || !context) return;
  working = true;
  trouble("");
  try {
    const { answer } = await ask("POST", `/v1/links/${id}/continue`, { body: { proof: await proofOf(token, "link") } });
    leave(answer.redirect_to);
  } catch (error) {
    failed(error, goOn);
  } finally {
    working = false;
  }
}

/** @param {string} address */
function leave(address) {
  if (!/^https?:$/.test(new URL(address).protocol)) throw new Error("this address is not one to go to");
  show("leaving");
  location.replace(address); // what it holds is not to be one step back
}

/** Other device: show that the first word can be seen there. */
async function confirm() {
  const field = element("word", HTMLInputElement);
  const word = field.value.trim().toLowerCase();
  if (working || !context) return;
  if (!word) return wrong(phrase("Type the first of the two words."));
  working = true;
  wrong("");
  try {
    await ask("POST", `/v1/links/${id}/confirm`, { body: { proof: await proofOf(token, "link"), word } });
    field.value = "";
    done();
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 422) return failed(error, undefined);
    refuseWord(error);
  } finally {
    working = false;
  }
}

/** @param {Refused} error */
function refuseWord(error) {
  if (error.code === "invalid") return wrong(phrase("This is not one of our words. Look at the other screen again: no try was counted."));
  if (error.reason !== "mismatch" && error.reason !== "exhausted") return failed(error, undefined);
  if (error.reason === "exhausted" || error.remaining === 0) {
    closeWords();
    return trouble(phrase("That was not the word, three times. This way is closed now."));
  }
  wrong(`${phrase("That is not the word.")} ${error.tries}`.trim());
}

/** No more words: what is left is this browser, and the code. */
function closeWords() {
  fold(false);
  if (context) showWhere(context, { closed: true });
}

/** @param {{before?: boolean}} [when] it was confirmed before this page was opened: this may be the browser that asked */
function done({ before = false } = {}) {
  const title = phrase(before ? "This is confirmed already" : "Done. Go back to your other device");
  const app = context?.app ?? "";
  element("done-title", HTMLElement).textContent = title;
  element("done-text", HTMLElement).textContent = before
    ? phrase("It goes on in the window in which you asked {app}. If that was in this browser, it can go on here.", { app })
    : phrase("It goes on there, in the window in which you asked {app}. You can close this one.", { app });
  element("go-on", HTMLElement).hidden = !before;
  show("done");
  say(title);
}

/**
 * @param {unknown} error
 * @param {(() => unknown) | undefined} retry
 */
function failed(error, retry) {
  if (!(error instanceof Refused)) throw error;
  const app = context?.app;
  const more = app === undefined ? {} : { app };
  if (error.status === 404) return sayOver("unknown", more);
  if (error.code === "not_accepted") return sayOver(error.reason, more);
  if (context && context.status !== "confirmed") return trouble(error.message);
  sayOver(error.status ? "refused" : "unreachable", error.status ? { retry, words: error.message } : { retry });
}

/** @param {boolean} open */
function fold(open) {
  element("other", HTMLElement).hidden = !open;
  element("elsewhere", HTMLElement).setAttribute("aria-expanded", String(open));
  if (open) element("word", HTMLInputElement).focus();
}

/** @param {string} text */
function trouble(text) {
  const place = element("problem", HTMLElement);
  place.textContent = text;
  place.hidden = !text;
}

/** @param {string} text */
function wrong(text) {
  element("word-said", HTMLElement).textContent = text;
  if (text) element("word", HTMLInputElement).select();
}

for (const name of ["continue", "continue-done"]) element(name, HTMLButtonElement).addEventListener("click", () => void goOn());
element("elsewhere", HTMLButtonElement).addEventListener("click", () => fold(element("other", HTMLElement).hidden));
element("other", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  void confirm();
});
element("paste", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const field = element("link", HTMLInputElement);
  const { id: other, read } = pastedAddress(field.value, "l", "vf_");
  if ("problem" in read) {
    element("link-said", HTMLElement).textContent = phrase("This is not the whole link either: behind its # are 43 characters.");
    field.focus();
    return;
  }
  field.value = "";
  id = other || id;
  history.replaceState(null, "", `/l/${id}`);
  void begin(read);
});
addEventListener("hashchange", () => {
  if (location.hash) void enter();
});
forgetOnLeaving(() => {
  token = "";
  context = null;
  for (const field of ["word", "link"]) element(field, HTMLInputElement).value = "";
});

await enter();
