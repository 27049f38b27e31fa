/**
 * A passphrase to suggest: three groups that can be read over the phone.
 *
 * 12 of 32 characters are 60 bits; with the 600 000 rounds of the key derivation a search through them is out of
 * reach, link and database in hand. Left out are the four that are taken for others: i, l, o, and u beside v.
 */

const CHARACTERS = "0123456789abcdefghjkmnpqrstvwxyz";
const GROUPS = 3;
const EACH = 4;

/** @param {(size: number) => Uint8Array} [dice] */
export function groups(dice = (size) => crypto.getRandomValues(new Uint8Array(size))) {
  const characters = [...dice(GROUPS * EACH)].map((byte) => CHARACTERS[byte % CHARACTERS.length]).join("");
  return characters.match(/.{4}/g)?.join("-") ?? "";
}
