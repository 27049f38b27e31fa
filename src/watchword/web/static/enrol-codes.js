/**
 * Recovery codes: on the screen, on paper, in a file, on the clipboard.
 *
 * Not handled here: where they come from (enrol-page.js).
 *
 * Rule: paper and file are made in this browser, and nothing is uploaded; when the codes leave the screen the file goes, too.
 */

import { copyButton } from "./clipboard.js";
import { element, make } from "./dom.js";
import { phrase } from "./words.js";

let file = "";

/**
 * @param {string[]} codes
 * @param {string} app
 */
export function showCodes(codes, app) {
  clearCodes();
  element("codes", HTMLElement).replaceChildren(...codes.map((code) => make("li", {}, make("code", {}, code))));
  const text = `${phrase("Recovery codes for {app}", { app })}\n${phrase("Each opens your account once.")}\n\n${codes.join("\n")}\n`;
  file = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  element("save", HTMLAnchorElement).href = file;
  element("copy-place", HTMLElement).replaceChildren(copyButton(phrase("recovery codes"), () => codes.join("\n")));
}

/** Take them off the page. */
export function clearCodes() {
  element("codes", HTMLElement).replaceChildren();
  element("copy-place", HTMLElement).replaceChildren();
  element("save", HTMLAnchorElement).removeAttribute("href");
  if (file) URL.revokeObjectURL(file);
  file = "";
}

element("print", HTMLButtonElement).addEventListener("click", () => print());
