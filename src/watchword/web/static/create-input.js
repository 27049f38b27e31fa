/**
 * What was put into the one field: a text, an authenticator key, an export of keys, files, a picture of a QR code.
 *
 * Not handled here: reading keys (otpauth.js) and pictures (qr.js, loaded only when one comes), sealing.
 *
 * Rules: what was recognised is said in words, and a person can always say that it is plain text after all; a picture
 * with a code in it becomes the code's text, in the field, where it can be seen; nothing is sent from here.
 */

import { button, element, make, say } from "./dom.js";
import { encodeBase32, recognise } from "./otpauth.js";
import { sizeOf } from "./size.js";
import { liveCode } from "./totp-card.js";
import { phrase } from "./words.js";

/** @typedef {import("./document.js").Secret} Secret */
/** @typedef {import("./document.js").Totp} Totp */
/** @typedef {import("./otpauth.js").AuthenticatorKey} AuthenticatorKey */
/** @typedef {{documents: {document: Secret, name: string}[], files: File[]}} Put */
/** @typedef {{problem: string, at: HTMLElement}} Missing */

const MOST_FILES = 20;
const PICTURE = /^image\/(png|jpeg|gif|webp)$/;

export class Input {
  constructor() {
    this.field = element("secret", HTMLTextAreaElement);
    this.second = element("second", HTMLInputElement);
    /** @type {File[]} */
    this.files = [];
    this.plain = false; // "it is text", said by a person
    this.seen = recognise("");
    this.stop = () => {};
    this.field.addEventListener("input", () => this.look());
    this.second.addEventListener("input", () => this.look_at_second());
    this.listen_for_files();
    this.look(); // a browser may have kept the text over a reload
  }

  /** Forget everything. */
  clear() {
    this.field.value = "";
    this.files = [];
    this.plain = false;
    this.list();
    this.look();
  }

  /** Tell what is in the field, and show it. */
  look() {
    this.stop();
    this.stop = () => {};
    this.seen = recognise(this.field.value);
    const { kind } = this.seen;
    if (kind === "empty" || kind === "text") this.plain = false;
    element("more", HTMLElement).hidden = !(this.is_text() && kind !== "empty") || this.files.length > 0;
    const found = element("found", HTMLElement);
    found.replaceChildren(...this.parts());
    found.hidden = !found.hasChildNodes();
    const line = element("recognised", HTMLElement);
    if (line.textContent !== this.words()) line.textContent = this.words();
    line.classList.toggle("wrong", kind === "problem" && !this.plain);
  }

  is_text() {
    return this.plain || this.seen.kind === "text" || this.seen.kind === "empty";
  }

  /** One line that says what was recognised. */
  words() {
    const { seen } = this;
    if (this.files.length) return seen.kind === "empty" ? "" : phrase("The text goes along as a note.");
    if (seen.kind === "empty") return "";
    if (this.is_text()) return phrase("Text. It is shared exactly as it is here.");
    if (seen.kind === "problem") return phrase(seen.words);
    if (seen.kind === "migration") return migration_words(seen);
    if (seen.kind === "totp") return phrase(seen.bare ? "This looks like an authenticator key." : "An authenticator key.");
    return "";
  }

  /** What is shown below that line. */
  parts() {
    const { seen } = this;
    if (this.files.length || seen.kind === "empty" || seen.kind === "text") return [];
    const parts = [];
    if (!this.plain && seen.kind === "totp") parts.push(...this.key_parts(seen));
    if (!this.plain && seen.kind === "migration") parts.push(accounts_of(seen));
    if (seen.kind === "problem" || (seen.kind === "totp" && seen.bare)) parts.push(this.choice());
    return parts;
  }

  /** @param {import("./otpauth.js").Totp} seen */
  key_parts({ key, warnings }) {
    const live = liveCode(key);
    this.stop = live.stop;
    const about = make("p", { class: "who" }, make("strong", {}, key.issuer || phrase("Authenticator key")), make("span", {}, key.account));
    const help = make("p", { class: "small" }, phrase("Is this the code that your app shows now? Then it is the right key."));
    return [
      make("div", { class: "key" }, about, live.node),
      help,
      ...warnings.map(({ words }) => make("p", { class: "warning" }, phrase(words))),
    ];
  }

  choice() {
    const box = make("input", { type: "checkbox", id: "plain", checked: this.plain });
    box.addEventListener("change", () => {
      this.plain = box.checked;
      this.look();
      document.getElementById("plain")?.focus();
    });
    return make("p", { class: "choice" }, make("label", {}, box, " ", phrase("Share it as plain text")));
  }

