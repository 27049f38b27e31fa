/** How large a file is, as people write it. */

import { LANGUAGE, phrase } from "./words.js";

/** @param {number} bytes */
export function sizeOf(bytes) {
  if (bytes < 1000) return phrase(bytes === 1 ? "{n} byte" : "{n} bytes", { n: bytes });
  const [unit, by] = bytes < 1_000_000 ? ["kB", 1000] : ["MB", 1_000_000];
  const digits = bytes < 10 * Number(by) ? 1 : 0;
  return `${(bytes / Number(by)).toLocaleString(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
}
