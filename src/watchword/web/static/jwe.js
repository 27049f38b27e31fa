/**
 * JWE in compact form, `dir` and `A256GCM`: how everything is sealed that a browser opens.
 *
 * Format: docs/spec/secret-link.md, section 3.
 *
 * Rules: the header is compared, never parsed; a key that is given here never leaves WebCrypto; whatever does not have
 * the form is `invalid`, whatever does not verify `tampered`, and no error repeats what it was given.
 */

import { decode, encode } from "./binary.js";
import { EnvelopeError, subtle } from "./trouble.js";

/** @typedef {import("./binary.js").Bytes} Bytes */

export const IV_SIZE = 12;
const TAG_SIZE = 16;
const HEADER = encode(new TextEncoder().encode('{"alg":"dir","enc":"A256GCM"}'));

/** @param {Bytes} raw */
export function contentKey(raw) {
  return subtle().importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * @param {CryptoKey} cek
 * @param {Bytes} iv used once
 * @param {Bytes} text
 */
export async function sealJwe(cek, iv, text) {
  const sealed = new Uint8Array(await subtle().encrypt(algorithm(iv), cek, text));
  const parts = [HEADER, "", encode(iv), encode(sealed.subarray(0, -TAG_SIZE)), encode(sealed.subarray(-TAG_SIZE))];
  return parts.join(".");
}

/**
 * @typedef {{iv: Bytes, sealed: Bytes}} Read
 * @param {unknown} jwe
 * @returns {Read}
 */
export function readJwe(jwe) {
  const [header, key, ...rest] = typeof jwe === "string" ? jwe.split(".") : [];
  const [iv, text, tag] = [decode(rest[0], IV_SIZE), decode(rest[1]), decode(rest[2], TAG_SIZE)];
  if (header !== HEADER || key !== "" || rest.length !== 3 || !iv || !text || !tag) {
    throw new EnvelopeError("invalid", "envelope");
  }
  const sealed = new Uint8Array(text.length + TAG_SIZE);
  sealed.set(text);
  sealed.set(tag, text.length);
  return { iv, sealed };
}

/**
 * @param {CryptoKey} cek
 * @param {Read} read
 * @returns {Promise<Bytes>}
 */
export async function openJwe(cek, { iv, sealed }) {
  const text = await subtle()
    .decrypt(algorithm(iv), cek, sealed)
    .catch(() => {
      throw new EnvelopeError("tampered");
    });
  return new Uint8Array(text);
}

/**
 * @param {Bytes} iv
 * @returns {AesGcmParams}
 */
function algorithm(iv) {
  return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(HEADER), tagLength: TAG_SIZE * 8 };
}
