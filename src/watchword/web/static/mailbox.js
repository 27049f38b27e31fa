/**
 * The development mailbox: trades the token in the address for a cookie, then shows what arrives.
 *
 * Not handled here: what a mail looks like (its HTML has an address and a sandboxed frame of its own).
 *
 * Rules: the token leaves the address before anything else happens; nothing that arrives is ever read as HTML; a look
 * that finds nothing new touches nothing on the page, so that neither focus nor scrolling is lost.
 */

/** @typedef {{key: string, to: string, at: string, subject: string}} Listed */
/** @typedef {Listed & {text: string, source: string}} Opened */
/** @typedef {"loading" | "list" | "mail" | "empty" | "locked" | "away"} Shown */
/** @typedef {"html" | "text" | "source"} View */

const EVERY = 2000; // milliseconds between two looks

const main = element("main", HTMLElement);
const list = element("mails", HTMLUListElement);
const frame = element("html", HTMLIFrameElement);
const plain = element("plain", HTMLPreElement);
const tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll("[role=tab]")]);

/** @type {Opened | null} */
let opened = null;
/** @type {View} */
let view = "html";
let listed = "";
let asked = ""; // the mail asked for last: an answer that comes after another click is not shown

/**
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is not on the page`);
  return found;
}

/** @param {Shown} what */
function show(what) {
  if (main.dataset["shows"] !== what) main.dataset["shows"] = what;
}

/** Trade the token behind # for a cookie, and forget it. */
async function enter() {
  const token = location.hash.slice(1);
  if (token) {
    history.replaceState(null, "", location.pathname);
    await fetch("/mailbox/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    }).catch(() => null); // the next look tells
  }
}

/** Look for mail, now and again. */
async function look() {
  try {
    if (!document.hidden) await refresh();
  } catch {
    show("away");
    listed = "";
  }
  setTimeout(look, EVERY);
}

async function refresh() {
  const answer = await fetch("/mailbox/mails");
  if (answer.status === 401) {
    listed = "";
    show("locked");
    return;
  }
  if (!answer.ok) throw new Error(`the list answered ${answer.status}`);
  const text = await answer.text();
  if (text === listed) return;
  listed = text;
  arrange(/** @type {Listed[]} */ (JSON.parse(text)));
}

/**
 * Bring the list up to date, leaving every line alone that is there already.
 *
 * @param {Listed[]} mails
 */
function arrange(mails) {
  const known = new Map([...list.children].map((line) => [/** @type {HTMLElement} */ (line).dataset["key"], line]));
  const lines = mails.map((mail) => known.get(mail.key) ?? line_of(mail));
  const kept = new Set(lines);
  for (const line of known.values()) if (!kept.has(line)) line.remove();
  lines.forEach((line, place) => {
    if (list.children[place] !== line) list.insertBefore(line, list.children[place] ?? null);
  });
  element("count", HTMLElement).textContent = mails.length === 1 ? "1 mail" : `${mails.length} mails, newest first`;
  if (mails.length === 0) show("empty");
  else show(opened ? "mail" : "list");
}

/**
 * @param {Listed} mail
 * @returns {HTMLLIElement}
 */
function line_of(mail) {
  const line = document.createElement("li");
  line.dataset["key"] = mail.key;
  const button = document.createElement("button");
  button.type = "button";
  button.append(part("span", "to", mail.to), time_of(mail.at), part("span", "subject", mail.subject));
  button.addEventListener("click", () => void open(mail.key));
  line.append(button);
  return line;
}

/**
 * @param {string} tag
 * @param {string} name
 * @param {string} text
 */
function part(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

/** @param {string} at */
function time_of(at) {
  const made = document.createElement("time");
  made.dateTime = at;
  made.textContent = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return made;
}

/** @param {string} key */
async function open(key) {
  asked = key;
  const answer = await fetch(`/mailbox/mails/${encodeURIComponent(key)}`).catch(() => null);
  if (!answer?.ok) return; // the next look tells what is wrong
  const mail = /** @type {Opened} */ (await answer.json());
  if (asked !== key) return;
  opened = mail;
  element("subject", HTMLElement).textContent = opened.subject;
  element("to", HTMLElement).textContent = opened.to;
  const at = element("at", HTMLTimeElement);
  at.dateTime = opened.at;
  at.textContent = new Date(opened.at).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
  mark(key);
  show_view(view);
  show("mail");
  if (!is_beside()) element("reader", HTMLElement).focus();
}

/** Whether list and mail stand beside each other, rather than one after the other. */
function is_beside() {
  return matchMedia("(min-width: 48rem)").matches;
}

/** @param {string | null} key */
function mark(key) {
  for (const line of list.children) {
    const current = line instanceof HTMLElement && line.dataset["key"] === key;
    line.firstElementChild?.setAttribute("aria-current", String(current));
  }
}

/** @param {View} wanted */
function show_view(wanted) {
  view = wanted;
  for (const tab of tabs) {
    const selected = tab.dataset["view"] === view;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    if (selected) element("view", HTMLElement).setAttribute("aria-labelledby", tab.id);
  }
  frame.hidden = view !== "html";
  plain.hidden = view === "html";
  if (!opened) return;
  const address = `/mailbox/mails/${encodeURIComponent(opened.key)}/html`;
  if (view === "html" && frame.getAttribute("src") !== address) frame.src = address;
  plain.textContent = view === "source" ? opened.source : opened.text;
  plain.toggleAttribute("data-wraps", view === "text");
}

function close() {
  const key = opened?.key;
  opened = null;
  asked = "";
  mark(null);
  show("list");
  const line = [...list.children].find((each) => each instanceof HTMLElement && each.dataset["key"] === key);
  if (line?.firstElementChild instanceof HTMLElement) line.firstElementChild.focus();
}

/**
 * Move among lines or tabs with the arrow keys.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} among
 * @param {string} back
 * @param {string} forth
 * @returns {HTMLElement | undefined}
 */
function step(event, among, back, forth) {
  const here = among.findIndex((each) => each === document.activeElement);
  const places = new Map([
    [back, here - 1],
    [forth, here + 1],
    ["Home", 0],
    ["End", among.length - 1],
  ]);
  const place = places.get(event.key);
  if (here < 0 || place === undefined) return undefined;
  event.preventDefault();
  const there = among[(place + among.length) % among.length];
  there?.focus();
  return there;
}

list.addEventListener("keydown", (event) => {
  const buttons = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("button")]);
  const there = step(event, buttons, "ArrowUp", "ArrowDown");
  if (there && is_beside()) there.click();
});
for (const tab of tabs) {
  tab.addEventListener("click", () => show_view(/** @type {View} */ (tab.dataset["view"])));
}
element("main", HTMLElement).querySelector("[role=tablist]")?.addEventListener("keydown", (event) => {
  step(/** @type {KeyboardEvent} */ (event), tabs, "ArrowLeft", "ArrowRight")?.click();
});
element("back", HTMLButtonElement).addEventListener("click", close);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened) close();
});

// The printed address pasted over the open page changes no more than what follows #.
addEventListener("hashchange", () => void enter());

await enter();
await look();
