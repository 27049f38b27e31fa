/**
 * The page on which the maker of a secret sees what became of it, and can end it.
 *
 * Rules: the manage token leaves address and history at once and travels in a header; nothing here can show the
 * secret, because the key is not in this link.
 */

import { Refused, ask } from "./api.js";
import { button, element, forgetOnLeaving, make, say, show, timeOf } from "./dom.js";
import { phrase, pieces } from "./words.js";

/** @typedef {{id: string, state: string, created_at: string, expires_at: string, views: number, views_remaining: number,
 *   locked?: boolean, wrong_passphrases?: number, opened_at?: string, ended_at?: string, outcome?: string}} Status */

const EVERY = 5000; // milliseconds between two looks
const EARLY = "Opened {time}. If it was opened too early, change the secret.";
const WIPED = "Opened {time}. It is erased now: whoever opened it cannot fetch it again. What was read is known: change the secret.";
const LOST = "For your safety the link is not kept in the address. Open the status link again.";

let token = "";
let id = "";
let shown = "";
let timer = 0;
let erased = false; // burnt from here, after it was opened

async function enter() {
  const found = /^\/s\/(sc_[A-Za-z0-9_-]{22})\//.exec(location.pathname);
  id = found?.[1] ?? "";
  token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  shown = "";
  if (!/^[A-Za-z0-9_-]{43}$/.test(token) || !id) return lost(LOST);
  await look();
}

/** @param {string} words */
function lost(words) {
  token = "";
  element("unknown-text", HTMLElement).textContent = phrase(words);
  show("unknown");
}

/** Look now, and again in a while. */
async function look() {
  clearTimeout(timer);
  if (!token) return;
  try {
    if (!document.hidden || !shown) arrange((await ask("GET", `/v1/secrets/${id}/status`, { token })).answer);
    trouble("");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401 || error.status === 404) {
      return lost("It is not complete, or the secret is gone for more than 30 days.");
    }
    trouble(error.message);
    show("known", { focus: false });
  }
  timer = setTimeout(look, EVERY);
}

/** @param {Status} status */
function arrange(status) {
  const now = JSON.stringify(status);
  if (now === shown) return;
  const first = !shown;
  shown = now;
  const { title, story } = words_of(status);
  element("state", HTMLElement).textContent = phrase(title);
  element("story", HTMLElement).replaceChildren(...story);
  element("facts", HTMLElement).replaceChildren(...facts_of(status));
  element("acts", HTMLElement).replaceChildren(...acts_of(status));
  element("main", HTMLElement).dataset["state"] = status.outcome ?? status.state;
  show("known", { focus: first });
  if (!first) say(phrase(title));
}

/**
 * @param {Status} status
 * @returns {{title: string, story: (Node | string)[]}}
 */
function words_of({ state, outcome, opened_at, ended_at, expires_at, locked, views, views_remaining }) {
  const told = (/** @type {string} */ sentence, /** @type {string | undefined} */ time = "") => pieces(sentence, { time: time && timeOf(time) });
  if (locked) return { title: "Locked", story: told("Too many wrong passphrases were typed. Nothing is lost: unlock it if you trust who tries.") };
  if (state === "uploading") return { title: "Uploading", story: told("Its files are still on their way.") };
  if (outcome === "enrolled") return { title: "Enrolled", story: told("Enrolled {time}: the recipient’s app showed the right code.", opened_at) };
  if (outcome === "void") return { title: "Void", story: told("It was opened {time}, and five wrong codes were typed. The key was never used: hand a new one over.", opened_at) };
  if (state === "opened") return { title: "Opened", story: told(erased ? WIPED : EARLY, opened_at) };
  if (state === "burnt") return { title: "Burnt", story: told("You ended it {time}. Nobody can open it any more.", ended_at) };
  if (state === "expired") return { title: "Expired", story: told(opened_at ? "It was opened before it ended {time}." : "Nobody opened it before it ended {time}.", ended_at ?? expires_at) };
  if (views_remaining < views) {
    const left = phrase(views_remaining === 1 ? "One of {all} views is left." : "{n} of {all} views are left.", { n: views_remaining, all: views });
    return { title: "Opened, and open to more", story: [...told("First opened {time}.", opened_at), " ", left] };
  }
  return { title: "Waiting", story: told("Nobody has opened it yet. It ends {time}.", expires_at) };
}

/** @param {Status} status */
function facts_of({ state, created_at, expires_at, views, views_remaining, wrong_passphrases = 0 }) {
  const left = ["Views left", phrase("{n} of {all}", { n: views_remaining, all: views })];
  const often = ["Was opened", phrase(views === 1 ? "{n} of {all} time" : "{n} of {all} times", { n: views - views_remaining, all: views })];
  const facts = [
    ["Made", timeOf(created_at)],
    ...(state === "waiting" || state === "uploading" ? [["Ends", timeOf(expires_at)], left] : [often]),
    ...(wrong_passphrases ? [["Wrong passphrases", String(wrong_passphrases)]] : []),
  ];
  return facts.map(([name, value]) => make("div", {}, make("dt", {}, phrase(String(name))), make("dd", {}, value ?? "")));
}

/** @param {Status} status */
function acts_of({ state, locked, outcome }) {
  const acts = [];
  if (locked) acts.push(button(phrase("Unlock"), () => void act("POST", "/unlock", "Unlocked."), "next"));
  if (state === "waiting" || state === "uploading" || (state === "opened" && !outcome && !erased)) {
    const sure = button(phrase("Burn it"), () => void act("DELETE", "", "Burnt."), "next danger");
    const keep = button(phrase("Keep it"), () => asking(false));
    const question = make("div", { id: "sure", hidden: true, class: "act" }, phrase("The link will stop working for good."), sure, keep);
    const burn = button(phrase("Burn now"), () => asking(true), "plain danger");
    burn.id = "burn";
    const asking = (/** @type {boolean} */ now) => {
      question.hidden = !now;
      burn.hidden = now;
      (now ? keep : burn).focus();
    };
    acts.push(burn, question);
  }
  return acts;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {string} words
 */
async function act(method, path, words) {
  try {
    const { answer } = await ask(method, `/v1/secrets/${id}${path}`, { token });
    erased ||= method === "DELETE";
    shown = ""; // the same status is told in other words now
    arrange(answer);
    element("state", HTMLElement).focus();
    say(phrase(words));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    trouble(error.message);
  }
}

/** @param {string} text */
function trouble(text) {
  const place = element("problem", HTMLElement);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

addEventListener("hashchange", () => {
  if (location.hash) void enter();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void look();
});
forgetOnLeaving(() => {
  token = "";
  clearTimeout(timer);
});

await enter();
