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
import { copy } from "./clipboard.js";
import { Input } from "./create-input.js";
import { showMade } from "./create-made.js";
import { shareAll } from "./create-seal.js";
import { element, forgetOnLeaving, say, show } from "./dom.js";
import { EnvelopeError } from "./envelope.js";
import { groups } from "./passphrase.js";
import { phrase } from "./words.js";

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
    say(phrase("A passphrase was filled in."));
  });
  forgetOnLeaving(() => {
    form.reset();
    input.clear();
    element("made", HTMLElement).replaceChildren();
  });
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) for (const key of form.querySelectorAll("kbd")) mac(key);
  terms();
  if (!globalThis.crypto?.subtle) trouble(phrase("This page needs https to seal anything. Nothing can be shared from here."));
}

/** @param {Element} key */
function mac(key) {
  if (key.textContent === phrase("Ctrl")) key.textContent = "⌘";
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
    say(phrase(!done ? "Your link is ready." : links.length > 1 ? "The first link is on your clipboard." : "The link is on your clipboard."));
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
  const said = element("passphrase", HTMLInputElement).value ? "Opens {views}, within {expiry}, with a passphrase" : "Opens {views}, within {expiry}";
  element("terms", HTMLElement).textContent = phrase(said, { views: chosen("views"), expiry: chosen("expiry") });
}

/** @param {boolean} now */
function busy(now) {
  const button = element("share", HTMLButtonElement);
  button.disabled = now;
  button.textContent = phrase(now ? "Sealing…" : "Make the link");
  // What is on its way is not changed under it.
  for (const id of ["well", "found", "more", "options"]) element(id, HTMLElement).inert = now;
  if (!now) element("progress", HTMLElement).hidden = true;
}

/**
 * @param {string} doing in English
 * @param {number} [part] of 1
 * @param {Record<string, number>} [facts]
 */
function progress(doing, part, facts) {
  element("progress", HTMLElement).hidden = false;
  const bar = element("bar", HTMLProgressElement);
  if (part === undefined) bar.removeAttribute("value");
  else bar.value = part;
  element("share", HTMLButtonElement).textContent = phrase(doing === "Sending" ? "Sending…" : "Sealing…");
  element("doing", HTMLElement).textContent = part === undefined ? phrase(doing, facts) : `${phrase(doing)}: ${Math.floor(100 * part)} %`;
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
    if (error.status === 401) return phrase("The API key is not right. Nothing was lost.");
    if (error.status === 429) return `${error.message} ${phrase("Try again in {n} min.", { n: Math.ceil(error.retryAfter / 60) })}`;
    return error.message;
  }
  if (error instanceof EnvelopeError) {
    if (error.kind === "insecure") return phrase("This page needs https to seal anything. Nothing was sent.");
    if (error.field === "passphrase") return phrase("This passphrase cannot be used: it is too long, or holds broken characters.");
    return phrase("This cannot be sealed: it is too long, or holds broken characters. Nothing was sent.");
  }
  throw error;
}
