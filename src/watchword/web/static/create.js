/**
 * The page that makes a link: one field that takes anything, then the link on the clipboard.
 *
 * Not handled here: telling what was put in (create-input.js), making and sending the sealed secret (create-seal.js),
 * showing the link (create-made.js).
 *
 * Rules: what was put in leaves this page sealed or not at all, and leaves its fields as soon as the link is there;
 * after a failure it is all still there.
 */

import { Refused } from "./api.js";
import { Input } from "./create-input.js";
import { showMade } from "./create-made.js";
import { shareAll } from "./create-seal.js";
import { copy, element, forgetOnLeaving, say, show } from "./dom.js";
import { EnvelopeError } from "./envelope.js";
import { groups } from "./passphrase.js";

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("form"));
if (form) start(form);

/** @param {HTMLFormElement} form */
function start(form) {
  const input = new Input();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void share(form, input);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void share(form, input);
    }
  });
  form.addEventListener("input", () => trouble(""));
  for (const id of ["expiry", "views", "passphrase"]) element(id, HTMLElement).addEventListener("input", terms);
  element("suggest", HTMLButtonElement).addEventListener("click", () => {
    element("passphrase", HTMLInputElement).value = groups();
    terms();
    say("A passphrase was filled in.");
  });
  forgetOnLeaving(() => {
    form.reset();
    input.clear();
    element("made", HTMLElement).replaceChildren();
  });
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) for (const key of form.querySelectorAll("kbd")) mac(key);
  terms();
  if (!globalThis.crypto?.subtle) trouble("This page needs https to seal anything. Nothing can be shared from here.");
}

/** @param {Element} key */
function mac(key) {
  if (key.textContent === "Ctrl") key.textContent = "⌘";
}

let working = false;

/**
 * @param {HTMLFormElement} form
 * @param {Input} input
 */
async function share(form, input) {
  if (working) return;
  const put = input.documents();
  if ("problem" in put) {
    trouble(put.problem);
    put.at.focus();
    return;
  }
  working = true;
  busy(true);
  trouble("");
  // Begun now, while the browser still knows that a person asked for it.
  const chosen = options();
  const made = shareAll(put.documents, put.files, chosen, progress);
  const link = made.then(([first]) => first?.link ?? "");
  link.catch(() => undefined); // fails where `made` does, which is waited for below and told of there
  const copied = copy(link);
  try {
    const links = await made;
    const done = await copied;
    form.reset();
    input.clear();
    showMade(links, { copied: done, passphrase: chosen.passphrase });
    show("made");
    say(done ? `${links.length > 1 ? "The first link is" : "The link is"} on your clipboard.` : "Your link is ready.");
  } catch (error) {
    trouble(words_of(error));
    busy(false);
    element("secret", HTMLTextAreaElement).focus();
  } finally {
    working = false;
  }
}

/** What was chosen under "Options". */
function options() {
  const key = document.getElementById("apikey");
  return {
    expires_in: Number(element("expiry", HTMLSelectElement).value),
    views: Number(element("views", HTMLSelectElement).value),
    passphrase: element("passphrase", HTMLInputElement).value || undefined,
    apiKey: key instanceof HTMLInputElement ? key.value.trim() : "",
  };
}

/** Say in the folded line what holds if nobody unfolds it. */
function terms() {
  const chosen = (/** @type {string} */ id) => element(id, HTMLSelectElement).selectedOptions[0]?.textContent?.trim() ?? "";
  const passphrase = element("passphrase", HTMLInputElement).value ? ", with a passphrase" : "";
  element("terms", HTMLElement).textContent = `Opens ${chosen("views")}, within ${chosen("expiry")}${passphrase}`;
}

/** @param {boolean} now */
function busy(now) {
  const button = element("share", HTMLButtonElement);
  button.disabled = now;
  button.textContent = now ? "Sealing…" : "Make the link";
  // What is on its way is not changed under it.
  for (const id of ["well", "found", "more", "options"]) element(id, HTMLElement).inert = now;
  if (!now) element("progress", HTMLElement).hidden = true;
}

/**
 * @param {string} doing
 * @param {number} [part] of 1
 */
function progress(doing, part) {
  element("progress", HTMLElement).hidden = false;
  const bar = element("bar", HTMLProgressElement);
  if (part === undefined) bar.removeAttribute("value");
  else bar.value = part;
  element("share", HTMLButtonElement).textContent = `${doing.split(" ")[0]}…`;
  element("doing", HTMLElement).textContent = part === undefined ? doing : `${doing}: ${Math.floor(100 * part)} %`;
}

/** @param {string} text */
function trouble(text) {
  const place = element("problem", HTMLElement);
  place.textContent = text;
  place.hidden = !text;
}

/** @param {unknown} error */
function words_of(error) {
  if (error instanceof Refused) {
    if (error.status === 401) return "The API key is not right. Nothing was lost.";
    if (error.status === 429) return `${error.message} Try again in ${Math.ceil(error.retryAfter / 60)} min.`;
    return error.message;
  }
  if (error instanceof EnvelopeError) {
    if (error.kind === "insecure") return "This page needs https to seal anything. Nothing was sent.";
    if (error.field === "passphrase") return "This passphrase cannot be used: it is too long, or holds broken characters.";
    return "This cannot be sealed: it is too long, or holds broken characters. Nothing was sent.";
  }
  throw error;
}
