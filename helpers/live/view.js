// What ipywidgets leaves out: names, units and tips of sliders for screen readers, keys, downloads, and more.

const GONE = "The kernel has stopped: run the cells from the top again.";

function describe(part) {
  for (const row of part.querySelectorAll(".row")) {
    const tip = row.querySelector(".tip")?.textContent.trim();
    const control = row.querySelector(".noUi-handle, select, input");
    if (!control) continue;
    row.classList.toggle("off", control.matches("[disabled], [disabled] *"));
    if (tip) {
      control.setAttribute("aria-description", tip);
      row.title = tip;
    }
    if (!control.matches(".noUi-handle")) continue;
    const readout = row.querySelector(".widget-readout");
    // ipywidgets lets the reader type into it, and pays no heed.
    readout.contentEditable = "false";
    control.setAttribute("aria-label", row.querySelector(".widget-label").textContent);
    control.setAttribute("aria-valuetext", readout.textContent);
  }
  const bar = part.querySelector(".going .progress");
  bar?.setAttribute("role", "progressbar");
  bar?.setAttribute("aria-label", "progress of the run");
  bar?.setAttribute("aria-valuetext", part.querySelector(".progress-text").textContent.trim());
  part.querySelector(".text")?.setAttribute("aria-live", "polite");
  part.querySelector(".error")?.setAttribute("role", "alert");
  for (const details of part.querySelectorAll(".details")) {  // scrolls, so Tab stops there
    details.setAttribute("role", "region");
    details.setAttribute("aria-label", "table of runs");
  }
}

function download({ download: name, text }) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // no permission, or a page without https
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function render({ model, el }) {
  el.style.display = "none";
  let part = null, output = null;
  // Shortcuts of the notebook would take the arrows to walk through the cells. JupyterLab hears keys on their way up,
  // Notebook 7 on their way down, and both leave alone what has this mark.
  const mark = (event) => {
    if (!output.contains(event.target)) return;
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !event.ctrlKey && !event.metaKey);
  };
  const keep = (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); };
  const refresh = () => {
    if (!part) return;
    describe(part);
    const gone = part.matches(".jupyter-widgets-disconnected, :has(.jupyter-widgets-disconnected)");
    if (gone !== part.classList.contains("gone")) {
      part.classList.toggle("gone", gone);
      part.querySelector(":scope > .kernel-gone")?.remove();
      if (gone) {
        const line = Object.assign(document.createElement("div"), { className: "kernel-gone", textContent: GONE });
        line.setAttribute("role", "alert");
        part.prepend(line);
      }
    }
  };
  const pressed = (event) => {
    const row = event.target.closest("tr[data-run]");
    if (row && part.contains(row)) model.send({ row: Number(row.dataset.run) });
  };
  const watcher = new MutationObserver(refresh);
  // This widget is made before it is put into the page.
  const wait = setInterval(() => {
    part = el.closest(".epoch-live");
    if (!part) return;
    clearInterval(wait);
    output = el.closest(".jp-OutputArea-output") ?? part;
    window.addEventListener("keydown", mark, true);
    output.addEventListener("keydown", keep);
    part.addEventListener("click", pressed);
    // Not all attributes: this function changes some itself.
    watcher.observe(part, {
      childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["disabled"],
    });
    refresh();
  }, 20);
  const told = (message) => {
    if (message.download) download(message);
    if (message.copy) copy(message.copy);
  };
  const lost = () => setTimeout(refresh, 50);  // once the views have been marked
  model.on("msg:custom", told);
  model.on("comm_live_update", lost);
  return () => {
    clearInterval(wait);
    watcher.disconnect();
    window.removeEventListener("keydown", mark, true);
    output?.removeEventListener("keydown", keep);
    part?.removeEventListener("click", pressed);
    model.off("msg:custom", told);
    model.off("comm_live_update", lost);
  };
}

export default { render };
