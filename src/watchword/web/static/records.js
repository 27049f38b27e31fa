/**
 * File bodies: RFC 8188 (`aes128gcm`) in records of 64 KiB, sealed and opened as streams in constant memory.
 *
 * Format: docs/spec/secret-link.md, section 6. The same as core/records.py.
 *
 *     file.stream().pipeThrough(sealRecords(key))        is the body
 *     body.pipeThrough(openRecords(key, file.size))      is the file, or an error
 *
 * Rules: one key a file, one salt a body. What `openRecords` lets through before it fails is a true beginning of the
 * file and no more; nobody may be given it as the file before the stream has ended.
 */

import { EnvelopeError, subtle } from "./trouble.js";

/** @typedef {import("./binary.js").Bytes} Bytes */

const KEY_SIZE = 16;
const SALT_SIZE = 16;
const RECORD = 65_536;
const TEXT = RECORD - 17; // without the tag and the delimiter
const HEADER = 21;
const TAIL = [0, 1, 0, 0, 0]; // of the header: record size, and no key id
const MORE = 1;
const LAST = 2;
const AT_ONCE = 8; // records under way: WebCrypto works on other threads

/** A key for one file. */
export function newFileKey() {
  return crypto.getRandomValues(new Uint8Array(KEY_SIZE));
}

/**
 * How long the body of a file of `size` bytes is.
 *
 * @param {number} size
 */
export function bodySize(size) {
  return HEADER + RECORD * Math.max(1, Math.ceil(size / TEXT));
}

/**
 * A stream that seals a file.
 *
 * @param {Bytes} key of this file alone
 * @param {{salt?: Bytes}} [options] `salt` is for test vectors
 * @returns {TransformStream<Uint8Array, Bytes>}
 */
export function sealRecords(key, { salt = crypto.getRandomValues(new Uint8Array(SALT_SIZE)) } = {}) {
  const cipher = new Cipher(key, salt);
  const pieces = new Pieces(TEXT);
  /** @type {TransformStreamDefaultController<Bytes> | undefined} */
  let out;
  const line = new Line((/** @type {Bytes} */ record) => out?.enqueue(record));
  return new TransformStream({
    start(controller) {
      out = controller;
      controller.enqueue(Uint8Array.of(...salt, ...TAIL));
    },
    // One piece is held back, because only what follows tells whether it is the last.
    async transform(chunk) {
      for (const piece of pieces.take(chunk, 1)) await line.add(cipher.seal(piece, MORE));
    },
    async flush() {
      await line.add(cipher.seal(pieces.rest(), LAST));
      await line.end();
    },
  });
}

/**
 * A stream that opens a body.
 *
 * @param {Bytes} key
 * @param {number} size of the file, from the document
 * @returns {TransformStream<Uint8Array, Bytes>}
 */
export function openRecords(key, size) {
  /** @type {Opening | undefined} */
  let opening;
  const header = new Pieces(HEADER);
  return new TransformStream({
    async transform(chunk, controller) {
      let rest = chunk;
      if (!opening) {
        const missing = HEADER - header.held;
        for (const piece of header.take(chunk.subarray(0, missing), 0)) {
          opening = new Opening(new Cipher(key, saltOf(piece)), size, controller);
        }
        rest = chunk.subarray(missing);
      }
      await opening?.take(rest);
    },
    async flush() {
      if (!opening) throw new EnvelopeError("tampered", "body");
      await opening.end();
    },
  });
}

/** The records of one body on their way back to a file. */
class Opening {
  /**
   * @param {Cipher} cipher
   * @param {number} size
   * @param {TransformStreamDefaultController<Bytes>} out
   */
  constructor(cipher, size, out) {
    this.cipher = cipher;
    this.left = size;
    this.out = out;
    this.read = 0;
    this.last = false;
    this.pieces = new Pieces(RECORD);
    this.line = new Line((/** @type {Bytes} */ text) => this.pass(text));
  }

  /** @param {Uint8Array} chunk */
  async take(chunk) {
    for (const record of this.pieces.take(chunk, 0)) await this.line.add(this.cipher.open(record));
  }

  async end() {
    if (this.pieces.held > 0) throw new EnvelopeError("tampered", "body");
    await this.line.end();
    if (this.left !== 0 || !this.last) throw new EnvelopeError("tampered", "body");
  }

