/**
 * What can be wrong with an authenticator key, or odd about it: stable words with a sentence each.
 *
 * docs/spec/totp.md, section 5, and vectors/totp/words.json. core/otpauth_words.py says the same.
 */

export const PROBLEMS = Object.freeze({
  no_secret: "There is no key in this. Copy the whole set-up link or QR code again.",
  not_base32: "This key holds characters that no key has: only letters A to Z and digits 2 to 7 are used.",
  wrong_digits: "This key holds a 0, 1, 8 or 9, which no key has. It may be the letter O, I, L, B or G.",
  wrong_length: "This key is not complete: a character is missing or one too many. Copy it again.",
  too_short: "This key is too short to be safe (under 80 bits). Ask the service for a new one.",
  hotp: "This key counts button presses (HOTP). Only keys that go by the clock (TOTP) can be shared.",
  type: "This is a kind of authenticator that is not known here. Only keys that go by the clock (TOTP) are.",
  algorithm: "This key asks for an algorithm that is not known here: SHA1, SHA256 and SHA512 are.",
  digits: "This key asks for codes of a length that is not known here: 6, 7 and 8 digits are.",
  period: "This key asks for a period that is not known here: 5 to 600 seconds are.",
  doubled: "This link says one thing twice, so apps would not agree on what it means. Ask for a new one.",
  unreadable: "This is not complete or was damaged on its way. Copy it again.",
  too_long: "This is longer than any set-up link. Copy it again.",
  no_accounts: "There are no accounts in this export.",
});

export const WARNINGS = Object.freeze({
  short: "This key is shorter than 128 bits, which is weaker than it should be.",
  unusual_algorithm: "This key does not use SHA1. Some apps ignore that and show wrong codes.",
  unusual_digits: "Codes of this key do not have 6 digits. Some apps ignore that and show wrong codes.",
  unusual_period: "Codes of this key do not change every 30 seconds. Some apps ignore that and show wrong codes.",
  two_issuers: "This link names two services. The one that most apps show is used.",
  cleaned: "Invisible characters were taken out of the name.",
});

/** @typedef {keyof typeof PROBLEMS} Reason */
/** @typedef {keyof typeof WARNINGS} Oddity */
/** @typedef {{code: Oddity, words: string}} Warning */

/** A text that cannot be used as an authenticator key. It holds nothing of the text. */
export class UnusableKey extends Error {
  /** @param {Reason} code */
  constructor(code) {
    super(PROBLEMS[code]);
    this.name = "UnusableKey";
    this.code = code;
  }
}

/**
 * @param {Oddity[]} codes
 * @returns {Warning[]}
 */
export function warnings_of(codes) {
  return codes.map((code) => ({ code, words: WARNINGS[code] }));
}
