/**
 * Codes of authenticator apps: HOTP (RFC 4226) and TOTP (RFC 6238), by WebCrypto. The twin of core/totp.py.
 *
 * docs/spec/totp.md, section 1, and vectors/totp/codes.json. Nothing here reads the clock.
 */

/** @typedef {import("./otpauth-key.js").Rhythm} Rhythm */

const HASHES = { SHA1: "SHA-1", SHA256: "SHA-256", SHA512: "SHA-512" };

/**
 * The code of a counter.
 *
 * @param {Uint8Array<ArrayBuffer>} secret
 * @param {number} counter
 * @param {{algorithm?: Rhythm["algorithm"], digits?: number}} [rhythm]
 * @returns {Promise<string>}
 */
export async function hotpCode(secret, counter, { algorithm = "SHA1", digits = 6 } = {}) {
  if (!(digits >= 6 && digits <= 8)) throw new RangeError("a code has 6 to 8 digits");
  const hmac = { name: "HMAC", hash: HASHES[algorithm] };
  const key = await crypto.subtle.importKey("raw", secret, hmac, false, ["sign"]);
  const message = new DataView(new ArrayBuffer(8));
  message.setBigUint64(0, BigInt(counter));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, message));
  const start = mac.getUint8(mac.byteLength - 1) & 0x0f;
  const number = mac.getUint32(start) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, "0");
}

/**
 * The code that an app shows at a time, in seconds since 1970.
 *
 * @param {Uint8Array<ArrayBuffer>} secret
 * @param {Partial<Rhythm>} rhythm
 * @param {number} unixSeconds
 * @returns {Promise<string>}
 */
export async function totpCode(secret, { algorithm = "SHA1", digits = 6, period = 30 }, unixSeconds) {
  if (!(period >= 5 && period <= 600)) throw new RangeError("a period is 5 to 600 seconds");
  return await hotpCode(secret, Math.floor(unixSeconds / period), { algorithm, digits });
}

/**
 * Seconds until the code changes: more than 0, at most the period.
 *
 * @param {number} unixSeconds
 * @param {number} [period]
 */
export function secondsLeft(unixSeconds, period = 30) {
  return period - (unixSeconds % period);
}
