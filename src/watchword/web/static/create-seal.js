/**
 * Seals documents and files, sends them, and puts their links together.
 *
 * Not handled here: the format (envelope.js, records.js), what a page shows meanwhile.
 *
 * Rule: the link's key is made here and put into the link here. No request ever holds it, or the passphrase.
 */

import { ask } from "./api.js";
import { encode } from "./binary.js";
import { element } from "./dom.js";
import { seal, shareUrl } from "./envelope.js";
import { bodySize, newFileKey, sealRecords } from "./records.js";
import { upload } from "./transfer.js";

/** @typedef {import("./document.js").Secret} Secret */
/** @typedef {{expires_in: number, views: number, passphrase: string | undefined, apiKey: string}} Options */
/** @typedef {(doing: string, part?: number, facts?: Record<string, number>) => void} Progress what is done, in English */
/** @typedef {{link: string, status: string, id: string, token: string, name: string, expires_at: string,
 *   views: number}} Made */

const INSIDE = 24 * 1024; // bytes of all files together up to which they travel inside the envelope

/**
 * Share each document behind a link of its own. Files belong to the first.
 *
 * @param {{document: Secret, name: string}[]} documents
 * @param {File[]} files
 * @param {Options} options
 * @param {Progress} progress
 * @returns {Promise<Made[]>}
 */
export async function shareAll(documents, files, options, progress) {
  /** @type {Made[]} */
  const made = [];
  try {
    for (const { document, name } of documents) {
      if (documents.length > 1) progress("Sealing link {n} of {all}", undefined, { n: made.length + 1, all: documents.length });
      const sealed = document.type === "file" ? await with_files(document, files, progress) : { document, bodies: [] };
      made.push({ ...(await share(sealed.document, sealed.bodies, options, progress)), name });
    }
  } catch (error) {
    await Promise.all(made.map(forget)); // links that nobody will ever see
    throw error;
  }
  return made;
}

/**
 * @param {Secret} document
 * @param {Blob[]} bodies
 * @param {Options} options
 * @param {Progress} progress
 */
async function share(document, bodies, { expires_in, views, passphrase, apiKey }, progress) {
  const { L, body } = await seal(document, { passphrase });
  const blobs = bodies.length ? { blobs: bodies.map(({ size }) => ({ size })) } : {};
  const { answer } = await ask("POST", "/v1/secrets", { body: { ...body, ...blobs, expires_in, views }, token: apiKey });
  await send(answer, bodies, progress);
  const origin = element("main", HTMLElement).dataset["publicUrl"] ?? location.origin;
  return {
    link: shareUrl(origin, answer.id, L),
    status: `${origin.replace(/\/+$/, "")}/s/${answer.id}/status#${answer.manage_token}`,
    id: /** @type {string} */ (answer.id),
    token: /** @type {string} */ (answer.manage_token),
    expires_at: /** @type {string} */ (answer.expires_at),
    views: /** @type {number} */ (answer.views),
  };
}

/**
 * @param {{id: string, manage_token: string, blobs?: string[]}} answer
 * @param {Blob[]} bodies
 * @param {Progress} progress
 */
async function send({ id, manage_token, blobs = [] }, bodies, progress) {
  const whole = bodies.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  try {
    for (const [number, body] of bodies.entries()) {
      const path = blobs[number];
      if (!path) throw new Error("the service named too few places for files");
      await upload(path, manage_token, body, (done) => progress("Sending", (before + done) / whole));
      before += body.size;
    }
  } catch (error) {
    // Half a secret is of no use to anybody: let the server forget it now rather than when it expires.
    await forget({ id, token: manage_token });
    throw error;
  }
}

/** @param {{id: string, token: string}} made */
async function forget({ id, token }) {
  await ask("DELETE", `/v1/secrets/${id}`, { token }).catch(() => null);
}

/**
 * The document of files, small ones inside it, others as sealed bodies beside it.
 *
 * @param {Secret} document
 * @param {File[]} files
 * @param {Progress} progress
 * @returns {Promise<{document: Secret, bodies: Blob[]}>}
 */
async function with_files(document, files, progress) {
  const whole = files.reduce((sum, { size }) => sum + size, 0);
  /** @type {Blob[]} */
  const bodies = [];
  const entries = [];
  let done = 0;
  const counted = (/** @type {Uint8Array} */ piece) => progress("Sealing", (done += piece.length) / whole);
  for (const file of files) {
    const { name, size } = file;
    const about = { name, size, ...(file.type ? { media_type: file.type } : {}) };
    if (whole <= INSIDE) {
      entries.push({ ...about, content: encode(new Uint8Array(await file.arrayBuffer())) });
      continue;
    }
    const key = newFileKey();
    const sealed = file.stream().pipeThrough(watched(counted)).pipeThrough(sealRecords(key));
    const body = await new Response(sealed).blob();
    if (body.size !== bodySize(size)) throw new Error("a file changed while it was read");
    entries.push({ ...about, blob: bodies.length, key: encode(key) });
    bodies.push(body);
  }
  return { document: /** @type {Secret} */ ({ ...document, type: "file", files: entries }), bodies };
}

/**
 * A stream that passes everything on and tells how much it was.
 *
 * @param {(piece: Uint8Array) => void} tell
 * @returns {TransformStream<Uint8Array, Uint8Array>}
 */
export function watched(tell) {
  return new TransformStream({
    transform(piece, line) {
      tell(piece);
      line.enqueue(piece);
    },
  });
}
