/* Has a worker search the number of the page's challenge, and sends it. */
(() => {
  "use strict";

  const form = document.querySelector("form[data-worker]");
  const part = (name) => form.querySelector(`[data-${name}]`);
  const failed = () => {
    part("working").hidden = true;
    part("failed").hidden = false;
  };

  const begin = () => {
    part("begin").hidden = true;
    part("working").hidden = false;
    let worker;
    try { worker = new Worker(form.dataset.worker); } catch { return failed(); }
    worker.onerror = failed;
    worker.onmessage = ({ data }) => {
      if (data === null) return failed();
      form.elements.number.value = data;
      form.submit();
    };
    const { salt, digest, most } = form.dataset;
    worker.postMessage({ salt, digest, most: Number(most) });
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  // After an answer that was wrong the fan begins, or a page could ask for ever.
  if ("wait" in form.dataset) part("begin").hidden = false;
  else begin();
})();
