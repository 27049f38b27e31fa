/**
 * How looking at a magic link can end, each told apart from the others, with what to do next.
 *
 * Rule: it says that nothing was lost where nothing was, and never blames.
 */

import { button, element, make, show } from "./dom.js";
import { phrase } from "./words.js";

/** @typedef {{title: string, text: string}} End */

/** @type {Record<string, End>} */
const ENDS = {
  unknown: {
    title: "This link does not work here",
    text: "It was changed on its way, or it is too old. Ask for a new one on the page where you asked for this.",
  },
  expired: { title: "This link has expired", text: "Go back to {app} and ask for a new one." },
  used: {
    title: "This link was used",
    text: "It works once, and so does the code in the same mail. If that was not you, tell {app} now. To go on, ask there again.",
  },
  canceled: { title: "This was withdrawn", text: "{app} took the request back. If you still need it, ask there again." },
  exhausted: {
    title: "Too many wrong codes",
    text: "The code of this mail was typed wrongly too often, so its link ended as well. Ask for a new one at {app}.",
  },
  failed: { title: "This request was given up", text: "Go back to {app} and ask again." },
  unreachable: { title: "The server cannot be reached", text: "Nothing is lost: your link stays as it is. Try again in a moment." },
  refused: { title: "This did not work", text: "Nothing is lost." },
  insecure: { title: "This page needs https", text: "Over a connection like this one your link cannot be read. Nothing is lost." },
};

const REASONS = new Map([["approved", "used"]]);

/**
 * Whether a status is an end.
 *
 * @param {string} status
 */
export function isEnd(status) {
  return Object.hasOwn(ENDS, REASONS.get(status) ?? status);
}

/**
 * @param {string} reason or status
 * @param {{app?: string, retry?: (() => unknown) | undefined, words?: string | undefined}} [more]
 */
export function sayOver(reason, { app = phrase("the page where you asked"), retry, words } = {}) {
  const end = REASONS.get(reason) ?? reason;
  const { title, text } = /** @type {End} */ (ENDS[end] ?? ENDS["refused"]);
  element("over-title", HTMLElement).textContent = phrase(title);
  element("over-text", HTMLElement).textContent = words ?? phrase(text, { app });
  element("over-more", HTMLElement).replaceChildren(...(retry ? [make("p", { class: "act" }, button(phrase("Try again"), retry))] : []));
  element("main", HTMLElement).dataset["end"] = end;
  show("over");
}

/** @param {"missing" | "damaged"} problem */
export function sayIncomplete(problem) {
  const lost = problem === "missing" ? "The part behind the # is missing." : "The part behind the # is damaged.";
  const rest = "Some mail programs cut links, and opening one in another browser loses it, too. Nothing is used up. Open the link in the mail again, or paste it here as a whole. If the mail has a code, too, you can type it on the page where you asked.";
  element("incomplete-text", HTMLElement).textContent = `${phrase(lost)} ${phrase(rest)}`;
  show("incomplete");
}
