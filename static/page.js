/* What JavaScript adds. Every page works without it. */
(() => {
  "use strict";

  const all = (name) => document.querySelectorAll(`[data-${name}]`);
  const show = (name, yes) => all(name).forEach((part) => { part.hidden = !yes; });
  const on = (name, work) => document.addEventListener(name, work);
  const polls = (event) => event.detail.elt.hasAttribute("hx-trigger");
  const voice = document.getElementById("say");
  const say = (text) => { if (text) voice.textContent = text; };
  const words = document.getElementById("words")?.dataset ?? {};
  const now = () => Date.now() / 1000;

  // A hidden tab does not ask, unless it is to ring; it catches up when it is seen again.
  let ring;
  on("htmx:beforeRequest", (event) => {
    if (document.hidden && !ring && polls(event)) event.preventDefault();
  });

  // A failed poll is never swapped in: the page keeps what it knew, and says that it is old.
  let old = false;
  for (const name of ["sendError", "timeout", "responseError"]) {
    on(`htmx:${name}`, (event) => {
      if (!polls(event)) return;
      if (!old) say(all("stale")[0]?.textContent);
      show("stale", old = true);
    });
  }

  // A refusal of something that was pressed is shown where it was pressed.
  on("htmx:beforeSwap", ({ detail }) => {
    if (detail.xhr.status >= 400 && detail.requestConfig.verb !== "get") detail.shouldSwap = true;
  });

  // Time left, counted from the server's figure: the clock of a phone may be wrong.
  const ends = new WeakMap();
  let warned = false;
  const tick = () => {
    let last = false;
    for (const timer of all("left")) {
      if (!ends.has(timer)) ends.set(timer, performance.now() + timer.dataset.left * 1000);
      const left = Math.max(0, Math.round((ends.get(timer) - performance.now()) / 1000));
      const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      timer.textContent = voice.dataset.remains.replace("#", time);
      timer.classList.toggle("stale", left <= 60);
      last ||= left > 0 && left <= 60;
    }
    show("last", last);
    if (last && !warned) say(all("last")[0]?.textContent);
    warned = last;
  };

  // What this browser saw of the place before. It may keep nothing; then this page's life counts.
  const key = `fq:${location.pathname}`;
  let seen;
  const recall = (number) => {
    try { seen ??= JSON.parse(localStorage[key]); } catch { /* So be it. */ }
    if (seen?.number !== number) seen = { number, from: 1, came: 0, near: 0 };
  };

  const place = (part) => {
    const ahead = +part.dataset.ahead, wait = +part.dataset.eta;
    const number = part.querySelector("dd.big")?.textContent;
    const bar = document.getElementById("bar");
    if (!number || !bar) return;
    recall(number);
    // The bar never runs back.
    seen.from = Math.max(seen.from, ahead);
    seen.came = bar.value = Math.max(seen.came, 1 - ahead / seen.from);
    bar.hidden = false;
    // A wait that grew says why.
    if (part.matches(".paused, .none_free")) seen.stood = true;
    if (wait) {
      seen.by ??= now() + wait;
      const grew = now() + wait - seen.by > Math.max(120, (seen.by - now()) / 4);
      const why = seen.stood ? "stood" : part.querySelector(".slow") ? "slow" : "pace";
      for (const note of all("grew")) note.hidden = !grew || note.dataset.grew !== why;
    }
    // Spoken at three thresholds, once each, and not those that were passed before.
    const near = ahead < 10 ? 3 : ahead < 100 ? 2 : ahead <= seen.from / 2 ? 1 : 0;
    if (near > seen.near && seen.came) say([words.half, words.hundred, words.ten][near - 1]);
    seen.near = Math.max(seen.near, near);
    try { localStorage[key] = JSON.stringify(seen); } catch { /* So be it. */ }
  };

  // Asked for by a click: without one a browser would refuse it, and so would a person.
  const button = document.querySelector("[data-alerts] button");
  if (button && window.AudioContext) {
    show("alerts", true);
    button.onclick = async () => {
      ring = (await import(button.dataset.bell)).ready();
      button.replaceWith(button.dataset.done);
    };
  }

  // Another tab with this very page.
  if (all("twin").length && window.BroadcastChannel) {
    const tabs = new BroadcastChannel(key);
    tabs.onmessage = ({ data }) => { show("twin", true); if (data) tabs.postMessage(0); };
    tabs.postMessage(1);
  }

  const look = () => {
    const part = document.querySelector("[data-state]");
    const text = (name) => part?.querySelector(name)?.textContent;
    return { part, state: part?.dataset.state, head: text("h1"), note: text("#message"), number: text("dd.big") };
  };
  let last = look();
  on("htmx:afterSettle", () => {
    const next = look(), { part } = next;
    show("stale", old = false);
    tick();
    if (!part) return;
    place(part);
    document.title = document.title.replace(/^.*?(?= · )/, next.head);
    // Two places became one: the rest of the page is about the other.
    if (last.number && next.number && last.number !== next.number) location.reload();
    if (next.head !== last.head) say(next.head);
    else if (next.note !== last.note) say(next.note);
    if (next.state !== last.state && next.state === "admitted") {
      part.querySelector("h1").focus();
      ring?.(document.title);
    }
    last = next;
  });

  if (last.part) place(last.part);
  tick();
  setInterval(tick, 1000);

  // A page that comes back from the browser's memory shows what was true when it left.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
