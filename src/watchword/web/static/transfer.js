/**
 * Sealed files on their way, up and down. A connection that breaks goes on from where it broke.
 *
 * Not handled here: what is inside (records.js), single requests about secrets (api.js).
 *
 * Rules: what went on arriving is trusted only as a number of bytes, since a body that does not open to its last byte
 * is thrown away whole; patience starts anew with every byte of progress, and ends.
 */

import { Refused, ask, fetched, parsed } from "./api.js";

/** @typedef {(done: number, whole: number) => void} Progress */

const PAUSES = [500, 1000, 2000, 4000, 8000]; // milliseconds between tries that get no further
const PASSING = new Set([0, 409, 429, 502, 503, 504]); // 409: the server has not noticed yet that the other end is gone

/**
 * Send a sealed file.
 *
 * @param {string} path
 * @param {string} token
 * @param {Blob} body
 * @param {Progress} progress
 * @returns {Promise<void>}
 */
export async function upload(path, token, body, progress) {
  const patience = new Patience();
  let there = 0;
  let sure = true; // that the server has this much
  for (;;) {
    try {
      if (!sure) {
        const now = await received(path, token, body.size);
        if (now > there) patience.renew();
        there = now;
        progress(there, body.size);
      }
      sure = false;
      if (there < body.size) await put(path, token, body, there, progress);
      return;
    } catch (error) {
      await patience.after(error);
    }
  }
}

/**
 * Fetch a sealed file under a live claim, as a stream.
 *
 * @param {string} path
 * @param {Record<string, string>} headers
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
export async function download(path, headers) {
  const patience = new Patience();
  let there = 0;
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} */
  let reader = null;
  const next = async () => {
    for (;;) {
      try {
        reader ??= (await get(path, headers, there)).getReader();
        const { done, value } = await reader.read();
        if (done || !value) return null;
        there += value.length;
        patience.renew();
        return value;
      } catch (error) {
        reader = null;
        await patience.after(error);
      }
    }
  };
  let first = await next(); // a refusal is told here: a stream that fails later forgets why
  return new ReadableStream({
    async pull(line) {
      const piece = first ?? (await next());
      first = null;
      if (piece) line.enqueue(piece);
      else line.close();
    },
    async cancel() {
      await reader?.cancel().catch(() => null);
    },
  });
}

/** How long to go on trying. */
class Patience {
  constructor() {
    this.tries = 0;
  }

  /** Something arrived: it works. */
  renew() {
    this.tries = 0;
  }

  /**
   * Wait before the next try, or give up.
   *
   * @param {unknown} error
   */
  async after(error) {
    const refused = error instanceof Refused ? error : new Refused(0); // a stream that breaks throws what it likes
    const pause = PAUSES[this.tries++];
    if (!PASSING.has(refused.status) || pause === undefined) throw refused;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/**
 * Send what is behind the first bytes. XMLHttpRequest, because fetch does not tell how far an upload is.
 *
 * @param {string} path
 * @param {string} token
 * @param {Blob} body
 * @param {number} there
 * @param {Progress} progress
 * @returns {Promise<void>}
 */
function put(path, token, body, there, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (there) request.setRequestHeader("Content-Range", `bytes ${there}-${body.size - 1}/${body.size}`);
    request.upload.addEventListener("progress", (event) => progress(there + event.loaded, body.size));
    request.addEventListener("error", () => reject(new Refused(0)));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Refused(request.status, parsed(request.responseText)));
    });
    request.send(there ? body.slice(there) : body);
  });
}

/**
 * How much of a file the server has.
 *
 * @param {string} path
 * @param {string} token
 * @param {number} size
 * @returns {Promise<number>}
 */
async function received(path, token, size) {
  const { answer } = await ask("PUT", path, { token, headers: { "Content-Range": `bytes */${size}` } });
  if (Number.isInteger(answer.received) && answer.received >= 0 && answer.received <= size) return answer.received;
  throw new Refused(500, { code: "odd" });
}

/**
 * @param {string} path
 * @param {Record<string, string>} headers
 * @param {number} there
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
async function get(path, headers, there) {
  const response = await fetched(path, { headers: { ...headers, ...(there ? { Range: `bytes=${there}-` } : {}) } });
  // A whole body in place of the rest would be taken for the rest.
  if (!response.body || (response.status === 206) !== there > 0) throw new Refused(500, { code: "odd" });
  return response.body;
}
