/**
 * The address of a secret: how it is written, and how its key is read out of whatever a mail program made of it.
 *
 * Format: docs/spec/secret-link.md, section 5. The same as core/secret_link.py.
 *
 * Rules: the key is in the fragment and nowhere else; what can be read in exactly one way is repaired, and anything
 * else is a problem before anybody is asked.
 */

import { decode } from "./binary.js";

const KEY_SIZE = 32;
const LENGTH = 43; // characters of a link key
const ESCAPED = 3; // times over that a link is known to be escaped

/**
 * The link to a secret. It is a secret itself.
 *
 * @param {string} origin
 * @param {string} id
 * @param {string} L
 */
export function shareUrl(origin, id, L) {
  return `${origin.replace(/\/+$/, "")}/s/${id}#${L}`;
}

/**
 * The link key in a fragment, or in any text that holds a link.
 *
 * @param {string} text
 * @returns {{L: string} | {problem: "missing" | "damaged"}}
 */
export function readFragment(text) {
  const plain = unescaped(text);
  const bare = /^[ \t\r\n\f\v]*([A-Za-z0-9_-]*)[ \t\r\n\f\v]*$/.exec(plain);
  const whole = bare ? `#${bare[1]}` : plain;
  const runs = [...whole.matchAll(/#([A-Za-z0-9_-]+)/g)].map((match) => match[1] ?? "");
  if (runs.length === 0) return { problem: "missing" };
  const keys = new Set(runs.map(keyOf).filter((key) => key !== null));
  const [L] = keys;
  return keys.size === 1 && L ? { L } : { problem: "damaged" };
}

/** @param {string} text */
function unescaped(text) {
  let plain = text;
  for (let times = 0; times < ESCAPED; times += 1) {
    plain = plain.replace(/%([0-7][0-9a-f])/gi, (_, code) => String.fromCharCode(parseInt(code, 16)));
  }
  return plain.replace(/https?:\/\//gi, (start) => ` ${start}`);
}

/**
 * @param {string} run
 * @returns {string | null}
 */
function keyOf(run) {
  const first = run.slice(0, LENGTH);
  const rest = run.slice(LENGTH);
  // What ends a sentence in some hands is a dash or an underscore, which a key may hold too, but not past its end.
  if (/[^-_]/.test(rest) && rest !== first) return null;
  return decode(first, KEY_SIZE) ? first : null;
}
