/**
 * The code that an authenticator app would show now, with the time it has left as a ring.
 *
 * Not handled here: what the code is (totp.js), what the key came from (otpauth.js).
 *
 * Rule: nothing here is a live region. A code that changes twice a minute would talk over everything else.
 */

import { make } from "./dom.js";
import { secondsLeft, totpCode } from "./totp.js";
import { phrase } from "./words.js";

/** @typedef {import("./otpauth.js").AuthenticatorKey} AuthenticatorKey */

const SVG = "http://www.w3.org/2000/svg";
const EVERY = 250; // milliseconds between two looks at the clock
const LAST = 5; // seconds in which a code should not be typed any more

/**
 * A card with the live code.
 *
 * @param {AuthenticatorKey} key
 * @param {{ahead?: number}} [clock] seconds by which this device's clock is ahead
 * @returns {{node: HTMLElement, stop: () => void}}
 */
export function liveCode(key, { ahead = 0 } = {}) {
  const code = make("output", { class: "code", "aria-live": "off", "aria-label": phrase("Current code") });
  const left = make("span", { class: "left" });
  const ring = ring_of();
  const node = make("div", { class: "live" }, ring.svg, code, left);
  let shown = -1;
  const tick = async () => {
    const now = Date.now() / 1000 - ahead;
    const rest = secondsLeft(now, key.period);
    ring.set(rest / key.period);
    node.classList.toggle("ends", rest <= LAST);
    left.textContent = `${Math.ceil(rest)} s`;
    const step = Math.floor(now / key.period);
    if (step === shown) return;
    shown = step;
    code.textContent = spaced(await totpCode(key.secret, key, now));
  };
  void tick();
  const timer = setInterval(tick, EVERY);
  return { node, stop: () => clearInterval(timer) };
}

/**
 * Whether a code is the one of now, of just before or of just after.
 *
 * @param {AuthenticatorKey} key
 * @param {string} typed
 * @param {number} ahead
 */
export async function isCurrent(key, typed, ahead) {
  const digits = typed.replace(/[\s-]/g, "");
  const now = Date.now() / 1000 - ahead;
  const steps = [-1, 0, 1].map((step) => totpCode(key.secret, key, Math.max(0, now + step * key.period)));
  return (await Promise.all(steps)).includes(digits);
}

/** @param {string} code */
function spaced(code) {
  const half = Math.ceil(code.length / 2);
  return `${code.slice(0, half)} ${code.slice(half)}`;
}

function ring_of() {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of [["viewBox", "0 0 24 24"], ["class", "ring"], ["aria-hidden", "true"]]) {
    svg.setAttribute(String(name), String(value));
  }
  const circles = ["track", "rest"].map((kind) => {
    const circle = document.createElementNS(SVG, "circle");
    const shape = { class: kind, cx: "12", cy: "12", r: "9", pathLength: "100" };
    for (const [name, value] of Object.entries(shape)) circle.setAttribute(name, value);
    svg.append(circle);
    return circle;
  });
  const set = (/** @type {number} */ part) => circles[1]?.setAttribute("stroke-dasharray", `${(100 * part).toFixed(1)} 100`);
  return { svg, set };
}
