/**
 * Requests to the service this page came from, and what it says when it refuses.
 *
 * Not handled here: what is sealed (envelope.js), files on their way (transfer.js), what a page shows for which refusal.
 *
 * Rules: a proof, a token and a claim travel in a body or a header, never in an address; an answer that is not a 2xx
 * is an error; no error repeats what was sent.
 */

/** @typedef {{code?: string, detail?: string, reason?: string, at?: string, attempts_remaining?: number}} Problem */

import { phrase } from "./words.js";

const OFFLINE = "The server cannot be reached. Nothing was lost: try again.";
const ODD = "The server did not understand this page. Load it again.";

/** The service said no, or said nothing. `code` is its stable word, `unreachable` where nothing came back. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {Problem} [problem]
   * @param {number} [retryAfter] seconds; a guess where none were told, or a date, as by a proxy
   */
  constructor(status, problem = {}, retryAfter = 30) {
    super(phrase(problem.detail ?? (status ? ODD : OFFLINE)));
    this.name = "Refused";
    this.status = status;
    this.code = problem.code ?? (status ? "odd" : "unreachable");
    this.reason = problem.reason ?? "";
    this.at = problem.at ?? "";
    this.remaining = problem.attempts_remaining ?? null;
    this.retryAfter = retryAfter;
  }

  /** How many tries are left, in words; nothing where that was not said. */
  get tries() {
    const n = this.remaining;
    return n === null ? "" : phrase(n === 1 ? "One more try." : "{n} more tries.", { n });
  }
}

/**
 * Ask the service. Also gives the seconds by which this device's clock is ahead of the server's.
 *
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, token?: string, headers?: Record<string, string>}} [what]
 * @returns {Promise<{answer: any, ahead: number}>}
 */
export async function ask(method, path, { body, token, headers: more } = {}) {
  /** @type {Record<string, string>} */
  const headers = { ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers["Authorization"] = `Bearer ${token}`;
  const response = await fetched(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const answer = await response.json().catch(() => null);
  if (answer === null) throw new Refused(0); // cut off on its way: asking again is safe
  return { answer, ahead: ahead_of(response.headers.get("Date")) };
}

/**
 * Fetch, with nothing of this browser's, or be refused.
 *
 * @param {string} path
 * @param {RequestInit} how
 * @returns {Promise<Response>}
 */
export async function fetched(path, how) {
  const never = /** @type {const} */ ({ credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" });
  const response = await fetch(path, { ...how, ...never }).catch(() => null);
  if (!response) throw new Refused(0);
  if (!response.ok) throw refused(response, await response.json().catch(() => null));
  return response;
}

/**
 * @param {Response} response
 * @param {unknown} answer
 */
function refused(response, answer) {
  const problem = /** @type {Problem} */ (answer && typeof answer === "object" ? answer : {});
  return new Refused(response.status, problem, Number(response.headers.get("Retry-After")) || undefined);
}

/**
 * @param {string} text
 * @returns {Problem}
 */
export function parsed(text) {
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
