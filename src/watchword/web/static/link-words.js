/**
 * What a magic link asks, in plain words.
 *
 * Not handled here: how looking at it can end (link-ends.js).
 *
 * Rule: everything here comes out of the sealed context and becomes text; the first word is in none of it.
 */

import { element, make, timeOf } from "./dom.js";
import { phrase } from "./words.js";

/** @typedef {{status: string, app: string, purpose: string, to: string, countersign: string, requested_at: string,
 *   expires_at: string, device?: string, action?: string, other_device: boolean, code: boolean, words_remaining: number}} Context */

const QUESTIONS = new Map([
  ["login", "Sign in to {app}?"],
  ["step_up", "Approve this at {app}?"],
  ["address_confirmation", "Confirm your address for {app}?"],
  ["recovery", "Get back into your account at {app}?"],
  ["binding", "Add this address to your account at {app}?"],
]);

const ELSEWHERE = new Map([
  ["wordcode", "In any other one, also one inside a mail app, choose “I asked on another device”, or type the code from the mail on the page where you asked."],
  ["word", "In any other one, also one inside a mail app, choose “I asked on another device”."],
  ["code", "In any other one, also one inside a mail app, type the code from the mail on the page where you asked."],
]);

/** @param {Context} context */
export function showAsked({ app, purpose, to, countersign, requested_at, expires_at, device, action }) {
  element("asks", HTMLElement).textContent = phrase(QUESTIONS.get(purpose) ?? "Go on at {app}?", { app });
  element("action", HTMLElement).textContent = action ?? "";
  element("action", HTMLElement).hidden = !action;
  for (const id of ["countersign", "countersign-again"]) element(id, HTMLElement).textContent = countersign;
  element("facts", HTMLElement).replaceChildren(
    fact(phrase("For"), to),
    ...(device ? [fact(phrase("Asked on"), deviceOf(device))] : []),
    fact(phrase("Asked at"), timeOf(requested_at)),
    fact(phrase("Valid until"), timeOf(expires_at)),
  );
}

/**
 * Which button is for whom. A browser inside a mail app is another one, too.
 *
 * @param {Context} context
 * @param {{closed?: boolean}} [how] whether no word is taken any more
 */
export function showWhere({ other_device, code }, { closed = false } = {}) {
  const words = other_device && !closed;
  const here = closed ? "“Continue here” is for the browser in which you asked, and still works." : "“Continue here” is for the browser in which you asked.";
  const elsewhere = ELSEWHERE.get(`${words ? "word" : ""}${code ? "code" : ""}`);
  element("where", HTMLElement).textContent = [here, ...(elsewhere ? [elsewhere] : [])].map((sentence) => phrase(sentence)).join(" ");
  element("elsewhere", HTMLElement).hidden = !words;
}

/**
 * A device in the reader's language: "Firefox on Windows" is put together from two lists (core/device.py).
 *
 * @param {string} device
 */
function deviceOf(device) {
  const [, browser = "", system = ""] = /^(.*) on (.*)$/.exec(device) ?? [];
  return system ? phrase("{browser} on {system}", { browser: phrase(browser), system: phrase(system) }) : device;
}

/**
 * @param {string} name
 * @param {Node | string} value
 */
function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", {}, value)));
}
