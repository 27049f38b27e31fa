/**
 * The words of a page in the reader's language. English stands where it is said; other languages are tables from it,
 * which the server has, one for each (words.py).
 *
 * Rule: a table that is missing, or a sentence in it, costs nothing but the language.
 */

const tag = document.documentElement.lang;
/** @type {Record<string, string>} */
const table = !tag || tag === "en" ? {} : await import(`/static/words-${tag}.js`).then((found) => found.default, () => ({}));

/** The language in which this page writes times and numbers. */
export const LANGUAGE = !tag || tag === "en" ? "en-GB" : tag;

/**
 * A sentence, with its placeholders filled in.
 *
 * @param {string} english
 * @param {Record<string, string | number>} [facts]
 */
export function phrase(english, facts = {}) {
  return sentence(english).replace(/\{(\w+)\}/g, (whole, name) => String(facts[name] ?? whole));
}

/**
 * A sentence around nodes, piece by piece.
 *
 * @param {string} english
 * @param {Record<string, Node | string>} facts
 * @returns {(string | Node)[]}
 */
export function pieces(english, facts) {
  return sentence(english).split(/(\{\w+\})/).map((piece) => facts[/^\{(.*)\}$/.exec(piece)?.[1] ?? ""] ?? piece);
}

/** @param {string} english */
function sentence(english) {
  return Object.hasOwn(table, english) ? String(table[english]) : english;
}