  /** @param {Bytes} record a record's text with delimiter and padding */
  pass(record) {
    if (this.last) throw new EnvelopeError("tampered", "body"); // something follows the last record
    let end = record.length - 1;
    while (end >= 0 && record[end] === 0) end -= 1;
    this.last = record[end] === LAST;
    // Zeros in any other record would be bytes that nobody counts; only an empty file has an empty record.
    const formed = this.last ? end > 0 || this.read === 0 : record[end] === MORE && end === record.length - 1;
    this.left -= end;
    this.read += 1;
    if (!formed || this.left < 0) throw new EnvelopeError("tampered", "body");
    if (end > 0) this.out.enqueue(record.subarray(0, end));
  }
}

/** Promises in the order in which they were made, a few under way at a time. */
class Line {
  /** @param {(record: Bytes) => void} pass */
  constructor(pass) {
    this.pass = pass;
    /** @type {Promise<Bytes>[]} */
    this.waiting = [];
  }

  /** @param {Promise<Bytes>} record */
  async add(record) {
    record.catch(() => {}); // it is told when its turn comes
    this.waiting.push(record);
    if (this.waiting.length >= AT_ONCE) await this.next();
  }

  async end() {
    while (this.waiting.length > 0) await this.next();
  }

  async next() {
    const record = await this.waiting.shift();
    if (record) this.pass(record);
  }
}

/** Chunks of any size, put together again in pieces of one size. */
class Pieces {
  /** @param {number} size */
  constructor(size) {
    this.size = size;
    this.piece = new Uint8Array(size);
    this.held = 0;
  }

  /**
   * Every piece that is whole with this chunk. `kept` 1 keeps one that the chunk just fills.
   *
   * @param {Uint8Array} chunk
   * @param {0 | 1} kept
   * @returns {Generator<Bytes, void>}
   */
  *take(chunk, kept) {
    let place = 0;
    while (chunk.length - place + this.held >= this.size + kept) {
      const filled = this.size - this.held;
      this.piece.set(chunk.subarray(place, place + filled), this.held);
      place += filled;
      const whole = this.piece;
      this.piece = new Uint8Array(this.size);
      this.held = 0;
      yield whole;
    }
    this.piece.set(chunk.subarray(place), this.held);
    this.held += chunk.length - place;
  }

  /** What is left. */
  rest() {
    return this.piece.subarray(0, this.held);
  }
}

/** The keys of one body, and the number of its next record. */
class Cipher {
  /**
   * @param {Bytes} key
   * @param {Bytes} salt
   */
  constructor(key, salt) {
    if (key.length !== KEY_SIZE || salt.length !== SALT_SIZE) throw new EnvelopeError("invalid", "key");
    this.keys = derived(key, salt);
    this.keys.catch(() => {}); // told by the first record
    this.number = 0;
  }

  /**
   * @param {Bytes} piece
   * @param {number} delimiter
   */
  seal(piece, delimiter) {
    const text = new Uint8Array(TEXT + 1); // filled up with zeros
    text.set(piece);
    text[piece.length] = delimiter;
    return this.work("encrypt", text);
  }

  /** @param {Bytes} record */
  open(record) {
    return this.work("decrypt", record).catch(() => {
      throw new EnvelopeError("tampered", "body");
    });
  }

  /**
   * @param {"encrypt" | "decrypt"} verb
   * @param {Bytes} bytes
   * @returns {Promise<Bytes>}
   */
  async work(verb, bytes) {
    const number = this.number;
    this.number += 1;
    const { cek, nonce } = await this.keys;
    return new Uint8Array(await subtle()[verb]({ name: "AES-GCM", iv: numbered(nonce, number) }, cek, bytes));
  }
}

/**
 * @param {Bytes} key
 * @param {Bytes} salt
 */
async function derived(key, salt) {
  const ikm = await subtle().importKey("raw", key, "HKDF", false, ["deriveBits"]);
  const bits = async (/** @type {string} */ label, /** @type {number} */ size) => {
    const info = new TextEncoder().encode(`Content-Encoding: ${label}\0`);
    return new Uint8Array(await subtle().deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, ikm, size * 8));
  };
  const raw = await bits("aes128gcm", KEY_SIZE);
  const cek = await subtle().importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  return { cek, nonce: await bits("nonce", 12) };
}

/**
 * The nonce of a record: its number, exclusive or.
 *
 * @param {Bytes} nonce
 * @param {number} number
 * @returns {Bytes}
 */
function numbered(nonce, number) {
  const own = nonce.slice();
  let rest = number;
  for (let place = own.length - 1; rest > 0; place -= 1) {
    own[place] = (own[place] ?? 0) ^ rest % 256;
    rest = Math.floor(rest / 256);
  }
  return own;
}

/** @param {Bytes} header */
function saltOf(header) {
  if (TAIL.some((byte, place) => header[SALT_SIZE + place] !== byte)) throw new EnvelopeError("tampered", "body");
  return header.slice(0, SALT_SIZE);
}
