/**
 * <watchword-code>: the field for a code, with everything around it, for the hosted code page and for pages of apps.
 *
 * How to use it: docs/reference/element.md. One file without imports, so that an app can serve a copy of its own; what
 * it derives is the `page` proof of docs/spec/magic-link.md, the same as in token.js.
 *
 * Not handled here: approving. A right code brings the verification to `confirmed`, and the browser back to its app.
 *
 * Rules:
 *
 * * no markup is ever parsed and no style attribute set, so that the strictest policies of pages let it be;
 * * the ticket leaves the page's markup as soon as it was read, and only its proof is sent, in bodies; to another origin without cookies;
 * * work that a message may cost (ALTCHA's) is done here, by the browser's own functions, with nothing for anybody to solve;
 * * what ticks is no live region; an error is said once, in words that tell a guesser nothing.
 */

/** Its sentences, by their names. */
export const TEXTS = {
  looking: "One moment…",
  login: "To sign in to {app}, type the code that was sent to {to}.",
  step_up: "To approve this at {app}, type the code that was sent to {to}.",
  address_confirmation: "To confirm your address for {app}, type the code that was sent to {to}.",
  recovery: "To get back into your account at {app}, type the code that was sent to {to}.",
  binding: "To add this address to your account at {app}, type the code that was sent to {to}.",
  address_confirmation_sms: "To confirm your number for {app}, type the code that was sent to {to}.",
  binding_sms: "To add this number to your account at {app}, type the code that was sent to {to}.",
  words: "The message must show “{word}”, the second of your two words. If it shows another one, it is not for this page.",
  words_sms: "If the text message shows another word than “{word}”, the second of your two, it is not for this page.",
  code: "Code",
  submit: "Continue",
  checking: "Checking…",
  resend: "Send it again",
  resend_in: "Send it again in {time}",
  resent: "Sent again. It is the same code.",
  send: "Send it now",
  sent: "Sent.",
  work: "Before the code is sent, your browser works for some seconds. There is nothing for you to do.",
  hard: "Your browser could not finish that. Nothing is lost: try again, or go back and choose another way.",
  spent: "It cannot be sent again.",
  until: "Valid until {time}.",
  form: "The code has {n} digits. Nothing was sent, and no try was counted.",
  mismatch: "That is not the code.",
  left_1: "One more try.",
  left_n: "{n} more tries.",
  paused: "Too many tries for now. Nothing is lost: try again in {time}.",
  offline: "The server cannot be reached. Nothing is lost: try again.",
  odd: "This did not work. Nothing is lost: try again in a moment.",
  again: "Try again",
  confirmed: "This was confirmed already, and goes on in the window where you asked. To go on here, type the code again.",
  expired: "This code has expired. Go back and ask for a new one.",
  used: "This code was used. If you are not signed in, go back and ask for a new one.",
  canceled: "This request was withdrawn. Go back and ask again if you still need it.",
  exhausted: "Too many wrong codes. Go back and ask for a new one.",
  failed: "The message could not be delivered. Go back and check the address.",
  failed_sms: "The text message could not be delivered. Go back and check the number.",
  unknown: "This page does not belong to a request any more. Go back and ask again.",
  insecure: "This needs https. Nothing was sent.",
};

// By day and by night, as the page around it is.
const COLOURS = {
  quiet: ["#566070", "#9aa7b8"],
  surface: ["#ffffff", "#172130"],
  sunken: ["#f3f0e9", "#121b28"],
  line: ["#8c8678", "#5f6e82"],
  next: ["#f2a93b", "#f5b95a"],
  "on-next": ["#16202e", "#0f1620"],
  accent: ["#8a5200", "#f5b95a"],
  danger: ["#b3261e", "#ff9a90"],
};

/** @param {(day: string, night: string) => string} choose */
function colours(choose) {
  const lines = Object.entries(COLOURS).map(([name, [day = "", night = ""]]) => `--_${name}: var(--watchword-${name}, ${choose(day, night)});`);
  return `:host { ${lines.join(" ")} }`;
}

