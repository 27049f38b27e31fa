/**
 * Shows an opened secret: a text, a login, an authenticator key, files.
 *
 * Not handled here: opening it (reveal.js), saving files (reveal-file.js), the live code (totp-card.js).
 *
 * Rules: whatever is inside came from a stranger: it becomes text, never markup, and an address in it never a link;
 * after a while it is taken off the screen; nothing of it stays in the page when it is taken off.
 */

import { copyButton } from "./clipboard.js";
import { button, element, make, say, timeOf } from "./dom.js";
import { decodeBase32, groupsOfFour, writeKeyUri } from "./otpauth.js";
import { fileParts } from "./reveal-file.js";
import { isCurrent, liveCode } from "./totp-card.js";
import { phrase, pieces } from "./words.js";

/** @typedef {import("./document.js").Secret} Secret */
/** @typedef {import("./document.js").Totp} Totp */
/** @typedef {import("./reveal-file.js").Place} Place */
/** @typedef {{id: string, claim: string, ahead: number, blobs: Place[], until: string, handover: boolean,
 *   confirm: (code: string) => Promise<void>, done: (outcome: "read" | "enrolled") => Promise<void>, hide: () => void}} Context */

const SHOWN_FOR = 5 * 60 * 1000; // milliseconds without a key, a touch or a press
const LONG = 60; // characters of a heading from which on it is set smaller
const SKEW = 15; // seconds that clocks may differ before it is worth a word

/** @type {(() => void)[]} */
let endings = [];

/** Take everything off the screen. */
export function clearShown() {
  for (const end of endings) end();
  endings = [];
  element("shown", HTMLElement).replaceChildren();
}

/**
 * @param {Secret} secret
 * @param {Context} context
 */
export function showSecret(secret, context) {
  clearShown();
  const title = secret.label || title_of(secret);
  const heading = make("h1", { tabindex: "-1", class: title.length > LONG ? "long" : null }, make("bdi", {}, title));
  const parts = parts_of(secret, context);
  const note = secret.note ? [text_part(phrase("Note"), secret.note, phrase("note"))] : [];
  element("shown", HTMLElement).replaceChildren(heading, ...parts, ...note, acts_of(secret, context));
  hide_after_a_while(context.hide);
}

/** @param {Secret} secret */
function title_of(secret) {
  if (secret.type === "totp") return secret.issuer || phrase("An authenticator key");
  return phrase({ text: "Your secret", login: "Your login", file: "Your files" }[secret.type]);
}

/**
 * @param {Secret} secret
 * @param {Context} context
 * @returns {Node[]}
 */
function parts_of(secret, context) {
  if (secret.type === "totp") return key_parts(secret, context);
  if (secret.type === "file") return fileParts(secret.files, context);
  if (secret.type === "text") return [text_part("", secret.text, phrase("secret"))];
  const lines = [];
  if (secret.url) lines.push(line_part(phrase("Website"), secret.url, phrase("website")));
  if (secret.username) lines.push(line_part(phrase("User name"), secret.username, phrase("user name")));
  lines.push(line_part(phrase("Password"), secret.password, phrase("password"), { mono: "mono" }));
  const second = secret.totp ? [make("h2", {}, phrase("Authenticator key")), ...key_parts(secret.totp, context)] : [];
  return [make("dl", { class: "lines" }, ...lines), ...second];
}

/**
 * @param {string} name its heading
 * @param {string} text
 * @param {string} what it is, in the middle of a sentence
 */
function text_part(name, text, what) {
  const shown = make("pre", { class: "secret", tabindex: "0", dir: "auto", translate: "no", "aria-label": name || phrase("Secret") }, text);
  const head = name ? [make("h2", {}, name)] : [];
  return make("div", { class: "part" }, ...head, shown, copyButton(what, () => text, "plain"));
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} what it is, in the middle of a sentence
 * @param {{mono?: string, copied?: string}} [how]
 */
function line_part(name, text, what, { mono = "", copied = text } = {}) {
  const value = make("bdi", { class: mono, translate: "no" }, text);
  return make("div", {}, make("dt", {}, name), make("dd", {}, value, copyButton(what, () => copied)));
}

/**
 * @param {Totp} totp
 * @param {Context} context
 * @returns {Node[]}
 */
function key_parts(totp, context) {
  const secret = decodeBase32(totp.secret);
  const { algorithm, digits, period } = totp;
  const key = { secret, algorithm, digits, period, issuer: totp.issuer ?? "", account: totp.account ?? "" };
  const uri = writeKeyUri(key);
  const live = liveCode(key, context);
  endings.push(live.stop);
  const place = make("div", { class: "qr" });
  void draw(place, uri);
  const lines = [];
  if (key.issuer) lines.push(line_part(phrase("Service"), key.issuer, phrase("service")));
  if (key.account) lines.push(line_part(phrase("Account"), key.account, phrase("account")));
  lines.push(line_part(phrase("Key"), groupsOfFour(totp.secret), phrase("key"), { mono: "mono grouped", copied: totp.secret }));
  if (algorithm !== "SHA1" || digits !== 6 || period !== 30) {
    const values = phrase("{algorithm}, {digits} digits, {period} seconds", { algorithm, digits, period });
    lines.push(make("div", {}, make("dt", {}, phrase("Set it to")), make("dd", {}, values)));
  }
  return [
    make("p", { class: "lead" }, phrase("Scan this with your authenticator app, then type the code that it shows.")),
    make("div", { class: "enrol" }, place, make("div", {}, make("dl", { class: "lines" }, ...lines), open_in_app(uri))),
    ...skew_part(context.ahead),
    confirmation(key, context),
    // Folded: before an app is set up people would copy this across, and the key would be gone from everywhere.
    make("details", { class: "fold" },
      make("summary", {}, phrase("Does your app show another code?")),
      make("div", { class: "key" }, make("p", { class: "who" }, make("strong", {}, phrase("Code now"))), live.node)),
  ];
}

