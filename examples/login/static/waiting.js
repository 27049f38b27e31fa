// Confirmed on another device: this browser session asked, so it collects.
document.querySelector("watchword-code")?.addEventListener("watchword-elsewhere", () => {
  document.querySelector("#collect")?.requestSubmit();
});
