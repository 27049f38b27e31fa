/**
 * HKDF-SHA-256 with WebCrypto alone: how every key and every proof follows from what is behind the # of a link.
 *
 * Not handled here: which labels there are (envelope.js for secrets, token.js for magic links and hosted pages).
 *
 * Rule: 32 bytes in, 32 bytes out, as everywhere in our formats.
 */

import { subtle } from "./trouble.js";

/** @typedef {import("./binary.js").Bytes} Bytes */

export const KEY_SIZE = 32;

/** @param {Bytes} ikm */
export function hkdfKey(ikm) {
  return subtle().importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
}

/**
 * @param {CryptoKey} ikm
 * @param {Bytes} salt
 * @param {string} info
 * @returns {Promise<Bytes>}
 */
export async function hkdf(ikm, salt, info) {
  const how = { name: "HKDF", hash: "SHA-256", salt, info: new TextEncoder().encode(info) };
  return new Uint8Array(await subtle().deriveBits(how, ikm, KEY_SIZE * 8));
}
