/**
 * The few things that every page of ours does with its nodes: find, make, show, say.
 *
 * Rules: whatever came from outside becomes a text node or an attribute's plain value, never markup; a screen reader
 * hears one short sentence for each thing that happened, and nothing that ticks.
 */

import { LANGUAGE } from "./words.js";

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
 * An instant as people write it, in their time zone, which is named.
 *
 * @param {string} instant RFC 3339
 */
export function timeOf(instant) {
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  const text = new Date(instant).toLocaleString(LANGUAGE, /** @type {Intl.DateTimeFormatOptions} */ (options));
  return make("time", { datetime: instant }, text);
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
