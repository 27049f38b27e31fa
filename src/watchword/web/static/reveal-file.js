/**
 * The files of a secret: fetched, opened and given to the browser to save. Never shown, whatever they are.
 *
 * Not handled here: the format of bodies (records.js), how they arrive (transfer.js).
 *
 * Rules: a name is a stranger's text: shown isolated, saved cleaned; a file is always saved as plain bytes, so that
 * none is ever a page of ours; one that does not open to its last byte is not given out at all.
 */

import { Refused } from "./api.js";
import { decode } from "./binary.js";
import { watched } from "./create-seal.js";
import { make, say } from "./dom.js";
import { openRecords } from "./records.js";
import { sizeOf } from "./size.js";
import { download } from "./transfer.js";
import { phrase } from "./words.js";

/** @typedef {import("./document.js").File} Sealed */
/** @typedef {{path: string, size: number}} Place */
/** @typedef {{claim: string, blobs: Place[]}} Under */

const HELD_FOR = 60_000; // milliseconds that a saved file's address stays good
const LONGEST = 180; // characters of a saved name

/**
 * @param {Sealed[]} files
 * @param {Under} under
 */
export function fileParts(files, under) {
  const lines = files.map((file) => {
    const press = make("button", { type: "button", class: "plain", "aria-label": phrase("Save {name}", { name: saneName(file.name) }) }, phrase("Save"));
    const bar = make("progress", { max: "1", hidden: true, "aria-label": phrase("Progress of {name}", { name: saneName(file.name) }) });
    const said = make("p", { class: "small wrong" });
    press.addEventListener("click", () => void save(file, under, { press, bar, said }));
    const about = make("span", { class: "small" }, sizeOf(file.size));
    return make("li", {}, make("bdi", { class: "name" }, saneName(file.name)), about, press, bar, said);
  });
  const help = make("p", { class: "small" }, phrase("Save what you need before you press Done. Open only files that you expect."));
  return [make("ul", { class: "files" }, ...lines), help];
}

/**
 * @param {Sealed} file
 * @param {Under} under
 * @param {{press: HTMLButtonElement, bar: HTMLProgressElement, said: HTMLElement}} parts
 */
async function save(file, under, { press, bar, said }) {
  press.disabled = true;
  said.textContent = "";
  try {
    const content = await content_of(file, under, (done) => {
      bar.hidden = false;
      bar.value = done / Math.max(1, file.size);
    });
    give(content, saneName(file.name));
    press.textContent = phrase("Save again");
    say(phrase("{name} was saved.", { name: saneName(file.name) }));
  } catch (error) {
    said.textContent = error instanceof Refused ? error.message : phrase("This file did not arrive whole. Nothing was saved: try again.");
  } finally {
    press.disabled = false;
    if (document.activeElement === document.body) press.focus(); // switched off, it lost the focus
    bar.hidden = true;
  }
}

/**
 * @param {Sealed} file
 * @param {Under} under
 * @param {(done: number) => void} progress
 * @returns {Promise<Blob>}
 */
async function content_of({ content, blob, key, size }, { claim, blobs }, progress) {
  if (content !== undefined) {
    const bytes = decode(content, size);
    if (!bytes) throw new Error("the content is not what it says");
    return new Blob([bytes]);
  }
  const place = blobs[blob ?? -1];
  const raw = decode(key, 16);
  if (!place || !raw) throw new Error("the file has no body");
  const body = await download(place.path, { "Watchword-Claim": claim });
  let done = 0;
  const opened = body.pipeThrough(openRecords(raw, size)).pipeThrough(watched((piece) => progress((done += piece.length))));
  return await new Response(opened).blob();
}

/**
 * @param {Blob} content
 * @param {string} name
 */
function give(content, name) {
  const address = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), HELD_FOR);
}

/**
 * A name that is only a name: no folder, no control or direction mark, nothing that a system gives a meaning to.
 *
 * @param {string} name
 */
export function saneName(name) {
  const last = name.split(/[\\/]/).at(-1) ?? "";
  const plain = last
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu, "")
    .replace(/[<>:"|?*]/g, "_")
    .replace(/^[. ]+|[. ]+$/g, "");
  const point = plain.lastIndexOf(".");
  const ending = point > 0 && plain.length - point <= 12 ? plain.slice(point) : "";
  const short = plain.length > LONGEST ? plain.slice(0, LONGEST - ending.length) + ending : plain;
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(short) ? `_${short}` : short || "file";
}
