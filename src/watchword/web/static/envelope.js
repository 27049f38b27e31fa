/**
 * Envelopes: how a secret is sealed by the one who shares it and opened by the one who receives it.
 *
 * Format: docs/spec/secret-link.md, sections 2 and 3. The same as core/envelope.py, with WebCrypto alone.
 *
 * Not handled here: what a secret holds (document.js), the JWE around it (jwe.js), file bodies (records.js), requests to
 * the service.
 *
 * Rules: random bytes are used once; the KDF is one of a closed list; no error repeats a key, a proof, a passphrase or a
 * text. The content key never leaves WebCrypto.
 */

import { decode, encode } from "./binary.js";
import { read, write } from "./document.js";
import { KEY_SIZE, hkdf, hkdfKey } from "./hkdf.js";
import { IV_SIZE, contentKey, openJwe, readJwe, sealJwe } from "./jwe.js";
import { EnvelopeError, subtle } from "./trouble.js";

export { readFragment, shareUrl } from "./link.js";
export { EnvelopeError } from "./trouble.js";

/**
 * @typedef {import("./binary.js").Bytes} Bytes
 * @typedef {import("./document.js").Secret} Secret
 * @typedef {{v: number, nonce: string, kdf?: string, jwe: string}} Envelope
 * @typedef {{nonce: string, kdf?: string | undefined}} Parameters what `open` tells before anything is claimed
 * @typedef {{link: string, auth?: string}} Proofs
 * @typedef {{nonce: string, kdf: string | undefined, proofs: Proofs, cek: CryptoKey}} Keys
 * @typedef {{envelope: Envelope, link_hash: string, auth_hash?: string}} Body of the request that creates a secret
 * @typedef {(size: number) => Bytes} Dice
 */

const VERSION = 1;
const NONCE_SIZE = 16;
const MAX_PASSPHRASE = 1024; // bytes after normalisation

const PBKDF2 = "pbkdf2-sha256-600000";
const ROUNDS = new Map([[PBKDF2, 600_000]]); // the whole list

/**
 * Seal a document.
 *
 * @param {Secret} document
 * @param {{passphrase?: string | undefined, random?: Dice}} [options] `random` is for test vectors; it is asked for
 *   the link key, the nonce and the IV, in this order
 * @returns {Promise<{L: string, body: Body}>}
 */
export async function seal(document, { passphrase, random = drawn } = {}) {
  const text = write(document);
  const [link_key, nonce, iv] = [random(KEY_SIZE), random(NONCE_SIZE), random(IV_SIZE)];
  const L = encode(link_key);
  const parameters = { nonce: encode(nonce), ...(passphrase === undefined ? {} : { kdf: PBKDF2 }) };
  const { proofs, cek } = await deriveKeys(L, parameters, passphrase);
  const jwe = await sealJwe(cek, iv, text);
  const auth = proofs.auth === undefined ? {} : { auth_hash: await hashed(proofs.auth) };
  const envelope = { v: VERSION, ...parameters, jwe };
  return { L, body: { envelope, link_hash: await hashed(proofs.link), ...auth } };
}

/**
 * Open an envelope with the link, and the passphrase if it has one.
 *
 * @param {string} L
 * @param {unknown} envelope as the service gave it
 * @param {{passphrase?: string | undefined, keys?: Keys}} [options] `keys`, where they were derived before for the
 *   proofs, spare the second derivation
 * @returns {Promise<Secret>}
 */
export async function unseal(L, envelope, { passphrase, keys } = {}) {
  const held = readEnvelope(envelope);
  const sealed = readJwe(held.jwe);
  const derived = keys ?? (await deriveKeys(L, held, passphrase));
  // The proofs were made for the nonce and the KDF that `open` told; a claim that brings others is another secret.
  if (derived.nonce !== held.nonce || derived.kdf !== held.kdf) throw new EnvelopeError("tampered");
  return read(await openJwe(derived.cek, sealed));
}

/**
 * What proves to the service that one has the link, and the passphrase.
 *
 * @param {string} L
 * @param {Parameters} parameters
 * @param {string} [passphrase]
 * @returns {Promise<Proofs>}
 */
