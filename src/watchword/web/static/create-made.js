/**
 * The links that were made: what to hand over, and apart from it what to keep.
 *
 * Not handled here: making them (create-seal.js), the status page (status.js).
 *
 * Rule: the link to hand over is the one thing that stands out. People have sent the wrong one of two.
 */

import { ask } from "./api.js";
import { copyButton } from "./clipboard.js";
import { button, element, make, say, timeOf } from "./dom.js";
import { phrase, pieces } from "./words.js";

/** @typedef {import("./create-seal.js").Made} Made */

/**
 * @param {Made[]} links
 * @param {{copied: boolean, passphrase: string | undefined}} how `copied`: the first is on the clipboard already
 */
export function showMade(links, { copied, passphrase }) {
  const many = links.length > 1;
  const heading = make("h1", { id: "made-title", tabindex: "-1" }, title_of(many, copied));
  const cards = links.map((each) => to_hand_over(each));
  const again = button(phrase("Share another"), () => {
    element("made", HTMLElement).replaceChildren();
    location.assign("/");
  });
  element("made", HTMLElement).replaceChildren(
    heading,
    make("p", { class: "lead", id: "made-terms" }, ...terms_of(links)),
    ...cards,
    ...passphrase_of(passphrase),
    to_keep(links, cards),
    make("p", { class: "act" }, again),
  );
}

/**
 * @param {boolean} many
 * @param {boolean} copied
 */
function title_of(many, copied) {
  if (many) return phrase(copied ? "First link copied" : "Your links are ready");
  return phrase(copied ? "Link copied" : "Your link is ready");
}

/** @param {Made[]} links */
function terms_of(links) {
  const [first] = links;
  if (!first) return [];
  const once = links.length > 1 ? "Each opens once, until {time}." : "It opens once, until {time}.";
  const often = links.length > 1 ? "Each opens {n} times, until {time}." : "It opens {n} times, until {time}.";
  const n = String(first.views);
  return pieces(first.views === 1 ? once : often, { n, time: timeOf(first.expires_at) });
}

/**
 * The passphrase once more: it was wiped from its field, and nobody else knows it.
 *
 * @param {string | undefined} passphrase
 */
function passphrase_of(passphrase) {
  if (!passphrase) return [];
  const value = make("bdi", { class: "mono", translate: "no" }, passphrase);
  const line = make("dd", {}, value, copyButton(phrase("passphrase"), () => passphrase));
  const help = make("p", { class: "small" }, phrase("Tell it in another way than the link, by phone, say. It is not shown again."));
  return [make("dl", { class: "lines" }, make("div", {}, make("dt", {}, phrase("Passphrase")), line)), help];
}

/** @param {Made} made */
function to_hand_over(made) {
  const name = made.name ? phrase("link: {name}", { name: made.name }) : phrase("link");
  const text = make("input", { type: "text", class: "mono link", readonly: true, spellcheck: "false", dir: "ltr", "aria-label": made.name || phrase("Link to hand over"), value: made.link });
  text.addEventListener("focus", () => text.select());
  const place = make("div", { class: "qr", hidden: true });
  const copying = copyButton(name, () => made.link, "next");
  const acts = make("p", { class: "act" }, copying, qr_button(made, place), ...sharing(made));
  const head = made.name ? [make("h2", {}, make("bdi", {}, made.name))] : [];
  return make("div", { class: "hand-over" }, ...head, text, acts, place);
}

/**
 * @param {Made} made
 * @param {HTMLElement} place
 */
function qr_button(made, place) {
  const press = button(phrase("Show QR code"), async () => {
    if (!place.hasChildNodes()) {
      const { drawQr } = await import("./qr.js");
      place.append(drawQr(made.link, { title: phrase("QR code of the link"), description: phrase("The same link as in the field above.") }));
    }
    place.hidden = !place.hidden;
    press.textContent = phrase(place.hidden ? "Show QR code" : "Hide QR code");
    press.setAttribute("aria-expanded", String(!place.hidden));
  });
  press.setAttribute("aria-expanded", "false");
  return press;
}

/** @param {Made} made */
function sharing(made) {
  if (typeof navigator.share !== "function") return [];
  return [button(phrase("Send"), () => void navigator.share({ url: made.link }).catch(() => null))];
}

/**
 * @param {Made[]} links
 * @param {HTMLElement[]} cards what hands each over
 */
function to_keep(links, cards) {
  const lines = links.map((made, number) => {
    const { name } = made;
    const open = make("a", { href: made.status, target: "_blank", rel: "noopener" }, name ? phrase("Status page ({name})", { name }) : phrase("Status page"));
    const burn = burn_button(made, () => cards[number]?.replaceWith(...gone(made)));
    const kind = made.name ? "act named" : "act";
    return make("p", { class: kind }, open, copyButton(name ? phrase("status link ({name})", { name }) : phrase("status link"), () => made.status), burn);
  });
  return make(
    "aside",
    { class: "keep", "aria-labelledby": "keep-title" },
    make("h2", { id: "keep-title" }, phrase("Keep for yourself")),
    make("p", { class: "small" }, phrase("Here you see whether it was opened, and can burn it. Do not hand this one over.")),
    ...lines,
  );
}

/**
 * What stands in place of a link that was burnt.
 *
 * @param {Made} made
 */
function gone({ name }) {
  if (!name) {
    element("made-title", HTMLElement).textContent = phrase("Link burnt");
    element("made-terms", HTMLElement).remove();
  }
  const words = name ? pieces("{name}: nobody can open this link any more.", { name: make("bdi", {}, name) }) : [phrase("Nobody can open this link any more.")];
  return [make("p", { class: "trouble" }, ...words)];
}

/**
 * @param {Made} made
 * @param {() => void} done
 */
function burn_button(made, done) {
  const press = button(phrase("Burn now"), async () => {
    if (press.dataset["sure"] === undefined) {
      press.dataset["sure"] = "";
      press.textContent = phrase("Burn it: the link will stop working");
      return;
    }
    const burnt = await ask("DELETE", `/v1/secrets/${made.id}`, { token: made.token }).catch((error) => error);
    if (burnt instanceof Error) {
      press.textContent = phrase("Not burnt. Try again");
      say(burnt.message);
      return;
    }
    done();
    press.replaceWith(make("span", { class: "small" }, phrase("Burnt.")));
    say(phrase("Burnt. Nobody can open it any more."));
  }, "plain danger");
  press.addEventListener("blur", () => {
    if (press.dataset["sure"] === undefined) return;
    delete press.dataset["sure"];
    press.textContent = phrase("Burn now");
  });
  return press;
}
