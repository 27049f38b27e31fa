/**
 * The hosted enrolment page: the key as QR code and text, one field for the code, then the recovery codes and the way back.
 *
 * Not handled here: drawing (qr.js), recovery codes on paper and in a file (enrol-codes.js).
 *
 * Rules:
 *
 * * the ticket leaves address and history before anything else happens; its proof stays in this tab until the end, because
 *   people leave for their authenticator app and a phone may drop the page meanwhile (docs/adr/0016, docs/adr/0026);
 * * the key is on the screen while a code is awaited, and in nothing that outlives that;
 * * what happens here makes nothing active: that is for the app, in the browser that asked.
 */

import { takeAddress } from "./address.js";
import { Refused, ask } from "./api.js";
import { copyButton } from "./clipboard.js";
import { element, forgetOnLeaving, make, show, timeOf } from "./dom.js";
import { clearCodes, showCodes } from "./enrol-codes.js";
import { groupsOfFour } from "./base32.js";
import { proofOf } from "./token.js";
import { phrase } from "./words.js";

/** @typedef {{secret: string, otpauth_uri: string, issuer: string, account: string, algorithm: string, digits: number, period: number}} Key */
/** @typedef {{status: string, app: string, expires_at?: string, key?: Key, redirect_to?: string}} Seen */

/** @type {Map<string, [string, string]>} */
const ENDS = new Map([
  ["active", ["This is done", "Your authenticator app is set up. You can close this page."]],
  ["expired", ["This took too long", "Nothing is lost: go back to the app and begin again. Remove what you scanned from your authenticator app."]],
  ["exhausted", ["Too many wrong codes", "Go back to the app and begin again. Remove what you scanned from your authenticator app."]],
  ["bound", ["This is set up already", "You have this key in use, and it works."]],
  ["full", ["There is no room for another", "Go back to the app and remove an authenticator that you do not use."]],
  ["insecure", ["This page needs https", "Over a connection like this one nothing is sent."]],
  ["unknown", ["There is nothing here", "This page belongs to no enrolment, or to one that is long over. Go back to the app and begin again."]],
]);
const CONFIRMED = "Your authenticator app is not in use yet: go back to the app, which finishes it.";
const ELSEWHERE = "A code was typed here before. If that was not you, do not go on: close this page and tell the app. Recovery codes are shown once; the app can make new ones.";

let id = "";
let proof = "";

const field = element("typed", HTMLInputElement);
const press = element("press", HTMLButtonElement);

async function enter() {
  const found = takeAddress("a", "au_");
  ({ id } = found);
  if (!globalThis.crypto?.subtle) return over("insecure");
  const ticket = "problem" in found.read ? "" : found.read.L;
  proof = ticket ? await proofOf(ticket, "page") : kept();
  if (!id || !proof) return show("incomplete");
  keep(proof);
  await look();
}

async function look() {
  show("looking", { focus: false });
  try {
    arrange((await asked("open")).answer);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return over("unknown");
    show("stuck");
  }
}

/** @param {Seen} seen */
function arrange(seen) {
  element("codes-app", HTMLElement).textContent = seen.app;
  if (seen.status === "confirmed") return confirmed(ELSEWHERE);
  if (seen.status !== "pending" || !seen.key) return over(seen.status);
  const { key } = seen;
  const lines = [];
  if (key.issuer) lines.push(line(phrase("Service"), key.issuer));
  if (key.account) lines.push(line(phrase("Account"), key.account));
  lines.push(line(phrase("Key"), groupsOfFour(key.secret), key.secret));
  if (key.algorithm !== "SHA1" || key.digits !== 6 || key.period !== 30) {
    const { algorithm, digits, period } = key;
    lines.push(line(phrase("Set it to"), phrase("{algorithm}, {digits} digits, {period} seconds", { algorithm, digits, period })));
  }
  element("lines", HTMLElement).replaceChildren(...lines);
  element("open-app", HTMLAnchorElement).href = key.otpauth_uri;
  element("until", HTMLElement).replaceChildren(timeOf(seen.expires_at ?? ""));
  void draw(key.otpauth_uri);
  show("ready");
}

/** @param {string} uri */
async function draw(uri) {
  const { drawQr } = await import("./qr.js");
  element("qr", HTMLElement).replaceChildren(drawQr(uri, { title: phrase("QR code of the key"), description: phrase("The same key stands beside it as text.") }));
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} [copied]
 */
