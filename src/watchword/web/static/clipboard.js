/**
 * Copying: a text, or one that is still being made, and the button that does it.
 *
 * Not handled here: the buttons of pages for developers (copy.js).
 */

import { make, say } from "./dom.js";
import { phrase } from "./words.js";

const SAID_FOR = 1800; // milliseconds that a button tells what it did

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
