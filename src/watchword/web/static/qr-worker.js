/**
 * Reads the QR codes of a picture, off the main thread. Takes a Blob, answers with the texts or a problem, and ends.
 *
 * Rules: the size is read from the file's own header before anything is decoded, so that a small file cannot unpack
 * into gigabytes; what has no such header (SVG among them) is refused. The policy this script is served with lets it
 * reach nobody.
 */

import { decodeQRBatch } from "./vendor/qr/decode.js";

const MAX_PIXELS = 25_000_000;
const MAX_SIDE = 3840; // the decoder takes 4096, and 16 million pixels
const HEADER = 256 * 1024; // bytes in which a JPEG must tell its size
const EFFORT = 64; // tries at one look
const TIME = 4000; // milliseconds for those tries

addEventListener("message", async (event) => {
  postMessage(await read(event.data).catch(() => ({ problem: "unreadable" })));
});

/**
 * @param {Blob} picture
 * @returns {Promise<import("./qr.js").Answer>}
 */
async function read(picture) {
  const size = size_of(new DataView(await picture.slice(0, HEADER).arrayBuffer()));
  if (!size) return { problem: "unreadable" };
  if (size[0] * size[1] > MAX_PIXELS) return { problem: "too_large" };
  const bitmap = await createImageBitmap(picture);
  if (bitmap.width * bitmap.height > MAX_PIXELS) return { problem: "too_large" };
  // A picture may be transparent where it is meant to be light, or where it is meant to be dark.
  for (const ground of ["#fff", "#000"]) {
    const image = pixels_of(bitmap, ground);
    const maxSize = { width: image.width, height: image.height };
    const [found] = await decodeQRBatch([image], { maxSize, effort: EFFORT, timeLimit: TIME });
    const codes = texts_of(found);
    if (codes.length) return { codes };
  }
  return { codes: [] };
}

/** @param {unknown} found texts, and an error where there is no code or one that cannot be read */
function texts_of(found) {
  const texts = Array.isArray(found) ? found.filter((each) => typeof each === "string") : [];
  return /** @type {string[]} */ ([...new Set(texts)]);
}

/**
 * @param {ImageBitmap} bitmap
 * @param {string} ground
 */
function pixels_of(bitmap, ground) {
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/**
 * Width and height as the file says them, or null where it is none of the four kinds.
 *
 * @param {DataView} file
 * @returns {[number, number] | null}
 */
function size_of(file) {
  if (file.byteLength < 30) return null;
  const start = file.getUint32(0);
  if (start === 0x89504e47) return [file.getUint32(16), file.getUint32(20)]; // PNG
  if (start === 0x47494638) return [file.getUint16(6, true), file.getUint16(8, true)]; // GIF
  if (start === 0x52494646 && file.getUint32(8) === 0x57454250) return size_of_webp(file);
  return start >>> 8 === 0xffd8ff ? size_of_jpeg(file) : null;
}

/**
 * @param {DataView} file
 * @returns {[number, number] | null}
 */
function size_of_webp(file) {
  const little = /** @param {number} at */ (at) => file.getUint16(at, true) | (file.getUint8(at + 2) << 16);
  const kind = file.getUint32(12);
  if (kind === 0x56503858) return [little(24) + 1, little(27) + 1]; // VP8X
  if (kind === 0x5650384c) {
    const bits = file.getUint32(21, true);
    return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
  }
  return kind === 0x56503820 ? [file.getUint16(26, true) & 0x3fff, file.getUint16(28, true) & 0x3fff] : null;
}

/**
 * Walk over the segments of a JPEG to the frame header.
 *
 * @param {DataView} file
 * @returns {[number, number] | null}
 */
function size_of_jpeg(file) {
  let at = 2;
  while (at + 9 < file.byteLength && file.getUint8(at) === 0xff) {
    const marker = file.getUint8(at + 1);
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return [file.getUint16(at + 7), file.getUint16(at + 5)];
    at += marker === 0xff ? 1 : 2 + file.getUint16(at + 2);
  }
  return null;
}
