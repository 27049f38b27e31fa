/**
 * What a page was opened with: the id in its path and the key behind the #, in whatever shape a mail program left them.
 *
 * Not handled here: reading the key out of a damaged link (link.js).
 *
 * Rule: the key leaves address and history before anything else happens, and is in no other place than what is returned.
 */

import { readFragment } from "./link.js";

/** @typedef {{id: string, read: ReturnType<typeof readFragment>}} Found */

const ID = 25; // characters: two letters, "_" and 22 of base64url

/**
 * Take the key out of this page's address.
 *
 * @param {string} letter of the path: "s" of "/s/sc_…"
 * @param {string} prefix of the id: "sc_"
 * @returns {Found} `id` is empty where there is none
 */
export function takeAddress(letter, prefix) {
  const { href, origin, pathname } = location;
  // A "#" that was escaped has made the key a part of the path.
  history.replaceState(null, "", pathname.slice(0, `/${letter}/`.length + ID));
  const found = new RegExp(`^/${letter}/(${prefix}[A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])`).exec(plain(pathname));
  return { id: found?.[1] ?? "", read: readFragment(href.slice(origin.length)) };
}

/**
 * The id and the key in a link that somebody pasted.
 *
 * @param {string} text
 * @param {string} letter
 * @param {string} prefix
 * @returns {Found} `id` is empty where the text has none: then it is this page's
 */
export function pastedAddress(text, letter, prefix) {
  const found = new RegExp(`/${letter}/(${prefix}[A-Za-z0-9_-]{22})`).exec(plain(text));
  return { id: found?.[1] ?? "", read: readFragment(text) };
}

/** @param {string} text */
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
