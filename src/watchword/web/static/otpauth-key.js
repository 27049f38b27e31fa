/**
 * Authenticator keys as text: the key URI and the bare base32 key. The twin of core/otpauth.py.
 *
 * docs/spec/totp.md, sections 2, 3 and 5, and vectors/totp/uris.json.
 *
 * Rules: what could be read in two ways is refused; an error holds nothing of the text; names lose control
 * characters and marks that turn the direction of text, and are still only ever put into text nodes.
 */

import { decodeBase32, encodeBase32 } from "./base32.js";
import { UnusableKey, warnings_of } from "./otpauth-words.js";

/** @typedef {"SHA1" | "SHA256" | "SHA512"} Algorithm */
/** @typedef {{algorithm: Algorithm, digits: number, period: number}} Rhythm what a code depends on beside the secret */
/** @typedef {Rhythm & {secret: Uint8Array<ArrayBuffer>, issuer: string, account: string}} AuthenticatorKey */
/** @typedef {{key: AuthenticatorKey, warnings: import("./otpauth-words.js").Warning[]}} Understood */
/** @typedef {import("./otpauth-words.js").Oddity} Oddity */

const SCHEME = "otpauth://";
const MAX_URI = 4096; // characters
export const MAX_BARE = 512;
export const MIN_BITS = 80;
const GOOD_BITS = 128;

const PARAMETERS = ["secret", "issuer", "algorithm", "digits", "period"];
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g; // joiners stay

/**
 * Judge a key: refuse what is too weak, and say what is odd.
 *
 * @param {AuthenticatorKey} key
 * @param {Oddity[]} noticed
 * @returns {Understood}
 */
export function understand(key, noticed = []) {
  const bits = 8 * key.secret.length;
  if (bits < MIN_BITS) throw new UnusableKey(bits ? "too_short" : "no_secret");
  /** @type {Oddity[]} */
  const odd = [];
  if (bits < GOOD_BITS) odd.push("short");
  if (key.algorithm !== "SHA1") odd.push("unusual_algorithm");
  if (key.digits !== 6) odd.push("unusual_digits");
  if (key.period !== 30) odd.push("unusual_period");
  return { key, warnings: warnings_of([...odd, ...noticed]) };
}

/**
 * Read a text that is meant as a bare key.
 *
 * @param {string} text
 * @returns {Understood}
 */
export function parseBase32Key(text) {
  if (text.length > MAX_BARE) throw new UnusableKey("too_long");
  return understand({
    secret: decodeBase32(text),
    issuer: "",
    account: "",
    algorithm: "SHA1",
    digits: 6,
    period: 30,
  });
}

/**
 * Read otpauth://totp/…
 *
 * @param {string} text
 * @returns {Understood}
 */
export function parseKeyUri(text) {
  if (text.length > MAX_URI) throw new UnusableKey("too_long");
  const uri = trim(text);
  if (!uri.toLowerCase().startsWith(SCHEME) || /[\r\n]/.test(uri)) throw new UnusableKey("unreadable");
  const [kind, rest] = split(uri.slice(SCHEME.length), "/");
  const type = kind.toLowerCase();
  if (type !== "totp") throw new UnusableKey(type === "hotp" ? "hotp" : "type");
  const [label, query] = split(rest ?? "", "?");
  if (query === undefined) throw new UnusableKey("no_secret");
  const given = parameters(query);
  const names = readNames(unescape(label), given.get("issuer") ?? "");
  const key = {
    secret: decodeBase32(given.get("secret") ?? ""),
    issuer: names.issuer,
    account: names.account,
    algorithm: algorithm(given.get("algorithm") ?? "SHA1"),
    digits: number(given.get("digits"), "digits", 6, 8, 6),
    period: number(given.get("period"), "period", 5, 600, 30),
  };
  return understand(key, names.noticed);
}

/**
 * Write a key URI that every app reads: issuer in both places, RFC 3986 escapes, defaults left out.
 *
 * @param {AuthenticatorKey} key
 */
