/**
 * The document inside an envelope: what a secret may hold, its one spelling, and its padding.
 *
 * Format: docs/spec/secret-link.md, section 4. The same as core/secret_document.py.
 *
 * Not handled here: encryption (envelope.js), whether a TOTP key is any good, how a file name is made safe.
 *
 * Rules: a closed list of types and members on the way in and out; one spelling; no error repeats a value.
 */

import { decode } from "./binary.js";
import { EnvelopeError } from "./trouble.js";

/**
 * @typedef {{secret: string, algorithm: "SHA1" | "SHA256" | "SHA512", digits: number, period: number,
 *   issuer?: string, account?: string}} Totp
 * @typedef {{name: string, size: number, media_type?: string, content?: string, blob?: number, key?: string}} File
 * @typedef {{label?: string, note?: string}} About
 * @typedef {About & ({type: "text", text: string} | ({type: "totp"} & Totp) | {type: "file", files: File[]} |
 *   {type: "login", password: string, username?: string, url?: string, totp?: Totp})} Secret
 * @typedef {(value: unknown) => boolean} Check
 * @typedef {Record<string, Check>} Checks
 * @typedef {import("./binary.js").Bytes} Bytes
 */

export const MAX_CONTENT = 1_048_576; // bytes of a file that may be inside the document
const MAX_FILES = 20;
const FILE_KEY_SIZE = 16;

const SMALLEST = 512;
const STEP = 65_536;
const LARGEST = 2_097_152;

/** @type {Checks} */
const TOTP = {
  secret: (value) => typeof value === "string" && /^[A-Z2-7]+$/.test(value),
  algorithm: (value) => typeof value === "string" && ["SHA1", "SHA256", "SHA512"].includes(value),
  digits: integer(6, 8),
  period: integer(1, 86_400),
};
/** @type {Checks} */
const TOTP_MAY = { issuer: isText, account: isText };

/** @type {Map<unknown, {must: Checks, may: Checks}>} */
const TYPES = new Map([
  ["text", { must: { text: isText }, may: {} }],
  ["totp", { must: TOTP, may: TOTP_MAY }],
  ["login", { must: { password: isText }, may: { username: isText, url: isText, totp: isTotp } }],
  ["file", { must: { files: areFiles }, may: {} }],
]);

/**
 * The padded canonical text of a document.
 *
 * @param {Secret} document
 * @returns {Bytes}
 */
export function write(document) {
  check(document);
  const bare = new TextEncoder().encode(canonical({ ...document, pad: "" })).length;
  return new TextEncoder().encode(canonical({ ...document, pad: "0".repeat(paddedSize(bare) - bare) }));
}

/**
 * The document of a padded canonical text, without its padding.
 *
 * @param {Bytes} bytes
 * @returns {Secret}
 */
export function read(bytes) {
  const text = textOf(bytes);
  const held = parse(text);
  if (!isObject(held) || typeof held["pad"] !== "string") throw refused();
  const { pad, ...document } = held;
  check(document);
  // Written once more it must be the same, so that no member is there twice and nobody's reader sees another value.
  if (!/^0*$/.test(pad) || sizeAtLeast(bytes.length) !== bytes.length || canonical(held) !== text) throw refused();
  return /** @type {Secret} */ (/** @type {unknown} */ (document));
}

/** @param {number} size */
export function paddedSize(size) {
  const padded = sizeAtLeast(size);
  if (padded > LARGEST) throw refused();
  return padded;
}

/** @param {number} size */
function sizeAtLeast(size) {
  if (size > STEP) return Math.ceil(size / STEP) * STEP;
  let padded = SMALLEST;
  while (padded < size) padded *= 2;
  return padded;
}

/**
 * RFC 8785 for what `check` lets through.
 *
 * @param {unknown} value
 * @returns {string}
 */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** @param {Bytes} bytes */
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused();
  }
}

/**
 * @param {string} text
 * @returns {unknown}
 */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw refused();
  }
}

/** @param {unknown} document */
function check(document) {
  if (!isObject(document)) throw refused();
  const kind = TYPES.get(document["type"]);
  if (!kind || !has(document, { ...kind.must, type: isText }, { ...kind.may, label: isText, note: isText })) {
    throw refused();
  }
}

/**
 * Whether an object has every member it must, none that is not listed, and in each what it should.
 *
 * @param {unknown} held
 * @param {Checks} must
 * @param {Checks} may
 * @returns {boolean}
 */
function has(held, must, may) {
  if (!isObject(held)) return false;
  const checks = new Map(Object.entries({ ...may, ...must }));
  const listed = Object.entries(held).every(([name, value]) => checks.get(name)?.(value) ?? false);
  return listed && Object.keys(must).every((name) => Object.hasOwn(held, name));
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === "string" && !/\p{Surrogate}/u.test(value); // a lone surrogate has no bytes in UTF-8
}

/**
 * @param {number} lowest
 * @param {number} highest
 * @returns {Check}
 */
function integer(lowest, highest) {
  return (value) => Number.isInteger(value) && Number(value) >= lowest && Number(value) <= highest;
}

/** @param {unknown} value */
function isTotp(value) {
  return has(value, TOTP, TOTP_MAY);
}

/** @param {unknown} entry */
function isFile(entry) {
  if (!isObject(entry)) return false;
  const about = { name: isText, size: integer(0, Number.MAX_SAFE_INTEGER) };
  const may = { media_type: isText };
  if (!Object.hasOwn(entry, "content")) {
    const isKey = (/** @type {unknown} */ value) => decode(value, FILE_KEY_SIZE) !== null;
    return has(entry, { ...about, blob: integer(0, MAX_FILES - 1), key: isKey }, may);
  }
  const size = Number(entry["size"]);
  return has(entry, { ...about, content: isText }, may) && size <= MAX_CONTENT && decode(entry["content"], size) !== null;
}

/** @param {unknown} value */
function areFiles(value) {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_FILES || !value.every(isFile)) return false;
  const blobs = value.filter((entry) => Object.hasOwn(entry, "blob")).map((entry) => entry.blob);
  return new Set(blobs).size === blobs.length;
}

function refused() {
  return new EnvelopeError("invalid", "document");
}
