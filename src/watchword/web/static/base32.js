/**
 * Base32 as authenticator keys are written in it, and as people copy them. The twin of core/base32.py.
 *
 * docs/spec/totp.md, section 2, and vectors/totp/base32.json. A character that could stand for two letters is
 * refused, never guessed.
 */

import { UnusableKey } from "./otpauth-words.js";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
export const BETWEEN = " \\t\\u00a0\\u2009\\u202f\\u3000\\u2010-\\u2014\\u2212-"; // blanks and dashes, for a class
const REPAIRED = new RegExp(`[${BETWEEN}]`, "g");

/**
 * Upper case, without blanks, dashes and padding. Whatever else is in it stays.
 *
 * @param {string} text
 */
function repair(text) {
  const trimmed = text.replace(/^[ \t\u00a0\u2009\u202f\u3000\r\n]+|[ \t\u00a0\u2009\u202f\u3000\r\n]+$/g, "");
  const letters = trimmed.replace(REPAIRED, "").replace(/[a-z]/g, (letter) => letter.toUpperCase());
  return letters.replace(/=+$/, "");
}

/**
 * Whether so many characters can be a whole number of bytes.
 *
 * @param {number} length
 */
export function isComplete(length) {
  return ![1, 3, 6].includes(length % 8);
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function decodeBase32(text) {
  const letters = repair(text);
  const strange = letters.replace(/[A-Z2-7]/g, "");
  if (strange) throw new UnusableKey(/^[0189]+$/.test(strange) ? "wrong_digits" : "not_base32");
  if (!isComplete(letters.length)) throw new UnusableKey("wrong_length");
  const bytes = new Uint8Array(Math.floor((letters.length * 5) / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of letters) {
    held = ((held << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
    }
  }
  return bytes;
}

/**
 * Upper case, no padding.
 *
 * @param {Uint8Array} bytes
 */
export function encodeBase32(bytes) {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
  }
  return bits ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/**
 * A key as a person reads it aloud or types it: ABCD EFGH IJKL.
 *
 * @param {string} text
 */
export function groupsOfFour(text) {
  return text.match(/.{1,4}/g)?.join(" ") ?? "";
}
