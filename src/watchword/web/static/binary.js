/**
 * base64url without padding, each value in its one spelling (docs/spec/secret-link.md, section 1).
 */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const PIECE = 0x8000; // characters that one call of fromCharCode is given

/** @param {Bytes} bytes */
export function encode(bytes) {
  let binary = "";
  for (let start = 0; start < bytes.length; start += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(start, start + PIECE));
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * @param {unknown} text
 * @param {number} [size] bytes that it must have
 * @returns {Bytes | null} null for another alphabet, padding, blanks, spare bits that are set, or another size
 */
export function decode(text, size) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let place = 0; place < binary.length; place += 1) bytes[place] = binary.charCodeAt(place);
  if (encode(bytes) !== text) return null; // atob lets spare bits be set
  return size === undefined || bytes.length === size ? bytes : null;
}
