/**
 * Exports of Google Authenticator, otpauth-migration://, read into accounts. The twin of core/otpauth_export.py.
 *
 * docs/spec/totp.md, section 4, and vectors/totp/exports.json. An export holds every account of a phone in clear, so
 * each is told apart and none is passed on unseen.
 */

import { decodeUtf8, readNames, split, trim, understand, unescape } from "./otpauth-key.js";
import { PROBLEMS, UnusableKey } from "./otpauth-words.js";

/** @typedef {import("./otpauth-key.js").Understood} Understood */
/** @typedef {{issuer: string, account: string, code: string, words: string}} Unusable an account that cannot be used */
/** @typedef {{accounts: Understood[], unusable: Unusable[], part: number, parts: number}} Export */
/** @typedef {Map<number, number | Uint8Array<ArrayBuffer>>} Fields */

export const EXPORT = "otpauth-migration://";
const MAX_EXPORT = 16_384; // characters
const MAX_PARTS = 100;
const ACCOUNT = 1; // fields of the payload
const PARTS = 3;
const PART = 4;
const ALGORITHMS = /** @type {const} */ (["SHA1", "SHA1", "SHA256", "SHA512"]); // 4 is MD5
const DIGITS = [6, 6, 8];

/**
 * @param {string} text
 * @returns {Export}
 */
export function readMigration(text) {
  /** @type {Export} */
  const found = { accounts: [], unusable: [], part: 1, parts: 1 };
  let index = 0;
  for (const [number, value] of fields(payload(trim(text)))) {
    if (number === ACCOUNT) add(found, new Map(fields(bytes(value))));
    else if (number === PARTS) found.parts = integer(value);
    else if (number === PART) index = integer(value);
  }
  if (!found.accounts.length && !found.unusable.length) throw new UnusableKey("no_accounts");
  const sound = index < found.parts && found.parts <= MAX_PARTS;
  found.part = sound ? index + 1 : 1;
  found.parts = sound ? found.parts : 1;
  return found;
}

/** @param {string} uri */
function payload(uri) {
  if (uri.length > MAX_EXPORT) throw new UnusableKey("too_long");
  const [, query] = split(uri, "?");
  if (!uri.toLowerCase().startsWith(EXPORT) || query === undefined) throw new UnusableKey("unreadable");
  const pairs = query.split("&").map((pair) => split(pair, "="));
  const given = pairs.filter(([name]) => name.toLowerCase() === "data").map(([, value]) => value ?? "");
  if (given.length !== 1) throw new UnusableKey(given.length ? "doubled" : "unreadable");
  // A plus sign that was not escaped may have become a blank.
  const letters = unescape(given[0] ?? "").replace(/[- ]/g, "+").replaceAll("_", "/").replace(/=+$/, "");
  if (!/^[A-Za-z0-9+/]*$/.test(letters) || letters.length % 4 === 1) throw new UnusableKey("unreadable");
  return Uint8Array.from(atob(letters), (character) => character.charCodeAt(0));
}

/**
 * @param {Export} found
 * @param {Fields} account
 */
function add(found, account) {
  const names = readNames(text(account.get(2)), text(account.get(3)));
  const [algorithm, digits, kind] = [4, 5, 6].map((number) => integer(account.get(number) ?? 0));
  const secret = bytes(account.get(1) ?? new Uint8Array());
  try {
    if (kind !== 2) throw new UnusableKey(kind === 1 ? "hotp" : "type");
    const known = { algorithm: ALGORITHMS[algorithm ?? 0], digits: DIGITS[digits ?? 0] };
    if (!known.algorithm) throw new UnusableKey("algorithm");
    if (!known.digits) throw new UnusableKey("digits");
    const { issuer, account: name } = names;
    const key = { secret, issuer, account: name, algorithm: known.algorithm, digits: known.digits, period: 30 };
    found.accounts.push(understand(key, names.noticed));
  } catch (error) {
    if (!(error instanceof UnusableKey)) throw error;
    const { issuer, account: name } = names;
    found.unusable.push({ issuer, account: name, code: error.code, words: PROBLEMS[error.code] });
  }
}

/**
 * Walk over the fields of a protocol buffer: number and value.
 *
 * @param {Uint8Array<ArrayBuffer>} message
 * @returns {Generator<[number, number | Uint8Array<ArrayBuffer>], void>}
 */
function* fields(message) {
  let at = 0;
  const varint = () => {
    let number = 0;
    for (let place = 0; place < 10; place++) {
      const byte = message[at++];
      if (byte === undefined) break;
      number += (byte & 0x7f) * 2 ** (7 * place); // exact below 2^53, and no number that matters is larger
      if (byte < 0x80) return number;
    }
    throw new UnusableKey("unreadable");
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (!number) throw new UnusableKey("unreadable");
    if (wire === 0) {
      yield [number, varint()];
      continue;
    }
    const size = wire === 2 ? varint() : ({ 1: 8, 5: 4 }[wire] ?? Infinity);
    if (size > message.length - at) throw new UnusableKey("unreadable");
    yield [number, message.slice(at, at + size)];
    at += size;
  }
}

/** @param {number | Uint8Array<ArrayBuffer>} value */
function bytes(value) {
  if (typeof value === "number") throw new UnusableKey("unreadable");
  return value;
}

/** @param {number | Uint8Array<ArrayBuffer>} value */
function integer(value) {
  if (typeof value !== "number") throw new UnusableKey("unreadable");
  return value;
}

/** @param {number | Uint8Array<ArrayBuffer> | undefined} value */
function text(value) {
  return decodeUtf8(bytes(value ?? new Uint8Array()));
}
