/**
 * QR codes: drawn here, and read out of pictures by a worker, so that neither leaves this device.
 *
 * Not handled here: what a code's text means (otpauth.js). The decoder is loaded only when a picture comes.
 *
 * A drawing is made of nodes, never of markup. A worker that takes too long is ended: a picture is input from
 * outside, and the page must go on whatever is in it.
 */

import { encodeQR } from "./vendor/qr/index.js";

/** @typedef {{codes: string[]} | {problem: "unreadable" | "too_large"}} Answer */

export const MAX_BYTES = 20 * 1024 * 1024; // of a picture's file
const PATIENCE = 20_000; // milliseconds
const QUIET = 4; // modules of quiet zone, ISO/IEC 18004 section 9.1
const SVG = "http://www.w3.org/2000/svg";

const PROBLEMS = {
  unreadable: "This picture cannot be read here. PNG, JPEG, GIF and WebP can.",
  too_large: "This picture is too large: 25 megapixels and 20 MiB are the most. Cut out the QR code.",
  too_slow: "Reading this picture took too long. Cut out the QR code and try that.",
};

/** A picture in which no QR code can be looked for. */
export class UnreadablePicture extends Error {
  /** @param {keyof typeof PROBLEMS} code */
  constructor(code) {
    super(PROBLEMS[code]);
    this.name = "UnreadablePicture";
    this.code = code;
  }
}

let drawn = 0;

/**
 * Draw a QR code, black on white in every theme, with its quiet zone. A screen reader hears title and description:
 * say there where the same is to be had as text.
 *
 * @param {string} text
 * @param {{title?: string, description?: string}} [words]
 * @returns {SVGElement}
 */
export function drawQr(text, { title = "QR code", description = "" } = {}) {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: QUIET });
  const size = rows.length;
  const svg = node("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "shape-rendering": "crispEdges" });
  const name = `qr-${++drawn}`;
  svg.append(node("title", { id: `${name}-title` }, title));
  svg.setAttribute("aria-labelledby", `${name}-title`);
  if (description) {
    svg.append(node("desc", { id: `${name}-desc` }, description));
    svg.setAttribute("aria-describedby", `${name}-desc`);
  }
  svg.append(node("rect", { width: `${size}`, height: `${size}`, fill: "#fff" }));
  svg.append(node("path", { d: rows.map(line_of).join(""), fill: "#000" }));
  return svg;
}

/**
 * The text of the first QR code in a picture, or null where there is none.
 *
 * @param {Blob} picture
 * @returns {Promise<string | null>}
 */
export async function readQr(picture) {
  return (await readQrCodes(picture))[0] ?? null;
}

/**
 * The texts of all QR codes in a picture, each once. Where there are several, ask which one is meant.
 *
 * @param {Blob} picture
 * @returns {Promise<string[]>}
 * @throws {UnreadablePicture} it is none, too large, or takes too long
 */
export async function readQrCodes(picture) {
  if (picture.size > MAX_BYTES) throw new UnreadablePicture("too_large");
  const worker = new Worker(worker_address(), { type: "module" });
  try {
    const answer = await answer_of(worker, picture);
    if ("problem" in answer) throw new UnreadablePicture(answer.problem);
    return answer.codes;
  } finally {
    worker.terminate();
  }
}

/**
 * @param {Worker} worker
 * @param {Blob} picture
 * @returns {Promise<Answer>}
 */
function answer_of(worker, picture) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new UnreadablePicture("too_slow")), PATIENCE);
    worker.addEventListener("message", (event) => {
      clearTimeout(timer);
      resolve(event.data);
    });
    worker.addEventListener("error", () => {
      clearTimeout(timer);
      reject(new UnreadablePicture("unreadable"));
    });
    worker.postMessage(picture);
  });
}

/** @type {string | undefined} */
let address;

/** The page's policy allows this one Trusted Types policy, and it gives this one address. */
function worker_address() {
  const wanted = new URL("./qr-worker.js", import.meta.url).href;
  address ??= trusted_types()?.createPolicy("watchword-worker", { createScriptURL: () => wanted }).createScriptURL("");
  return address ?? wanted;
}

/**
 * Trusted Types, which TypeScript's own description of the browser does not know yet.
 *
 * @returns {{createPolicy(name: string, rules: object): {createScriptURL(url: string): string}} | undefined}
 */
function trusted_types() {
  return /** @type {any} */ (globalThis)["trustedTypes"];
}

/**
 * The dark modules of a row as one piece of a path: a rectangle for each run of them.
 *
 * @param {boolean[]} row
 * @param {number} y
 */
function line_of(row, y) {
  let path = "";
  for (let x = 0; x < row.length; x++) {
    const start = x;
    while (row[x]) x++;
    if (x > start) path += `M${start} ${y}h${x - start}v1h-${x - start}z`;
  }
  return path;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {string} [text]
 */
function node(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}
