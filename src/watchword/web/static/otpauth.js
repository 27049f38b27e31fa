/**
 * What a person pasted, when anything may be pasted: nothing, a text, an authenticator key, an export of keys. The
 * twin of core/pasted.py, and the one module that pages import for keys.
 *
 * docs/spec/totp.md, section 3, and vectors/totp/pasted.json.
 *
 * A text is taken for a bare key only if it looks like nothing else, and never silently: `bare` tells that it was, so
 * that the page can offer to keep it a text. Only a set-up link that cannot be used is a problem.
 */

import { BETWEEN, isComplete } from "./base32.js";
import { EXPORT, readMigration } from "./otpauth-export.js";
import { MAX_BARE, MIN_BITS, parseBase32Key, parseKeyUri, trim } from "./otpauth-key.js";
import { UnusableKey } from "./otpauth-words.js";

export { decodeBase32, encodeBase32, groupsOfFour } from "./base32.js";
export { readMigration } from "./otpauth-export.js";
export { parseBase32Key, parseKeyUri, writeKeyUri } from "./otpauth-key.js";
export { PROBLEMS, UnusableKey, WARNINGS } from "./otpauth-words.js";

/** @typedef {import("./otpauth-key.js").AuthenticatorKey} AuthenticatorKey */
/** @typedef {{kind: "empty"} | {kind: "text"}} Text */
/** @typedef {{kind: "totp", bare: boolean} & import("./otpauth-key.js").Understood} Totp */
/** @typedef {{kind: "migration"} & import("./otpauth-export.js").Export} Migration */
/** @typedef {{kind: "problem", code: import("./otpauth-words.js").Reason, words: string}} Problem */
/** @typedef {Text | Totp | Migration | Problem} Recognised */

const SCHEME = "otpauth://";
const FEWEST = MIN_BITS / 5; // characters of the shortest key that is safe
const GROUPS = new RegExp(`[${BETWEEN}]+`);

/**
 * Tell what a text is. Never throws.
 *
 * @param {string} text
 * @returns {Recognised}
 */
export function recognise(text) {
  const trimmed = trim(text);
  const start = trimmed.slice(0, EXPORT.length).toLowerCase();
  try {
    if (start.startsWith(SCHEME)) return { kind: "totp", bare: false, ...parseKeyUri(text) };
    if (start === EXPORT) return { kind: "migration", ...readMigration(text) };
    if (looks_like_a_key(trimmed)) return { kind: "totp", bare: true, ...parseBase32Key(trimmed) };
  } catch (error) {
    if (!(error instanceof UnusableKey)) throw error;
    return { kind: "problem", code: error.code, words: error.message };
  }
  return { kind: trimmed ? "text" : "empty" };
}

/**
 * Whether a text is probably a bare key: complete, in one case, in even groups, with a digit or all in capitals.
 *
 * @param {string} text
 */
function looks_like_a_key(text) {
  const groups = text.split(GROUPS);
  const letters = groups.join("");
  const bare = letters.replace(/=+$/, "");
  if (!/^(?:[A-Z2-7]+|[a-z2-7]+)=*$/.test(letters) || !isComplete(bare.length)) return false;
  if (bare.length < FEWEST || text.length > MAX_BARE) return false;
  const first = groups[0]?.length ?? 0;
  const even = groups.slice(0, -1).every((group) => group.length === first) && (groups.at(-1)?.length ?? 0) <= first;
  return even && first > 1 && (/[A-Z]/.test(bare) || (/[a-z]/.test(bare) && /[2-7]/.test(bare)));
}
