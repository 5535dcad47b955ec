// What ipywidgets leaves out: names, units and tips of sliders for screen readers, keys, downloads.

function describe(part) {
  for (const row of part.querySelectorAll(".row")) {
    const tip = row.querySelector(".tip")?.textContent.trim();
    const control = row.querySelector(".noUi-handle, select, input");
    if (!control) continue;
    if (tip) control.setAttribute("aria-description", tip);
    if (!control.matches(".noUi-handle")) continue;
    const readout = row.querySelector(".widget-readout");
    // ipywidgets lets the reader type into it, and pays no heed.
    readout.contentEditable = "false";
    control.setAttribute("aria-label", row.querySelector(".widget-label").textContent);
    control.setAttribute("aria-valuetext", readout.textContent);
  }
  const bar = part.querySelector(".tools .progress");
  bar?.setAttribute("role", "progressbar");
  bar?.setAttribute("aria-label", "progress of the run");
  bar?.setAttribute("aria-valuetext", part.querySelector(".progress-text").textContent.trim());
  part.querySelector(".text")?.setAttribute("aria-live", "polite");
  part.querySelector(".error")?.setAttribute("role", "alert");
  const details = part.querySelector(".details");  // scrolls, so Tab stops there
  details?.setAttribute("role", "region");
  details?.setAttribute("aria-label", "table of runs");
}

function render({ model, el }) {
  el.style.display = "none";
  let part = null, output = null;
  const refresh = () => { if (part) describe(part); };
  const watcher = new MutationObserver(refresh);
  // In here plain keys belong to the controls: JupyterLab would take the arrows to walk through the cells.
  const keep = (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); };
  // This widget is made before it is put into the page.
  const wait = setInterval(() => {
    part = el.closest(".epoch-live");
    if (!part) return;
    clearInterval(wait);
    output = el.closest(".jp-OutputArea-output") ?? part;  // with the buttons above a playground
    output.addEventListener("keydown", keep);
    // Not attributes: this function changes those itself.
    watcher.observe(part, { childList: true, subtree: true, characterData: true });
    refresh();
  }, 20);
  const download = (message) => {
    if (!message.download) return;
    const url = URL.createObjectURL(new Blob([message.text], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href: url, download: message.download }).click();
    URL.revokeObjectURL(url);
  };
  model.on("msg:custom", download);
  return () => {
    clearInterval(wait);
    watcher.disconnect();
    output?.removeEventListener("keydown", keep);
    model.off("msg:custom", download);
  };
}

export default { render };
