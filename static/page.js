/* What JavaScript adds. Every page works without it. */
(() => {
  "use strict";

  const polls = (element) => element.hasAttribute("hx-trigger");

  // A hidden tab does not ask; it catches up when it is seen again.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && polls(event.detail.elt)) event.preventDefault();
  });

  // A failed poll is never swapped in: the page keeps what it knew, and says that it is old.
  const stale = (event) => {
    if (!polls(event.detail.elt)) return;
    for (const note of document.querySelectorAll("[data-stale]")) note.hidden = false;
  };
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, stale);
  }

  // A refusal of something that was pressed is shown where it was pressed.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (xhr.status >= 400 && requestConfig.verb !== "get") event.detail.shouldSwap = true;
  });

  // Spoken, and put in the title, only when the words change.
  let said = document.querySelector("[data-say]")?.dataset.say;
  let state = document.querySelector("[data-state]")?.dataset.state;
  document.addEventListener("htmx:afterSettle", () => {
    const part = document.querySelector("[data-say]");
    if (!part) return;
    document.title = part.dataset.title;
    if (part.dataset.say !== said) {
      said = part.dataset.say;
      document.getElementById("say").textContent = said;
    }
    if (part.dataset.state !== state) {
      state = part.dataset.state;
      if (state === "admitted") part.querySelector("h1").focus();
    }
  });

  // Time left, counted from the server's figure: the clock of a phone may be wrong.
  const ends = new WeakMap();
  const tick = () => {
    for (const timer of document.querySelectorAll("[data-left]")) {
      if (!ends.has(timer)) ends.set(timer, performance.now() + timer.dataset.left * 1000);
      const left = Math.max(0, Math.round((ends.get(timer) - performance.now()) / 1000));
      timer.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
      timer.classList.toggle("stale", left <= 60);
    }
  };
  tick();
  setInterval(tick, 1000);

  // A page that comes back from the browser's memory shows what was true when it left.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