const STYLE = `
${colours((day) => day)}
@supports (color: light-dark(#000, #fff)) { ${colours((day, night) => `light-dark(${day}, ${night})`)} }
:host { --_round: var(--watchword-round, 10px); display: block; color: var(--watchword-text, inherit); font: inherit; line-height: 1.5; }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
p { margin: 0 0 1rem; text-wrap: pretty; }
p:focus { outline: none; }
form { margin: 0; }
.action { padding: 0.875rem 1.125rem; border: 1px solid var(--_line); border-radius: var(--_round); font-weight: 620;
  overflow-wrap: anywhere; white-space: pre-line; }
.words { margin: 0 0 1.25rem; padding: 0.875rem 1.125rem; border-radius: var(--_round); background: var(--_sunken); }
.words strong { display: block; font-size: 1.25rem; font-weight: 620; }
.words p, .small { margin: 0; color: var(--_quiet); font-size: 0.875rem; }
label { display: block; margin-block-end: 0.375rem; font-weight: 620; font-size: 0.875rem; }
.row { display: flex; flex-wrap: wrap; gap: 0.75rem; }
input, button { min-height: 3rem; border-radius: var(--_round); font: inherit; color: inherit; }
input { flex: 0 1 13rem; min-width: 0; padding: 0.5rem 0.75rem; border: 1px solid var(--_line); background: var(--_surface);
  direction: ltr; font-size: 1.375rem; letter-spacing: 0.08em; font-variant-numeric: slashed-zero tabular-nums;
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
button { cursor: pointer; padding: 0 1.5rem; border: 1px solid transparent; font-weight: 620; background: var(--_next);
  color: var(--_on-next); }
button.plain { min-height: 2.75rem; padding: 0 0.9375rem; border-color: var(--_line); font-weight: 400; background: var(--_surface);
  color: inherit; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
button:hover:enabled { box-shadow: inset 0 0 0 1px currentcolor; }
button.plain:disabled { cursor: default; color: var(--_quiet); }
button.next:disabled { cursor: progress; opacity: 0.75; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
[part="work"]:not(:empty) { margin-block-end: 0.75rem; }
.error { min-height: 1.5em; margin: 0.5rem 0; color: var(--_danger); }
.foot { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }`;

const LOOK = 5000; // milliseconds between two looks at a request that may be confirmed elsewhere
const LONGEST = 300; // seconds by which a service that is busy may put off the next look
const ENDS = new Set(["expired", "used", "canceled", "exhausted", "failed", "unknown", "insecure"]);

/** @typedef {{status: string, app: string, purpose: string, channel: string, to: string, watchword: string, digits: number, created_at: string,
 *   expires_at: string, resend_at: string, sends_remaining: number, attempts_remaining?: number, action?: string,
 *   challenge?: string, redirect_to?: string}} Seen */
/** @typedef {{origin: string, id: string, proof: string}} Request where a request is, and what shows that one may see it */
/** @typedef {{parameters: {nonce: string, salt: string, cost: number, keyLength: number, keyPrefix: string}, signature: string}} Work */
/** @typedef {{status: number, answer: any, retryAfter: number}} Heard `status` is 0 where nothing came back */

/**
 * The code in a text that somebody typed or pasted, or null where there is none, or more than one.
 *
 * A text of digits, blanks and dashes is the code or none. In any other, what stands apart counts before what is grouped,
 * and both before what other letters touch: a link beside the code has digits, too.
 *
 * @param {string} text
 * @param {number} digits
 */