export function writeKeyUri(key) {
  const account = escape(key.account).replaceAll("%40", "@");
  // An account with a colon in it and no issuer would be read as issuer and account.
  const prefix = key.issuer || key.account.includes(":") ? `${escape(key.issuer)}:` : "";
  let uri = `${SCHEME}totp/${prefix}${account}?secret=${encodeBase32(key.secret)}`;
  if (key.issuer) uri += `&issuer=${escape(key.issuer)}`;
  if (key.algorithm !== "SHA1") uri += `&algorithm=${key.algorithm}`;
  if (key.digits !== 6) uri += `&digits=${key.digits}`;
  if (key.period !== 30) uri += `&period=${key.period}`;
  return uri;
}

/**
 * Issuer and account of a label such as "ACME: ann@example.org" and a separate issuer.
 *
 * @param {string} label
 * @param {string} issuer
 * @returns {{issuer: string, account: string, noticed: Oddity[]}}
 */
export function readNames(label, issuer) {
  const name = tidy(label);
  const shown = tidy(issuer);
  /** @type {Oddity[]} */
  const noticed = (label + issuer).search(INVISIBLE) < 0 ? [] : ["cleaned"];
  if (shown && name.startsWith(`${shown}:`)) {
    return { issuer: shown, account: name.slice(shown.length + 1).replace(/^ +/, ""), noticed };
  }
  const [first, rest] = split(name, ":");
  if (rest === undefined) return { issuer: shown, account: name, noticed };
  const prefix = first.replace(/ +$/, "");
  if (shown && prefix && prefix !== shown) noticed.push("two_issuers");
  return { issuer: shown || prefix, account: rest.replace(/^ +/, ""), noticed };
}

/**
 * Undo percent escapes.
 *
 * @param {string} text
 * @param {string} plus what a plus sign stands for: itself in a label, a blank in a query
 */
export function unescape(text, plus = "+") {
  if (/%(?![0-9A-Fa-f]{2})|\p{Surrogate}/u.test(text)) throw new UnusableKey("unreadable");
  const bytes = [];
  const raw = new TextEncoder().encode(text.replaceAll("+", plus));
  for (let at = 0; at < raw.length; at++) {
    if (raw[at] !== 0x25) bytes.push(raw[at] ?? 0);
    else bytes.push(parseInt(String.fromCharCode(raw[++at] ?? 0, raw[++at] ?? 0), 16));
  }
  return decodeUtf8(new Uint8Array(bytes));
}

/** @param {Uint8Array} bytes */
export function decodeUtf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UnusableKey("unreadable");
  }
}

/**
 * Without the blanks and line ends that copying leaves at both ends.
 *
 * @param {string} text
 */
export function trim(text) {
  return text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
}

/**
 * What stands before and behind the first mark; behind is missing where there is no mark.
 *
 * @param {string} text
 * @param {string} mark
 * @returns {[string, string | undefined]}
 */
export function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + mark.length)];
}

/** @param {string} query */
function parameters(query) {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const pair of query.split("&")) {
    const [name, value] = split(pair, "=");
    const known = unescape(name).toLowerCase();
    // One app takes the first, another the last: the sender would see other codes than the recipient.
    if (found.has(known)) throw new UnusableKey("doubled");
    if (PARAMETERS.includes(known)) found.set(known, unescape(value ?? "", " "));
  }
  return found;
}

/** @param {string} text */
function tidy(text) {
  return text.replace(INVISIBLE, "").replace(/^ +| +$/g, "");
}

/**
 * @param {string} text
 * @returns {Algorithm}
 */
function algorithm(text) {
  const found = /^(?:HMAC-?)?SHA-?(1|256|512)$/i.exec(text);
  if (!found) throw new UnusableKey("algorithm");
  return /** @type {Algorithm} */ (`SHA${found[1]}`);
}

/**
 * @param {string | undefined} text
 * @param {"digits" | "period"} name
 * @param {number} least
 * @param {number} most
 * @param {number} otherwise
 */
function number(text, name, least, most, otherwise) {
  if (text === undefined) return otherwise;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(least <= value && value <= most)) throw new UnusableKey(name);
  return value;
}

/** @param {string} text */
function escape(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
