/**
 * Puts a button on every command of a page that copies it.
 *
 * Not handled here: which commands there are. Without scripts they can be selected and copied by hand.
 */

const SAID_FOR = 1600; // milliseconds

/**
 * @param {Element} command
 */
function add_button(command) {
  const text = command.querySelector("code")?.textContent ?? "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it"; // no clipboard here: not a secure context, or not allowed
    }
    setTimeout(() => (button.textContent = "Copy"), SAID_FOR);
  });
  command.classList.add("copied-with");
  command.append(button);
}

if (navigator.clipboard) {
  document.querySelectorAll(".command").forEach(add_button);
}