  look_at_second() {
    const seen = recognise(this.second.value);
    const words = second_words(seen);
    element("second-said", HTMLElement).textContent = words;
  }

  /** @returns {Put | Missing} */
  documents() {
    const label = element("label", HTMLInputElement).value.trim();
    const about = label ? { label } : {};
    const text = this.field.value;
    const { seen } = this;
    if (this.files.length) {
      const note = text.trim() ? { note: text } : {};
      return this.put([{ type: "file", files: [], ...note, ...about }]);
    }
    if (seen.kind === "empty") return { problem: phrase("Paste what you want to share, or choose a file."), at: this.field };
    const most = Number(element("main", HTMLElement).dataset["maxText"]);
    if (new TextEncoder().encode(text).length > most) {
      const problem = phrase("This text is too long: {size} is the most. Save it as a file and share that.", { size: sizeOf(most) });
      return { problem, at: this.field };
    }
    if (this.is_text()) return this.text(text, about);
    if (seen.kind === "totp") return this.put([{ type: "totp", ...totp_of(seen.key), ...about }]);
    if (seen.kind === "migration") {
      const boxes = element("found", HTMLElement).querySelectorAll("input[name=account]");
      const ticked = seen.accounts.filter((_, number) => /** @type {HTMLInputElement} */ (boxes[number]).checked);
      const all = ticked.map(({ key }) => /** @type {Secret} */ ({ type: "totp", ...totp_of(key), ...about }));
      return all.length ? this.put(all) : { problem: phrase("Tick the accounts that you want to share."), at: this.field };
    }
    return { problem: "words" in seen ? phrase(seen.words) : "", at: this.field };
  }

  /**
   * A text, or a login where more is known.
   *
   * @param {string} text
   * @param {{label?: string}} about
   * @returns {Put | Missing}
   */
  text(text, about) {
    const username = element("username", HTMLInputElement).value.trim();
    const url = element("url", HTMLInputElement).value.trim();
    const second = recognise(this.second.value);
    if (second.kind === "text" || second.kind === "problem" || second.kind === "migration") {
      element("login", HTMLDetailsElement).open = true;
      return { problem: second_words(second), at: this.second };
    }
    if (!username && !url && second.kind === "empty") return this.put([{ type: "text", text, ...about }]);
    const totp = second.kind === "totp" ? totp_of(second.key) : null;
    const login = { password: text, ...(username ? { username } : {}), ...(url ? { url } : {}), ...about };
    if (totp && element("apart", HTMLInputElement).checked) {
      return this.put([{ type: "login", ...login }, { type: "totp", ...totp, ...about }], [phrase("Password"), phrase("Authenticator key")]);
    }
    return this.put([{ type: "login", ...login, ...(totp ? { totp } : {}) }]);
  }

  /**
   * @param {Secret[]} documents
   * @param {string[]} [names]
   * @returns {Put}
   */
  put(documents, names = []) {
    const named = documents.map((document, number) => ({
      document,
      name: names[number] ?? (document.type === "totp" && documents.length > 1 ? name_of(document) : ""),
    }));
    return { documents: named, files: [...this.files] };
  }

