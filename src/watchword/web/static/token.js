/**
 * What follows from the token of a magic link and from the ticket of a hosted page.
 *
 * Format: docs/spec/magic-link.md. The same as core/magic_link.py, with WebCrypto alone.
 *
 * Not handled here: getting a token out of an address (address.js), requests to the service.
 *
 * Rules: token and ticket stay in the browser; what is sent is a proof that follows from them, and does not lead back.
 */

import { decode, encode } from "./binary.js";
import { KEY_SIZE, hkdf, hkdfKey } from "./hkdf.js";
import { contentKey, openJwe, readJwe } from "./jwe.js";
import { EnvelopeError } from "./trouble.js";

const NO_SALT = new Uint8Array(0);

/**
 * What a page posts to show that it has the token or the ticket.
 *
 * @param {string} token
 * @param {"link" | "page"} kind
 */
export async function proofOf(token, kind) {
  return encode(await derived(token, `watchword/v1/${kind}/proof`));
}

/**
 * What is asked, as the service sealed it for whoever has the token.
 *
 * @param {string} token
 * @param {unknown} jwe
 * @returns {Promise<any>}
 */
export async function openContext(token, jwe) {
  const read = readJwe(jwe);
  const text = await openJwe(await contentKey(await derived(token, "watchword/v1/link/context")), read);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    throw new EnvelopeError("invalid", "context");
  }
}

/**
 * @param {string} token
 * @param {string} label
 */
async function derived(token, label) {
  const raw = decode(token, KEY_SIZE);
  if (!raw) throw new EnvelopeError("invalid", "link");
  return hkdf(await hkdfKey(raw), NO_SALT, label);
}
