/**
 * The few things that every page of ours does with its nodes: find, make, show, say, copy.
 *
 * Rules: whatever came from outside becomes a text node or an attribute's plain value, never markup; a screen reader
 * hears one short sentence for each thing that happened, and nothing that ticks.
 */

import { LANGUAGE, phrase } from "./words.js";

const SAID_FOR = 1800; // milliseconds that a button tells what it did

/**
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is not on the page`);
  return found;
}

/**
 * Make a node. Attributes are set as they are; `null` and `false` leave one out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean | null>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/**
 * Make a button that does something when a person presses it.
 *
 * @param {string} text
 * @param {() => void} act
 * @param {string} [kind] its class
 */
export function button(text, act, kind = "plain") {
  const made = make("button", { type: "button", class: kind }, text);
  made.addEventListener("click", act);
  return made;
}

/**
 * Show the parts of the page that belong to a state, and no others. The heading of the new part gets the focus, so
 * that keyboard and screen reader are where the eye is.
 *
 * @param {string} state
 * @param {{focus?: boolean}} [how]
 */
export function show(state, { focus = true } = {}) {
  const main = element("main", HTMLElement);
  const before = main.dataset["shows"];
  main.dataset["shows"] = state;
  /** @type {HTMLElement | null} */
  let first = null;
  for (const part of main.querySelectorAll("[data-when]")) {
    if (!(part instanceof HTMLElement)) continue;
    part.hidden = !(part.dataset["when"] ?? "").split(" ").includes(state);
    if (!part.hidden) first ??= part.querySelector("h1");
  }
  if (focus && before !== state) first?.focus({ preventScroll: true });
}

/**
 * Say something to those who listen. The region is emptied first: the same sentence twice is said twice.
 *
 * @param {string} text
 */
export function say(text) {
  const region = element("said", HTMLElement);
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text));
}

/**
 * Put a text, or one that is still being made, on the clipboard. False where the browser refuses.
 *
 * Started before the text is there, a copy still counts as done by the person who pressed a key: some browsers allow
 * no other.
 *
 * @param {string | Promise<string>} text
 * @returns {Promise<boolean>}
 */
export async function copy(text) {
  try {
    if (typeof text !== "string" && typeof ClipboardItem === "function") {
      const plain = text.then((made) => new Blob([made], { type: "text/plain" }));
      // A clipboard that refuses at once never waits for it, and whoever makes the text tells of its failure.
      plain.catch(() => undefined);
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": plain })]);
    } else {
      await navigator.clipboard.writeText(await text);
    }
    return true;
  } catch {
    return false; // not allowed, no clipboard, or the text was never made: the page shows which
  }
}

/**
 * A button that copies, and tells so for a moment.
 *
 * @param {string} name what is copied, as a screen reader says it
 * @param {() => string} text
 * @param {string} [kind]
 */
export function copyButton(name, text, kind = "plain") {
  const face = make("span", { "aria-hidden": "true" }, phrase("Copy"));
  const made = make("button", { type: "button", class: kind, "aria-label": phrase("Copy {name}", { name }) }, face);
  made.addEventListener("click", async () => {
    const done = await copy(text());
    face.textContent = phrase(done ? "Copied" : "Select it");
    say(done ? phrase("Copied {name}.", { name }) : phrase("The browser does not let this page copy. Select the text and copy it."));
    setTimeout(() => (face.textContent = phrase("Copy")), SAID_FOR);
  });
  return made;
}

/**
 * An instant as people write it, in their time zone, which is named.
 *
 * @param {string} instant RFC 3339
 */
export function timeOf(instant) {
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  const text = new Date(instant).toLocaleString(LANGUAGE, /** @type {Intl.DateTimeFormatOptions} */ (options));
  return make("time", { datetime: instant }, text);
}

/** @param {number} bytes */
export function sizeOf(bytes) {
  if (bytes < 1000) return phrase("{n} bytes", { n: bytes });
  const [unit, by] = bytes < 1_000_000 ? ["kB", 1000] : ["MB", 1_000_000];
  const digits = bytes < 10 * Number(by) ? 1 : 0;
  return `${(bytes / Number(by)).toLocaleString(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
}

/**
 * Leave nothing behind: when the page goes away its secrets go with it, and one that comes back from the browser's
 * page cache begins afresh.
 *
 * @param {() => void} forget
 */
export function forgetOnLeaving(forget) {
  addEventListener("pagehide", forget);
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}