/**
 * @param {HTMLElement} place
 * @param {string} uri
 */
async function draw(place, uri) {
  const { drawQr } = await import("./qr.js");
  place.replaceChildren(drawQr(uri, { title: phrase("QR code of the key"), description: phrase("The same key stands beside it as text.") }));
}

/** @param {string} uri */
function open_in_app(uri) {
  // Shown where a finger points: on a computer there is rarely an app that takes it.
  return make("p", { class: "on-phones" }, make("a", { class: "plain", href: uri }, phrase("Open in authenticator")));
}

/** @param {number} ahead */
function skew_part(ahead) {
  if (Math.abs(ahead) < SKEW) return [];
  const words = ahead > 0
    ? "The clock of this device is {n} seconds fast. The code here goes by the server’s; an app on this device may show another."
    : "The clock of this device is {n} seconds slow. The code here goes by the server’s; an app on this device may show another.";
  return [make("p", { class: "warning" }, phrase(words, { n: Math.abs(ahead) }))];
}

/**
 * @param {import("./otpauth.js").AuthenticatorKey} key
 * @param {Context} context
 */
function confirmation(key, { ahead, handover, confirm, done }) {
  const field = make("input", {
    id: "typed", class: "mono code-field", type: "text", inputmode: "numeric", autocomplete: "off",
    maxlength: "12", "aria-describedby": "typed-said", "data-1p-ignore": true, "data-lpignore": true,
  });
  const said = make("p", { id: "typed-said", class: "small", role: "status" });
  const press = make("button", { type: "submit", class: "next" }, phrase("It works"));
  const label = make("label", { for: "typed" }, phrase("Type the code your app shows"));
  const form = make("form", { class: "confirm", autocomplete: "off" }, label, make("div", { class: "joined" }, field, press), said);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.classList.remove("wrong");
    if (handover) {
      said.classList.add("wrong"); // a right code leaves this page
      await finish(press, () => confirm(field.value));
      field.select();
      return;
    }
    if (await isCurrent(key, field.value, ahead)) {
      await finish(press, () => done("enrolled"));
      return;
    }
    said.classList.add("wrong");
    said.textContent = phrase("That is not the code of now. Wait for the next one and try again. Nothing is lost.");
    field.select();
  });
  return form;
}

/**
 * @param {Secret} secret
 * @param {Context} context
 */
function acts_of(secret, { until, handover, done, hide }) {
  if (handover) return handover_acts(until, hide);
  const key = secret.type === "totp" || (secret.type === "login" && secret.totp);
  const press = button(phrase(key ? "Done without a code" : "Done"), () => void finish(press, () => done("read")), key ? "plain" : "next");
  const help = make("p", { class: "small" }, ...pieces("Done ends it for good. Until {time} you can open it again in this tab; after that it is gone. It hides itself after five minutes.", { time: timeOf(until) }));
  return make("div", { class: "end" }, make("p", { class: "act" }, press, button(phrase("Hide"), hide)), help);
}

/**
 * A hand-over has no way out but a right code, and that one waits for you.
 *
 * @param {string} until
 * @param {() => void} hide
 */
function handover_acts(until, hide) {
  const help = make("p", { class: "small" }, ...pieces("The first right code ends this link; five wrong ones make it void. Until {time} you can open it again in this tab. It hides itself after five minutes.", { time: timeOf(until) }));
  return make("div", { class: "end" }, make("p", { class: "act" }, button(phrase("Hide"), hide)), help);
}

/**
 * @param {HTMLButtonElement} press
 * @param {() => Promise<void>} act
 */
async function finish(press, act) {
  press.disabled = true;
  try {
    await act();
  } catch (error) {
    press.disabled = false;
    const words = error instanceof Error ? words_of(error) : "";
    const place = press.closest("form, .end")?.querySelector(".small");
    if (place) place.textContent = words;
    say(words);
  }
}

/** @param {Error & {reason?: string, remaining?: number | null}} error */
function words_of(error) {
  if (error.reason !== "mismatch") return error.message;
  const n = error.remaining ?? null;
  if (n === null) return phrase("That is not the code of now. Wait for the next one.");
  return n === 1
    ? phrase("That is not the code of now. Wait for the next one. One more try, then this link is void.")
    : phrase("That is not the code of now. Wait for the next one. {n} more tries, then this link is void.", { n });
}

/** @param {() => void} hide */
function hide_after_a_while(hide) {
  let timer = setTimeout(hide, SHOWN_FOR);
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(hide, SHOWN_FOR);
  };
  const signs = ["pointerdown", "keydown"];
  for (const sign of signs) addEventListener(sign, again);
  endings.push(() => {
    clearTimeout(timer);
    for (const sign of signs) removeEventListener(sign, again);
  });
}
