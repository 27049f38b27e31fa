/**
 * The claim of this tab: 16 random bytes that say "it is me again" while the lease of an opened secret lives.
 *
 * The only thing that our pages put into storage. It stays in this tab, opens nothing without the link, and is
 * dropped with the lease, so that a reload or a cut connection loses nothing.
 */

import { encode } from "./binary.js";

const LEASE = 15 * 60 * 1000; // milliseconds; the answer tells exactly, if it arrives

/**
 * The claim on a secret, or null where there is none and no fresh one is wanted.
 *
 * @param {string} id
 * @param {{fresh: boolean}} how
 */
export function claimFor(id, { fresh }) {
  sweep();
  const kept = read(id);
  if (kept) return kept.claim;
  if (!fresh) return null;
  const claim = encode(crypto.getRandomValues(new Uint8Array(16)));
  keepClaim(id, claim, Date.now() + LEASE, { granted: false }); // before it is sent: the answer may never arrive
  return claim;
}

/**
 * Whether the server has told this tab that the claim was granted.
 *
 * @param {string} id
 */
export function isGranted(id) {
  return read(id)?.granted === true;
}

/**
 * @param {string} id
 * @param {string} claim
 * @param {number} until milliseconds since 1970, by this device's clock
 * @param {{granted: boolean}} how
 */
export function keepClaim(id, claim, until, { granted }) {
  try {
    sessionStorage.setItem(name_of(id), JSON.stringify({ claim, until, granted }));
  } catch {
    // Storage is switched off: the secret opens all the same, but not again after a reload.
  }
}

/** @param {string} id */
export function dropClaim(id) {
  try {
    sessionStorage.removeItem(name_of(id));
  } catch {
    // as above
  }
}

/** Drop what is over. */
function sweep() {
  try {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith("claim:") && !read(name.slice(6))) sessionStorage.removeItem(name);
    }
  } catch {
    // as above
  }
}

/** @param {string} id */
function read(id) {
  try {
    const { claim, until, granted } = JSON.parse(sessionStorage.getItem(name_of(id)) ?? "{}");
    return typeof claim === "string" && until > Date.now() ? { claim, granted: granted === true } : null;
  } catch {
    return null;
  }
}

/** @param {string} id */
function name_of(id) {
  return `claim:${id}`;
}
