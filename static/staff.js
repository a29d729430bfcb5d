/* What JavaScript adds to the pages of staff. Every page works without it. */
(() => {
  "use strict";

  // What somebody has opened stays open while the figures around it are exchanged.
  const open = new Set();
  const kept = (part) => part.querySelectorAll("details[data-keep]");
  document.addEventListener("htmx:beforeSwap", (event) => {
    for (const one of kept(event.detail.target)) {
      if (one.open) open.add(one.id); else open.delete(one.id);
    }
  });
  document.addEventListener("htmx:load", (event) => {
    for (const one of kept(event.detail.elt)) if (open.has(one.id)) one.open = true;
  });

  // A rough guess: how many letters there are that do not just go on from the one before, and of
  // how many kinds. The server knows which passwords are common; this only shows the way.
  const strength = (text, shortest) => {
    const codes = Array.from(text, (letter) => letter.codePointAt(0));
    if (codes.length < shortest) return 0;
    const own = codes.filter((code, at) => !at || Math.abs(code - codes[at - 1]) > 1);
    const kinds = [[/[0-9]/, 10], [/[a-z]/, 26], [/[A-Z]/, 26], [/[^0-9A-Za-z]/, 33]];
    const size = kinds.reduce((sum, [kind, many]) => sum + (kind.test(text) ? many : 0), 0);
    const bits = Math.min(own.length, 2 * new Set(own).size) * Math.log2(size);
    return bits < 50 ? 1 : bits < 75 ? 2 : 3;
  };

  for (const part of document.querySelectorAll("[data-password]")) {
    const field = document.getElementById(part.dataset.password);
    const meter = part.querySelector("meter"), said = part.querySelector("[data-words]");
    const words = said ? said.dataset.words.split("|") : [];
    part.hidden = false;
    part.querySelector("input").addEventListener("change", (event) => {
      field.type = event.target.checked ? "text" : "password";
    });
    // Sent as a password, so that the browser does not remember it among the words once typed.
    field.form.addEventListener("submit", () => { field.type = "password"; });
    if (meter) field.addEventListener("input", () => {
      meter.value = strength(field.value, field.minLength);
      said.textContent = field.value ? words[meter.value] : "";
    });
  }
})();
