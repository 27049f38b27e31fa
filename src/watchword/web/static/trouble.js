/**
 * What can go wrong with a sealed secret: the same two classes as in Python, and one that only a browser knows.
 */

/** @typedef {"invalid" | "tampered" | "insecure"} Kind */

export class EnvelopeError extends Error {
  /**
   * `invalid` does not have its form, `tampered` does not verify, `insecure`: this page has no WebCrypto.
   *
   * @param {Kind} kind
   * @param {string} [field] what to look at; never its value
   */
  constructor(kind, field = "") {
    super(field ? `${kind}: ${field}` : kind);
    this.name = "EnvelopeError";
    this.kind = kind;
    this.field = field;
  }
}

/** The browser's cryptography, or an error where there is none: a page that was not reached over TLS. */
export function subtle() {
  if (!globalThis.crypto?.subtle) throw new EnvelopeError("insecure");
  return crypto.subtle;
}
