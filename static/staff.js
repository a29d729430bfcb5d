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
})();