export async function proofs(L, parameters, passphrase) {
  return (await deriveKeys(L, parameters, passphrase)).proofs;
}

/**
 * What proves that one has the link, where nothing else of the secret is known yet.
 *
 * @param {string} L
 */
export async function linkProof(L) {
  return encode(await hkdf(await hkdfKey(linkKey(L)), new Uint8Array(0), "watchword/v1/secret/link"));
}

/**
 * Everything that follows from link and passphrase for one envelope. With a passphrase this takes a good part of a
 * second, on purpose.
 *
 * @param {string} L
 * @param {Parameters} parameters
 * @param {string} [passphrase]
 * @returns {Promise<Keys>}
 */
export async function deriveKeys(L, { nonce, kdf }, passphrase) {
  const link_key = linkKey(L);
  const salt = decode(nonce, NONCE_SIZE);
  if (!salt || (kdf !== undefined && !ROUNDS.has(kdf))) throw new EnvelopeError("invalid", "envelope");
  if ((kdf === undefined) !== (passphrase === undefined)) throw new EnvelopeError("invalid", "passphrase");
  const slow = kdf === undefined || passphrase === undefined ? null : await stretched(passphrase, link_key, kdf);
  const ikm = await hkdfKey(slow ? joined(link_key, slow) : link_key);
  const params = `\u0001${kdf ?? "none"}`;
  const raw = await hkdf(ikm, salt, `watchword/v1/secret/cek${params}`);
  const cek = await contentKey(raw);
  const auth = slow && encode(await hkdf(ikm, salt, `watchword/v1/secret/auth${params}`));
  return { nonce, kdf, cek, proofs: { link: await linkProof(L), ...(auth ? { auth } : {}) } };
}

/**
 * The bytes of a passphrase that the KDF is given.
 *
 * @param {string} passphrase
 * @returns {Bytes}
 */
export function normalised(passphrase) {
  const bytes = new TextEncoder().encode(passphrase.normalize("NFKC"));
  // TextEncoder would write a lone surrogate as U+FFFD, and all of them as the same passphrase.
  const whole = !/\p{Surrogate}/u.test(passphrase);
  if (!whole || bytes.length < 1 || bytes.length > MAX_PASSPHRASE) throw new EnvelopeError("invalid", "passphrase");
  return bytes;
}

/**
 * @param {unknown} wire
 * @returns {Envelope}
 */
function readEnvelope(wire) {
  if (typeof wire !== "object" || wire === null) throw new EnvelopeError("invalid", "envelope");
  const { v, nonce, kdf, jwe, ...more } = /** @type {Record<string, unknown>} */ (wire);
  const formed = v === VERSION && decode(nonce, NONCE_SIZE) !== null && typeof jwe === "string";
  // A `kdf` of null is not the same as none.
  const known = Object.hasOwn(wire, "kdf") ? ROUNDS.has(/** @type {string} */ (kdf)) : true;
  if (!formed || !known || Object.keys(more).length > 0) throw new EnvelopeError("invalid", "envelope");
  return /** @type {Envelope} */ (wire);
}

/** @param {string} L */
function linkKey(L) {
  const link_key = decode(L, KEY_SIZE);
  if (!link_key) throw new EnvelopeError("invalid", "link");
  return link_key;
}

/**
 * @param {string} passphrase
 * @param {Bytes} salt
 * @param {string} kdf
 * @returns {Promise<Bytes>}
 */
async function stretched(passphrase, salt, kdf) {
  const typed = await subtle().importKey("raw", normalised(passphrase), "PBKDF2", false, ["deriveBits"]);
  const rounds = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ROUNDS.get(kdf) ?? Infinity };
  return new Uint8Array(await subtle().deriveBits(rounds, typed, KEY_SIZE * 8));
}

/** @param {string} proof */
async function hashed(proof) {
  const raw = decode(proof, KEY_SIZE) ?? new Uint8Array(0);
  return encode(new Uint8Array(await subtle().digest("SHA-256", raw)));
}

/** @type {Dice} */
function drawn(size) {
  return crypto.getRandomValues(new Uint8Array(size));
}

/** @param {Bytes[]} parts */
function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
