/**
 * The hosted code page: takes the ticket out of the address and lets <watchword-code> do the rest.
 *
 * Not handled here: the field, checks, sending again (watchword-code.js).
 *
 * Rules:
 *
 * * the ticket leaves address and history before anything else happens;
 * * what stays, so that a reload loses nothing, is the proof that follows from it: in this tab, until the request is over
 *   (docs/adr/0016). It shows two words and takes guesses, and no more than the guesses that a verification takes.
 */

import { takeAddress } from "./address.js";
import { element, show } from "./dom.js";
import { proofOf } from "./token.js";
import { TEXTS, WatchwordCode } from "./watchword-code.js";
import { phrase } from "./words.js";

const TITLES = new Map([
  ["expired", "This code has expired"],
  ["used", "This code was used"],
  ["canceled", "This was withdrawn"],
  ["exhausted", "Too many wrong codes"],
  ["failed", "The message did not arrive"],
  ["unknown", "There is nothing here"],
  ["insecure", "This page needs https"],
]);
// The heading says the first half of each.
const ENDS = {
  expired: "Nothing is lost: go back to the app and ask for a new one.",
  used: "It works once. If you are not where you wanted to be, go back to the app and ask for a new one.",
  canceled: "If you still need it, go back to the app and ask again.",
  exhausted: "Nobody can use this code any more. Go back to the app and ask for a new one.",
  failed: "Go back to the app and check the address.",
  failed_sms: "Go back to the app and check the number.",
  unknown: "This page belongs to no request, or to one that is long over. Go back to the app and ask again.",
  insecure: "Over a connection like this one nothing is sent.",
};

const field = element("code", WatchwordCode);
field.texts = Object.fromEntries(Object.entries({ ...TEXTS, ...ENDS }).map(([name, text]) => [name, phrase(text)]));
let id = "";

async function enter() {
  const found = takeAddress("v", "vf_");
  ({ id } = found);
  field.hidden = false;
  if (!globalThis.crypto?.subtle) return field.end("insecure");
  const ticket = "problem" in found.read ? "" : found.read.L;
  const proof = ticket ? await proofOf(ticket, "page") : kept();
  if (!id || !proof) return incomplete();
  keep(proof);
  await field.start({ origin: location.origin, id, proof });
}

function incomplete() {
  field.hidden = true;
  show("incomplete");
}

/** @param {string} reason */
function over(reason) {
  drop();
  element("over-title", HTMLElement).textContent = phrase(TITLES.get(reason) ?? "This is over");
  element("main", HTMLElement).dataset["end"] = reason;
  show("over");
}

function kept() {
  try {
    return sessionStorage.getItem(`watchword ${id}`) ?? "";
  } catch {
    return ""; // switched off: a reload then needs the way through the app again
  }
}

/** @param {string} proof */
function keep(proof) {
  try {
    sessionStorage.setItem(`watchword ${id}`, proof);
  } catch {
    return;
  }
}

function drop() {
  try {
    sessionStorage.removeItem(`watchword ${id}`);
  } catch {
    return;
  }
}

field.addEventListener("watchword-ready", (event) => {
  const { channel } = /** @type {CustomEvent<{channel: string}>} */ (event).detail;
  element("type", HTMLElement).textContent = phrase(channel === "sms" ? "Type the code from your text message" : "Type the code from your mail");
  show("ready", { focus: false });
});
field.addEventListener("watchword-ended", (event) => {
  event.preventDefault(); // the heading is where the focus belongs here
  over(/** @type {CustomEvent<{reason: string}>} */ (event).detail.reason);
});
addEventListener("hashchange", () => {
  if (location.hash) void enter();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

await enter();
