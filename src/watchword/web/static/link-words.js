/**
 * What a magic link asks, in plain words.
 *
 * Not handled here: how looking at it can end (link-ends.js).
 *
 * Rule: everything here comes out of the sealed context and becomes text; the first word is in none of it.
 */

import { element, make, timeOf } from "./dom.js";

/** @typedef {{status: string, app: string, purpose: string, to: string, countersign: string, requested_at: string,
 *   expires_at: string, device?: string, action?: string, other_device: boolean, code: boolean, words_remaining: number}} Context */

/** @type {Record<string, (app: string) => string>} */
const QUESTIONS = {
  login: (app) => `Sign in to ${app}?`,
  step_up: (app) => `Approve this at ${app}?`,
  address_confirmation: (app) => `Confirm your address for ${app}?`,
  recovery: (app) => `Get back into your account at ${app}?`,
  binding: (app) => `Add this address to your account at ${app}?`,
};

/** @param {Context} context */
export function showAsked({ app, purpose, to, countersign, requested_at, expires_at, device, action, other_device }) {
  const question = QUESTIONS[purpose] ?? ((/** @type {string} */ name) => `Go on at ${name}?`);
  element("asks", HTMLElement).textContent = question(app);
  element("action", HTMLElement).textContent = action ?? "";
  element("action", HTMLElement).hidden = !action;
  for (const id of ["countersign", "countersign-again"]) element(id, HTMLElement).textContent = countersign;
  element("elsewhere", HTMLElement).hidden = !other_device;
  element("facts", HTMLElement).replaceChildren(
    fact("For", to),
    fact("Asked on", device || "an unknown device"),
    fact("Asked at", timeOf(requested_at)),
    fact("Valid until", timeOf(expires_at)),
  );
}

/**
 * @param {string} name
 * @param {Node | string} value
 */
function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", {}, value)));
}
