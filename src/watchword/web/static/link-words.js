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
export function showAsked({ app, purpose, to, countersign, requested_at, expires_at, device, action }) {
  const question = QUESTIONS[purpose] ?? ((/** @type {string} */ name) => `Go on at ${name}?`);
  element("asks", HTMLElement).textContent = question(app);
  element("action", HTMLElement).textContent = action ?? "";
  element("action", HTMLElement).hidden = !action;
  for (const id of ["countersign", "countersign-again"]) element(id, HTMLElement).textContent = countersign;
  element("facts", HTMLElement).replaceChildren(
    fact("For", to),
    ...(device ? [fact("Asked on", device)] : []),
    fact("Asked at", timeOf(requested_at)),
    fact("Valid until", timeOf(expires_at)),
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
  const still = closed ? ", and still works" : "";
  const ways = [...(words ? ["choose “I asked on another device”"] : []), ...(code ? ["type the code from the mail on the page where you asked"] : [])];
  const elsewhere = ways.length ? ` In any other one, also one inside a mail app, ${ways.join(", or ")}.` : "";
  element("where", HTMLElement).textContent = `“Continue here” is for the browser in which you asked${still}.${elsewhere}`;
  element("elsewhere", HTMLElement).hidden = !words;
}

/**
 * @param {string} name
 * @param {Node | string} value
 */
function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", {}, value)));
}