function line(name, text, copied) {
  const value = make("bdi", { class: copied ? "mono grouped" : null, translate: "no" }, text);
  const more = copied ? [copyButton(phrase("key"), () => copied)] : [];
  return make("div", {}, make("dt", {}, name), make("dd", {}, value, ...more));
}

/** Take the key off the page: nobody needs it here once a code was right. */
function clear() {
  for (const name of ["lines", "qr"]) element(name, HTMLElement).replaceChildren();
  element("open-app", HTMLAnchorElement).removeAttribute("href");
  field.value = "";
}

async function check() {
  const said = element("typed-said", HTMLElement);
  said.textContent = "";
  press.disabled = true;
  try {
    const { answer } = await asked("confirm", { code: field.value });
    clear();
    if (!answer.recovery_codes) return confirmed(CONFIRMED);
    showCodes(answer.recovery_codes, element("codes-app", HTMLElement).textContent ?? "");
    show("codes");
  } catch (error) {
    refused(error, said);
  } finally {
    press.disabled = false;
  }
}

/**
 * @param {unknown} error
 * @param {HTMLElement} said
 */
function refused(error, said) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 404) return over("unknown");
  if (error.code === "already_bound") return over("bound");
  if (error.status === 409) return over("full");
  if (error.code !== "not_accepted") {
    said.textContent = error.message;
  } else if (error.reason === "used") {
    void look(); // in another window: what it says now tells which
    return;
  } else if (error.reason !== "mismatch" || error.remaining === 0) {
    return over(error.reason === "mismatch" ? "exhausted" : error.reason);
  } else {
    said.textContent = `${phrase("That is not the code of now. Wait for the next one.")} ${error.tries}`.trim();
  }
  field.select();
}

/** @param {string} words */
function confirmed(words) {
  clear();
  element("confirmed-lead", HTMLElement).textContent = phrase(words);
  show("confirmed");
}

/**
 * Back to the app. The way is asked for now, because it is good for a minute and nobody reads codes that fast.
 *
 * @param {HTMLButtonElement} pressed
 * @param {string} place
 */
async function leave(pressed, place) {
  const said = element(place, HTMLElement);
  said.textContent = "";
  pressed.disabled = true;
  try {
    const { answer } = await asked("open");
    const address = answer.redirect_to ?? "";
    if (!address) return over(answer.status);
    if (!/^https?:$/.test(new URL(address).protocol)) throw new Error("this address is not one to go to");
    end();
    location.replace(address); // what it holds is not to be one step back
  } catch (error) {
    pressed.disabled = false;
    if (error instanceof Refused && error.status === 404) return over("unknown");
    said.textContent = error instanceof Error ? error.message : "";
  }
}

/** @param {string} reason */
function over(reason) {
  end();
  const [title, text] = ENDS.get(reason) ?? ["This is over", "Go back to the app and begin again."];
  element("over-title", HTMLElement).textContent = phrase(title);
  element("over-text", HTMLElement).textContent = phrase(text);
  element("main", HTMLElement).dataset["end"] = reason;
  show("over");
}

function end() {
  clear();
  clearCodes();
  try {
    sessionStorage.removeItem(`watchword ${id}`);
  } catch {
    return;
  }
}

function kept() {
  try {
    return sessionStorage.getItem(`watchword ${id}`) ?? "";
  } catch {
    return ""; // switched off: a reload then needs the way through the app again
  }
}

/** @param {string} value */
function keep(value) {
  try {
    sessionStorage.setItem(`watchword ${id}`, value);
  } catch {
    return;
  }
}

/**
 * @param {"open" | "confirm"} verb
 * @param {Record<string, string>} [more]
 */
function asked(verb, more = {}) {
  return ask("POST", `/v1/enrolments/${id}/${verb}`, { body: { proof, ...more } });
}

element("form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  void check();
});
for (const [name, place] of [["kept", "kept-said"], ["go", "go-said"]]) {
  const pressed = element(String(name), HTMLButtonElement);
  pressed.addEventListener("click", () => void leave(pressed, String(place)));
}
element("again", HTMLButtonElement).addEventListener("click", () => void look());
addEventListener("hashchange", () => {
  if (location.hash) void enter();
});
forgetOnLeaving(() => {
  clear();
  clearCodes();
});

await enter();
