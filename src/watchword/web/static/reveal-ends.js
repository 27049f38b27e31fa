/**
 * How looking at a link can end, each told apart from the others, with what to do next.
 *
 * Rule: it says that nothing was lost where nothing was, and never blames.
 */

import { button, element, make, show, timeOf } from "./dom.js";
import { phrase, pieces } from "./words.js";

/** @type {Record<string, {title: string, text: string}>} */
const ENDS = {
  unknown: {
    title: "There is no secret here",
    text: "The link was changed on its way, or the secret is gone for more than 30 days. Ask the sender for a new one.",
  },
  expired: { title: "This link has expired", text: "Nobody can open it any more. Ask the sender for a new one." },
  opened: {
    title: "This was already opened",
    text: "If that was not you, tell the sender now: somebody else may have seen it.",
  },
  burnt: { title: "The sender took this back", text: "Nobody can open it any more. Ask the sender whether there is a new one." },
  uploading: { title: "Not quite there yet", text: "The sender’s files are still on their way. Try again in a moment." },
  locked: {
    title: "Locked after too many wrong passphrases",
    text: "Nothing is lost. Ask the sender to unlock it on the status page.",
  },
  unreachable: { title: "The server cannot be reached", text: "Nothing was opened, nothing is lost. Try again in a moment." },
  insecure: { title: "This page needs https", text: "Over a connection like this one nothing can be opened. Nothing was lost." },
  broken: {
    title: "This cannot be opened",
    text: "What the server sent does not belong to this link. Open the link again, and tell the sender if that does not help.",
  },
  done: { title: "Done", text: "It is closed, and gone from this page. You can close this tab." },
  enrolled: { title: "Set up", text: "Your app shows the right code. The sender is told, and the key is gone from this page." },
  void: { title: "Five wrong codes", text: "This link is over, and the key in it was never used. Ask the sender for a new one." },
  lapsed: { title: "This took too long", text: "The link is over, and the key in it was never used. Ask the sender for a new one." },
  left: { title: "Closed", text: "It is gone from this page. You can close this tab." },
};

/**
 * @param {string} end
 * @param {{at?: string, retry?: () => unknown, words?: string}} [more]
 */
export function sayOver(end, { at = "", retry, words } = {}) {
  const { title, text } = ENDS[end] ?? { title: "This did not work", text: "Nothing was lost." };
  element("over-title", HTMLElement).textContent = phrase(title);
  const when = at ? [...pieces(WHEN.get(end) ?? "{time}.", { time: timeOf(at) }), " "] : [];
  element("over-text", HTMLElement).replaceChildren(...when, words ?? phrase(text));
  element("over-more", HTMLElement).replaceChildren(...(retry ? [make("p", { class: "act" }, button(phrase("Try again"), retry))] : []));
  element("main", HTMLElement).dataset["end"] = end;
  show("over");
}

const WHEN = new Map([
  ["opened", "Opened {time}."],
  ["expired", "It ended {time}."],
  ["burnt", "Erased {time}."],
]);

/**
 * @param {"missing" | "damaged"} problem
 * @param {boolean} mine whether this tab has opened it and may see it again
 */
export function sayIncomplete(problem, mine) {
  const title = mine ? "Open the link once more" : "This link is not complete";
  const lost = problem === "missing" ? "The part behind the # is missing." : "The part behind the # is damaged.";
  const text = mine
    ? ["You opened it in this tab. For your safety the key was not kept: paste the whole link, or open it again here."]
    : [lost, "Some mail programs cut links. Nothing was opened: copy the whole link and paste it here."];
  element("incomplete-title", HTMLElement).textContent = phrase(title);
  element("incomplete-text", HTMLElement).textContent = text.map((sentence) => phrase(sentence)).join(" ");
  show("incomplete");
}