export function codeIn(text, digits) {
  const narrow = text.trim().replace(/[\uff10-\uff19]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
  const plain = narrow.replace(/[\u00a0\u2009\u202f]/g, " ").replace(/[\u2010-\u2015\u2212]/g, "-");
  if (/^[0-9 -]+$/.test(plain)) return only([plain.replace(/[^0-9]/g, "")].filter((all) => all.length === digits));
  const runs = [...plain.matchAll(/[0-9]+/g)].map(({ 0: run, index }) => ({ run, from: index, to: index + run.length }));
  /** @param {number} from @param {number} to @param {RegExp} letters */
  const apart = (from, to, letters) => !letters.test(plain.charAt(from - 1)) && !letters.test(plain.charAt(to));
  const whole = runs.filter(({ run }) => run.length === digits);
  const strict = whole.filter(({ from, to }) => apart(from, to, /[\p{L}\p{N}_-]/u)).map(({ run }) => run);
  if (strict.length) return only(strict);
  const groups = grouped(plain, runs, digits).filter(({ from, to }) => apart(from, to, /[\p{L}\p{N}_-]/u)).map(({ run }) => run);
  if (groups.length) return only(groups);
  return only(whole.filter(({ from, to }) => apart(from, to, /[A-Za-z0-9]/)).map(({ run }) => run));
}

/** @typedef {{run: string, from: number, to: number}} Run of digits, and where it stands */

/**
 * What runs of digits give together that one blank or dash parts: all that belong together, or some of one length.
 *
 * @param {string} text
 * @param {Run[]} runs
 * @param {number} digits
 */
function grouped(text, runs, digits) {
  /** @param {number} at */
  const joined = (at) => /^[ -]$/.test(text.slice(runs[at - 1]?.to ?? 0, runs[at]?.from ?? 0)) && at > 0 && at < runs.length;
  /** @type {Run[]} */
  const found = [];
  runs.forEach(({ run: first, from }, start) => {
    let all = first;
    let even = first.length > 2;
    for (let at = start + 1; joined(at) && all.length < digits; at += 1) {
      const { run, to } = /** @type {Run} */ (runs[at]);
      all += run;
      even &&= run.length === first.length;
      if (all.length === digits && (even || (!joined(start) && !joined(at + 1)))) found.push({ run: all, from, to });
    }
  });
  return found;
}

/** @param {string[]} codes */
function only(codes) {
  const [code = null, ...others] = new Set(codes);
  return others.length ? null : code;
}

/**
 * The request behind a `page_url`, or null where the address is none.
 *
 * @param {string} pageUrl
 * @returns {Promise<Request | null>}
 */
export async function requestOf(pageUrl) {
  const parts = /^(https?:\/\/[^/?#]+)\/v\/(vf_[A-Za-z0-9_-]{22})#([A-Za-z0-9_-]{43})$/.exec(pageUrl.trim());
  if (!parts) return null;
  const [, origin = "", id = "", ticket = ""] = parts;
  const raw = Uint8Array.from(atob(`${ticket.replaceAll("-", "+").replaceAll("_", "/")}=`), (one) => one.charCodeAt(0));
  const key = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
  const info = new TextEncoder().encode("watchword/v1/page/proof");
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, key, 256);
  const proof = btoa(String.fromCharCode(...new Uint8Array(bits))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return { origin, id, proof };
}

/**
 * Do a piece of work: find the counter whose key begins as wanted (docs/spec/passcode.md, section 10).
 *
 * @param {Work} work
 * @param {() => boolean} goesOn asked before each try
 * @returns {Promise<{challenge: Work, solution: {counter: number, derivedKey: string}} | null>}
 */
export async function solve(work, goesOn) {
  const { nonce, salt, cost, keyLength, keyPrefix } = work.parameters;
  const start = octets(nonce);
  const password = new DataView(new ArrayBuffer(start.length + 4));
  new Uint8Array(password.buffer).set(start);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: octets(salt), iterations: cost };
  for (let counter = 0; goesOn(); counter += 1) {
    password.setUint32(start.length, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const bits = new Uint8Array(await crypto.subtle.deriveBits(how, key, keyLength * 8));
    const derivedKey = [...bits].map((one) => one.toString(16).padStart(2, "0")).join("");
    if (derivedKey.startsWith(keyPrefix)) return { challenge: work, solution: { counter, derivedKey } };
  }
  return null;
}

export class WatchwordCode extends HTMLElement {
  static observedAttributes = ["page-url"];

  /** @type {Request | null} */
  #request = null;
  /** @type {Seen | null} */
  #seen = null;
  #texts = TEXTS;
  #ahead = 0; // milliseconds by which this device's clock is ahead of the server's
  #busy = false;
  #clock = 0;
  #due = 0; // when it looks again by itself
  #root = this.attachShadow({ mode: "open", delegatesFocus: true });
  #parts = build(this.#root);

  constructor() {
    super();
    const { form, field, resend } = this.#parts;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#check();
    });
    field.addEventListener("paste", (event) => {
      const code = codeIn(event.clipboardData?.getData("text") ?? "", this.#seen?.digits ?? 0);
      if (code === null) return; // what it is then, a person sees in the field
      event.preventDefault();
      field.value = code;
    });
    resend.addEventListener("click", () => void this.#resend());
    this.#parts.again.addEventListener("click", () => void this.#look());
  }

  connectedCallback() {
    this.#clock = window.setInterval(() => this.#tick(), 1000);
    document.addEventListener("visibilitychange", this.#returned);
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    document.removeEventListener("visibilitychange", this.#returned);
  }

  /**
   * @param {string} _
   * @param {string | null} __
   * @param {string | null} value
   */
  attributeChangedCallback(_, __, value) {
    if (value === null) return;
    this.removeAttribute("page-url"); // whoever records pages is not to have it
    this.pageUrl = value;
  }

  /** The `page_url` of the answer that made the verification. It can be given, and not read. */
  set pageUrl(/** @type {string} */ address) {
    void this.#open(address);
  }

  /** Sentences in place of ours, by their names. @param {Partial<typeof TEXTS>} texts */
  set texts(texts) {
    // A sentence of the app's stands for text messages, too, where it has none for them.
    const both = Object.fromEntries(Object.entries(texts).map(([name, text]) => [`${name}_sms`, text]));
    this.#texts = { ...TEXTS, ...both, ...texts };
    if (this.#seen) this.#arrange(this.#seen);
  }

  /**
   * Show a request of which one has the proof already.
   *
   * @param {Request} request
   */
  async start(request) {
    this.#request = request;
    this.#seen = null;
    await this.#look();
  }

  /** @param {string} address */
  async #open(address) {
    if (!globalThis.crypto?.subtle) return this.end("insecure");
    const request = await requestOf(address);
    if (!request) return this.end("unknown");
    await this.start(request);
  }

  /** Ask how the request stands. Changes nothing on the server. */
  async #look() {
    const request = this.#request;
    if (!request) return;
    this.#due = Date.now() + LOOK;
    const { status, answer, retryAfter } = await this.#ask("open", {});
    this.#due += Math.min(retryAfter, LONGEST) * 1000;
    // A code or a resend was sent meanwhile: its own answer counts, or one press would be told of as two.
    if (this.#busy || this.#request !== request) return;
    if (status === 200) return this.#arrange(answer);
    if (status === 404) return this.end("unknown");
    if (answer.code === "not_accepted") return this.end(ENDS.has(answer.reason) ? answer.reason : "unknown");
    if (this.#seen) return; // a later look may find more
    this.#show("stuck");
    put(this.#parts.stuck, this.#trouble(status, retryAfter));
  }

  /** @param {Seen} seen */
  #arrange(seen) {
    const before = this.#seen;
    this.#seen = seen;
    const ended = seen.status === "approved" ? "used" : seen.status;
    if (ENDS.has(ended)) return this.end(ended);
    const { asks, action, both, second, field, label, submit, until } = this.#parts;
    const purpose = seen.status === "confirmed" ? seen.status : seen.purpose;
    put(asks, this.#say(purpose in TEXTS ? /** @type {keyof typeof TEXTS} */ (purpose) : "login", { app: seen.app, to: seen.to }));
    put(action, seen.action ?? "");
    action.hidden = !seen.action;
    put(both, seen.watchword);
    put(second, this.#say("words", { word: seen.watchword.split(" ").at(-1) ?? "" }));
    put(label, this.#say("code"));
    if (!this.#busy) put(submit, this.#say("submit"));
    field.size = seen.digits + 2;
    put(until, this.#say("until", { time: hour(Date.parse(seen.expires_at) + this.#ahead) }));
    if (before === null) this.#show("form");
    if (before === null && seen.challenge) void this.#resend(); // nothing was sent yet, and somebody is here now
    this.#tick();
    if (seen.status === "confirmed" && before?.status !== "confirmed") {
      const goes = this.#tell("watchword-elsewhere", { redirectTo: seen.redirect_to });
      if (goes && seen.redirect_to) return this.#confirmed(seen.redirect_to);
    }
    if (before) return;
    this.#tell("watchword-ready", { app: seen.app, to: seen.to, purpose: seen.purpose, channel: seen.channel });
    if (this.hasAttribute("autofocus")) field.focus();
  }

  /** Once a second: what is left to wait, and now and then another look. */
  #tick() {
    if (!document.hidden && !this.#busy && Date.now() >= this.#due) void this.#look();
    if (!this.#seen || this.#parts.form.hidden) return;
    const { resend } = this.#parts;
    const wait = Math.ceil((Date.parse(this.#seen.resend_at) - Date.now() + this.#ahead) / 1000);
    const spent = this.#seen.sends_remaining === 0;
    resend.disabled = spent || wait > 0 || this.#busy;
    put(resend, spent ? this.#say("spent") : wait > 0 ? this.#say("resend_in", { time: minutes(wait) }) : this.#say(this.#seen.challenge ? "send" : "resend"));
  }

  #returned = () => {
    if (!document.hidden && this.#seen && !this.#busy && !this.#parts.form.hidden) void this.#look();
  };

  async #check() {
    const { field } = this.#parts;
    if (!this.#seen || this.#busy) return;
    const { digits } = this.#seen;
    const code = codeIn(field.value, digits);
    if (code === null) return this.#wrong(this.#say("form", { n: digits }));
    this.#working(true);
    const { status, answer, retryAfter } = await this.#ask("check", { code });
    this.#working(false);
    if (status === 200) return this.#confirmed(answer.redirect_to);
    if (status === 404) return this.end("unknown");
    if (answer.code !== "not_accepted") return this.#wrong(this.#trouble(status, retryAfter));
    if (answer.reason !== "mismatch") return this.end(ENDS.has(answer.reason) ? answer.reason : "unknown");
    const left = answer.attempts_remaining;
    if (left === 0) return this.end("exhausted");
    const more = left ? this.#say(left === 1 ? "left_1" : "left_n", { n: left }) : "";
    this.#wrong(`${this.#say("mismatch")} ${more}`.trim());
  }

  async #resend() {
    const { field, said } = this.#parts;
    if (!this.#seen || this.#busy) return;
    const first = Boolean(this.#seen.challenge);
    this.#working(true, "submit"); // no code is checked
    const { status, answer, retryAfter } = await this.#send();
    this.#working(false);
    field.focus(); // the button that was pressed cannot be pressed for now
    if (status === 200) {
      this.#arrange(answer);
      said.textContent = this.#say(first ? "sent" : "resent");
      this.#wrong("", { focus: false });
    } else if (status === 404) {
      this.end("unknown");
    } else if (status === 409) {
      await this.#look(); // it has ended, or was sent as often as it may be: that tells which
    } else {
      this.#wrong(answer.code === "challenge_required" ? this.#say("hard") : this.#trouble(status, retryAfter));
    }
  }

  /**
   * Have the message sent, and work for it where that is asked.
   *
   * @returns {Promise<Heard>}
   */
  async #send() {
    const heard = this.#seen?.challenge ? null : await this.#ask("resend", {});
    if (heard && heard.answer.code !== "challenge_required") return heard;
    const { work } = this.#parts;
    put(work, this.#say("work"));
    try {
      const set = await this.#ask("challenge", {});
      if (set.status !== 200) return set;
      const done = await solve(set.answer, () => this.isConnected);
      return done ? await this.#ask("resend", { work: done }) : { status: 0, answer: {}, retryAfter: 0 };
    } catch {
      return { status: 403, answer: { code: "challenge_required" }, retryAfter: 0 }; // a browser that cannot compute it
    } finally {
      put(work, "");
    }
  }

  /** @param {string} address */
  #confirmed(address) {
    if (!/^https?:$/.test(new URL(address).protocol)) throw new Error("this address is not one to go to");
    this.#parts.field.value = "";
    this.#request = null;
    this.#show("looking");
    const goes = this.#tell("watchword-confirmed", { redirectTo: address });
    if (goes) location.replace(address); // what it holds is not to be one step back
  }

  /**
   * Show an end, and nothing else any more.
   *
   * @param {string} reason
   */
  end(reason) {
    this.#parts.field.value = "";
    this.#request = null;
    this.#parts.over.textContent = this.#say(/** @type {keyof typeof TEXTS} */ (reason));
    this.#show("over");
    if (this.#tell("watchword-ended", { reason })) this.#parts.over.focus({ preventScroll: true });
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} detail
   * @returns {boolean} false where the page takes over from here
   */
  #tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** @param {"looking" | "form" | "stuck" | "over"} what */
  #show(what) {
    const { looking, form, stuck, again, over } = this.#parts;
    looking.textContent = this.#say("looking");
    again.textContent = this.#say("again");
    looking.hidden = what !== "looking";
    form.hidden = what !== "form";
    stuck.hidden = again.hidden = what !== "stuck";
    over.hidden = what !== "over";
  }

  /**
   * @param {boolean} now
   * @param {"checking" | "submit"} [told]
   */
  #working(now, told = "checking") {
    this.#busy = now;
    const { submit, said } = this.#parts;
    said.textContent = "";
    submit.disabled = now;
    submit.textContent = this.#say(now ? told : "submit");
    this.#tick();
  }

  /**
   * @param {string} text
   * @param {{focus?: boolean}} [how]
   */
  #wrong(text, { focus = true } = {}) {
    const { error, field } = this.#parts;
    error.textContent = "";
    requestAnimationFrame(() => (error.textContent = text)); // the same sentence twice is said twice
    field.setAttribute("aria-invalid", String(text !== ""));
    if (focus) field.select();
  }

  /**
   * @param {number} status
   * @param {number} retryAfter
   */
  #trouble(status, retryAfter) {
    if (status === 429) return this.#say("paused", { time: minutes(retryAfter || 30) });
    return this.#say(status === 0 ? "offline" : "odd");
  }

  /**
   * The sentence of that name, or its channel's own.
   *
   * @param {keyof typeof TEXTS} name
   * @param {Record<string, string | number>} [facts]
   */
  #say(name, facts = {}) {
    const own = `${name}_${this.#seen?.channel}`;
    return this.#texts[own in TEXTS ? /** @type {typeof name} */ (own) : name].replace(/\{(\w+)\}/g, (whole, fact) => (fact in facts ? String(facts[fact]) : whole));
  }

  /**
   * @param {"open" | "check" | "challenge" | "resend"} verb
   * @param {Record<string, unknown>} more
   * @returns {Promise<Heard>}
   */
  async #ask(verb, more) {
    if (!this.#request) return { status: 404, answer: {}, retryAfter: 0 };
    const { origin, id, proof } = this.#request;
    /** @type {RequestInit} */
    const how = { method: "POST", credentials: "same-origin", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" };
    const content = { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ proof, ...more }) };
    try {
      const response = await fetch(`${origin}/v1/pages/${id}/${verb}`, { ...how, ...content });
      const server = Date.parse(response.headers.get("Date") ?? "");
      if (!Number.isNaN(server)) this.#ahead = Date.now() - server;
      const answer = await response.json();
      return { status: response.status, answer, retryAfter: Number(response.headers.get("Retry-After")) || 0 };
    } catch {
      return { status: 0, answer: {}, retryAfter: 0 }; // nothing came back, or not all of it: asking again is safe
    }
  }
}

/** @param {ShadowRoot} root */
function build(root) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const looking = make("p", { part: "looking", class: "small", "aria-busy": "true" });
  const asks = make("p", { part: "asks", id: "asks" });
  const action = make("p", { part: "action", class: "action" });
  const both = make("strong", { part: "watchword", translate: "no" });
  const second = make("p", { id: "second" });
  const words = make("div", { part: "words", class: "words" }, both, second);
  const label = make("label", { part: "label", for: "code" });
  const how = { type: "text", inputmode: "numeric", autocomplete: "one-time-code", autocapitalize: "off", spellcheck: "false" };
  const field = make("input", { part: "field", id: "code", ...how, "aria-describedby": "error second" });
  const submit = make("button", { part: "submit", class: "next", type: "submit" });
  const row = make("div", { class: "row" }, field, submit);
  const error = make("p", { part: "error", class: "error", id: "error", role: "alert" });
  const resend = make("button", { part: "resend", class: "plain", type: "button" });
  const until = make("p", { part: "until", class: "small" });
  const foot = make("div", { class: "foot" }, resend, until);
  const work = make("p", { part: "work", class: "small", role: "status" });
  const said = make("p", { class: "said", role: "status" });
  const form = make("form", { part: "form", novalidate: "", hidden: "" }, asks, action, words, label, row, error, work, foot, said);
  const stuck = make("p", { part: "stuck", role: "alert", hidden: "" });
  const again = make("button", { part: "again", class: "plain", type: "button", hidden: "" });
  const over = make("p", { part: "over", tabindex: "-1", hidden: "" });
  root.append(looking, form, stuck, again, over);
  return { looking, asks, action, both, second, label, field, submit, error, resend, until, work, said, form, stuck, again, over };
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {Node[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Put a text where it is not yet: whoever reads the page aloud loses the place where a node changes.
 *
 * @param {HTMLElement} place
 * @param {string} text
 */
function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** @param {string} hex */
function octets(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** @param {number} seconds */
function minutes(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** @param {number} instant */
function hour(instant) {
  return new Date(instant).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

if (!customElements.get("watchword-code")) customElements.define("watchword-code", WatchwordCode);