  listen_for_files() {
    const chooser = element("file", HTMLInputElement);
    const well = element("well", HTMLElement);
    element("choose", HTMLButtonElement).addEventListener("click", () => chooser.click());
    chooser.addEventListener("change", () => {
      void this.take([...(chooser.files ?? [])]);
      chooser.value = "";
    });
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      if (!well.inert) void this.take(files);
    });
    for (const kind of ["dragover", "dragleave", "drop"]) {
      document.addEventListener(kind, (event) => {
        const { dataTransfer } = /** @type {DragEvent} */ (event);
        if (!dataTransfer?.types.includes("Files")) return; // text that is dropped into the field is the browser's
        event.preventDefault();
        if (well.inert) return; // it is on its way already
        well.classList.toggle("over", kind === "dragover");
        if (kind === "drop") void this.take([...dataTransfer.files]);
      });
    }
  }

  /**
   * Take files. One picture that holds a QR code is taken for what the code says.
   *
   * @param {File[]} files
   */
  async take(files) {
    const [picture] = files;
    if (picture && files.length === 1 && !this.files.length && PICTURE.test(picture.type) && (await this.read(picture))) return;
    const most = Number(element("main", HTMLElement).dataset["maxFile"]);
    const all = [...this.files, ...files];
    if (all.length > MOST_FILES) return this.refuse(phrase("That is too many: {n} files are the most. Nothing was added.", { n: MOST_FILES }));
    if (all.reduce((sum, { size }) => sum + size, 0) > most) {
      return this.refuse(phrase("That is too large: {size} are the most, all files together. Nothing was added.", { size: sizeOf(most) }));
    }
    this.files = all;
    this.list();
    this.look();
    say(files.length === 1 ? phrase("{name} was added.", { name: files[0]?.name ?? "" }) : phrase("{n} files were added.", { n: files.length }));
  }

  /** @param {string} words */
  refuse(words) {
    const line = element("recognised", HTMLElement);
    line.textContent = words;
    line.classList.add("wrong");
  }

  /**
   * Look for QR codes in a picture. False where there is none, so that it is shared as the file that it is.
   *
   * @param {File} picture
   */
  async read(picture) {
    element("recognised", HTMLElement).textContent = phrase("Looking for a QR code…");
    const { readQrCodes } = await import("./qr.js");
    const codes = await readQrCodes(picture).catch(() => /** @type {string[]} */ ([]));
    const [only] = codes;
    if (only === undefined) return false;
    if (codes.length === 1) this.fill(only);
    else this.ask_which(codes);
    return true;
  }

  /** @param {string} text */
  fill(text) {
    this.field.value = text;
    this.look();
    this.field.focus();
  }

  /** @param {string[]} codes */
  ask_which(codes) {
    const found = element("found", HTMLElement);
    const names = codes.map((code) => {
      const seen = recognise(code);
      return seen.kind === "totp" ? name_of(seen.key) : code.slice(0, 40);
    });
    found.replaceChildren(...codes.map((code, number) => button(names[number] ?? "", () => this.fill(code))));
    found.hidden = false;
    element("recognised", HTMLElement).textContent = phrase("There are {n} QR codes in this picture. Which one?", { n: codes.length });
  }

  /** Show the files that will go along. */
  list() {
    const list = element("files", HTMLElement);
    list.replaceChildren(
      ...this.files.map((file) => {
        const away = button(phrase("Remove"), () => {
          this.files = this.files.filter((each) => each !== file);
          this.list();
          this.look();
          this.field.focus();
        });
        away.setAttribute("aria-label", phrase("Remove {name}", { name: file.name }));
        return make("li", {}, make("bdi", { class: "name" }, file.name), make("span", { class: "small" }, sizeOf(file.size)), away);
      }),
    );
    list.hidden = !this.files.length;
    this.field.placeholder = phrase(this.files.length ? "A note, if you like" : "Paste or drop it here");
  }
}

/** @param {{issuer?: string, account?: string}} key */
function name_of({ issuer, account }) {
  return [issuer, account].filter(Boolean).join(": ") || phrase("Authenticator key");
}

/**
 * @param {AuthenticatorKey} key
 * @returns {Totp}
 */
function totp_of({ secret, algorithm, digits, period, issuer, account }) {
  const names = { ...(issuer ? { issuer } : {}), ...(account ? { account } : {}) };
  return { secret: encodeBase32(secret), algorithm, digits, period, ...names };
}

/**
 * The accounts of an export, each to be shared or not. No one is shared without having been named here.
 *
 * @param {import("./otpauth.js").Migration} seen
 */
function accounts_of({ accounts, unusable }) {
  const list = make("ul", { class: "names" });
  for (const { key } of accounts) {
    const box = make("input", { type: "checkbox", name: "account", checked: true });
    list.append(make("li", {}, make("label", {}, box, " ", make("bdi", {}, name_of(key)))));
  }
  for (const lost of unusable) {
    list.append(make("li", { class: "small" }, make("bdi", {}, name_of(lost)), `: ${phrase(lost.words)}`));
  }
  return list;
}

/** @param {import("./otpauth.js").Recognised} seen */
function second_words(seen) {
  if (seen.kind === "totp") return seen.key.issuer ? phrase("Understood: {name}.", { name: name_of(seen.key) }) : phrase("Understood.");
  if (seen.kind === "problem") return phrase(seen.words);
  if (seen.kind === "migration") return phrase("This is an export of several keys. Paste it in the field above instead.");
  return seen.kind === "text" ? phrase("This is no authenticator key: paste the set-up link or the key in base32.") : "";
}

/** @param {import("./otpauth.js").Migration} seen */
function migration_words({ accounts, unusable, part, parts }) {
  const rest = parts > 1 ? [phrase("This is picture {n} of {all}.", { n: part, all: parts })] : [];
  const n = accounts.length + unusable.length;
  const all = phrase(n === 1 ? "An export of one account. If it is ticked, it gets a link." : "An export of {n} accounts. Each one that is ticked gets a link of its own.", { n });
  return [all, ...rest].join(" ");
}
