/**
 * Requests to the service this page came from, and what it says when it refuses.
 *
 * Not handled here: what is sealed (envelope.js), what a page shows for which refusal.
 *
 * Rules: a proof, a token and a claim travel in a body or a header, never in an address; an answer that is not a 2xx
 * is an error; no error repeats what was sent.
 */

/** @typedef {{code?: string, detail?: string, at?: string, attempts_remaining?: number}} Problem */
/** @typedef {(done: number, whole: number) => void} Progress */

const OFFLINE = "The server cannot be reached. Nothing was lost: try again.";
const ODD = "The server did not understand this page. Load it again.";

/** The service said no, or said nothing. `code` is its stable word, `unreachable` where nothing came back. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {Problem} [problem]
   * @param {number} [retryAfter] seconds
   */
  constructor(status, problem = {}, retryAfter = 0) {
    super(problem.detail ?? (status ? ODD : OFFLINE));
    this.name = "Refused";
    this.status = status;
    this.code = problem.code ?? (status ? "odd" : "unreachable");
    this.at = problem.at ?? "";
    this.remaining = problem.attempts_remaining ?? null;
    this.retryAfter = retryAfter;
  }
}

/**
 * Ask the service. Also gives the seconds by which this device's clock is ahead of the server's.
 *
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, token?: string}} [what]
 * @returns {Promise<{answer: any, ahead: number}>}
 */
export async function ask(method, path, { body, token } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers["Authorization"] = `Bearer ${token}`;
  const response = await fetch(path, {
    method,
    headers,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    referrerPolicy: "no-referrer",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => null);
  if (!response) throw new Refused(0);
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw refused(response, answer);
  if (answer === null) throw new Refused(0); // cut off on its way: asking again is safe
  return { answer, ahead: ahead_of(response.headers.get("Date")) };
}

/**
 * Send a sealed file. XMLHttpRequest, because fetch does not tell how far an upload is.
 *
 * @param {string} path
 * @param {string} token
 * @param {Blob} body
 * @param {Progress} progress
 * @returns {Promise<void>}
 */
export function upload(path, token, body, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => progress(event.loaded, body.size));
    request.addEventListener("error", () => reject(new Refused(0)));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Refused(request.status, parsed(request.responseText)));
    });
    request.send(body);
  });
}

/**
 * Fetch a sealed file under a live claim, as a stream.
 *
 * @param {string} path
 * @param {Record<string, string>} headers
 * @returns {Promise<ReadableStream<Uint8Array>>}
 */
export async function download(path, headers) {
  const response = await fetch(path, { headers, credentials: "omit", cache: "no-store" }).catch(() => null);
  if (!response) throw new Refused(0);
  if (!response.ok || !response.body) throw refused(response, await response.json().catch(() => null));
  return response.body;
}

/**
 * @param {Response} response
 * @param {unknown} answer
 */
function refused(response, answer) {
  const problem = /** @type {Problem} */ (answer && typeof answer === "object" ? answer : {});
  return new Refused(response.status, problem, Number(response.headers.get("Retry-After") ?? 0));
}

/**
 * @param {string} text
 * @returns {Problem}
 */
function parsed(text) {
  try {
    const problem = JSON.parse(text);
    return problem && typeof problem === "object" ? problem : {};
  } catch {
    return {};
  }
}

/** @param {string | null} date */
function ahead_of(date) {
  const server = date === null ? NaN : Date.parse(date);
  return Number.isNaN(server) ? 0 : Math.round((Date.now() - server) / 1000);
}
