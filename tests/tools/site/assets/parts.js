// Live parts without a kernel: the controls of JupyterLab as plain ones of the page, and recordings in place of runs.

const stores = {};  // id of a part -> { strokes, runs }, once its file has come
const waiting = {};
const FRAME = 140;  // milliseconds between two frames of a moving picture

// Each file of recordings calls this. From file:// a page may load scripts, but not read data.
function recordings(id, told) {
  stores[id] = told;
  waiting[id]?.resolve(told);
}

function load(id) {
  if (stores[id]) return Promise.resolve(stores[id]);
  waiting[id] ??= (() => {
    let resolve, reject;
    const promise = new Promise((...both) => { [resolve, reject] = both; });
    const script = Object.assign(document.createElement("script"), { src: `recordings/${id}.js`, onerror: reject });
    document.head.append(script);
    return { promise, resolve };
  })();
  return waiting[id].promise;
}

function make(tag, parent, properties = {}, ...words) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...words);
  parent?.append(element);
  return element;
}

function words(parent, kind, role = {}) {
  const line = make("div", parent, { className: kind, ...role });
  return make("div", line, { className: "widget-html-content" });
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  make("a", null, { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

// What anywidget gives the chart in JupyterLab.
class Model {
  constructor(values) { Object.assign(this, { values, heard: [] }); }
  get(name) { return this.values[name]; }
  set(name, value) { this.put({ [name]: value }); }
  save_changes() {}
  put(values) {
    Object.assign(this.values, values);
    const changed = Object.keys(values).map((name) => `change:${name}`);
    for (const [events, action] of this.heard) if (events.split(" ").some((event) => changed.includes(event))) action();
  }
  on(events, action) { this.heard.push([events, action]); }
  off(events, action) { this.heard = this.heard.filter(([, other]) => other !== action); }
}

class Part {
  constructor(el, about) {
    Object.assign(this, { el, about, controls: about.controls, store: about.of ?? about.id, inputs: [], off: {} });
    this.at = about.first.at.slice();
    el.replaceChildren();
    el.setAttribute("role", "group");
    el.setAttribute("aria-label", about.title);
    make("p", el, { className: "recorded" }, make("strong", null, {}, "Recorded runs"), ` ${about.pace}`);
    this.body = make("div", el, { className: about.kind === "picture" ? "above" : "beside" });
    this.left = make("div", this.body, { className: "left" });
    this.makeButtons();
    this.makeControls();
    const right = make("div", this.body, { className: "right" });
    this.missing = make("div", right, { className: "missing", hidden: true });
    this.missing.setAttribute("role", "status");
    this.makePicture(make("div", right));
    this.makeWords();
    this.show(about.first);
  }

  makeControls() {
    const rows = make("div", this.left, { className: "controls" });
    this.controls.forEach((control, place) => {
      const row = make("div", rows, { className: "row", title: control.tip });
      const id = `${this.el.id}-${control.name}`;
      make("label", row, { className: "widget-label", htmlFor: id }, control.label);
      const last = control.texts.length - 1;
      const input = control.kind === "menu" ? make("select", row, { id })
        : make("input", row, control.kind === "slider" ? { id, type: "range", min: 0, max: last } : { id, type: "checkbox" });
      if (control.kind === "menu") control.texts.forEach((text, value) => input.add(new Option(text, value)));
      const readout = control.kind === "slider" ? make("output", row, { className: "widget-readout", htmlFor: id }) : null;
      const tip = make("span", row, { className: "tip", id: `${id}-tip` }, control.tip);
      if (control.tip) input.setAttribute("aria-describedby", tip.id);
      input.addEventListener("input", () => {
        this.at[place] = control.kind === "checkbox" ? Number(input.checked) : Number(input.value);
        this.moved();
      });
      this.inputs.push({ input, readout, control, tip, row });
    });
    this.showControls();
  }

  showControls() {
    this.inputs.forEach(({ input, readout, control, tip, row }, place) => {
      const text = control.texts[this.at[place]], reason = this.off[control.name];
      if (control.kind === "checkbox") input.checked = this.at[place] === 1;
      else input.value = this.at[place];
      if (readout) {
        readout.textContent = text;
        input.setAttribute("aria-valuetext", text);
      }
      input.disabled = reason !== undefined;
      row.classList.toggle("off", input.disabled);
      tip.textContent = reason ?? control.tip;
    });
  }

  makeButtons() {}

  makeWords() {
    this.text = words(this.el, "text", { ariaLive: "polite" });
  }

  // The recording of these positions. A control without a part in it may stand anywhere.
  find(at) {
    const { runs } = stores[this.store], exact = runs[at.join()];
    if (exact) return exact;
    for (const [place, { name, start }] of this.controls.entries()) {
      const moved = runs[at.with(place, start).join()];
      if (moved?.off?.[name]) return moved;
    }
    return null;
  }

  nearest(at) {
    const far = (other) => other.reduce((sum, position, place) => {
      const { kind, texts } = this.controls[place];
      return sum + (kind === "slider" ? Math.abs(position - at[place]) / (texts.length - 1) : 1.5 * (position !== at[place]));
    }, 0);
    let found = [Infinity, null];
    for (const key of Object.keys(stores[this.store].runs)) {
      const other = key.split(",").map(Number), away = far(other);
      if (away < found[0]) found = [away, other];
    }
    return found[1];
  }

  async moved(name = "") {
    this.showControls();
    const asked = this.asked = this.at.join();
    try {
      await load(this.store);
    } catch {
      this.missing.replaceChildren("The recordings of this part could not be loaded: reload the page.");
      this.missing.hidden = false;
      return;
    }
    if (asked !== this.asked) return;
    const told = this.find(this.at);
    this.missing.hidden = told !== null;
    this.el.classList.toggle("without", told === null);
    if (told) this.show({ at: this.at, told }, name);
    else this.offer(this.nearest(this.at));
  }

  offer(near) {
    const differs = this.controls.filter((_, place) => near[place] !== this.at[place]);
    const said = differs.map((control) => `${control.label} ${control.texts[near[this.controls.indexOf(control)]]}`).join(", ");
    const go = make("button", null, { type: "button" }, `Show the nearest: ${said}`);
    go.onclick = () => {
      this.at = near.slice();
      this.moved();
      this.inputs[0].input.focus();
    };
    this.missing.replaceChildren("These settings were not recorded. ", go, " To run them for real: make lab, open the notebook, and ",
      make("code", null, {}, this.command()));
  }

  command() {
    const changed = this.controls.map((control, place) => [control, this.at[place]]).filter(([control, at]) => at !== control.start);
    const values = changed.map(([control, at]) => `${control.name}=${control.values[at]}`);
    if (this.about.kind !== "training" && this.about.kind !== "picture") {
      return `playground(${[`test_size=${this.about.test_size}`, ...values].join(", ")})`;
    }
    return this.about.variable ? `${this.about.variable}.set(${values.join(", ")})` : `set ${values.join(", ")}`;
  }
}

class Picture extends Part {
  makePicture(place) {
    this.picture = new Strokes(place, this.about.size);
  }

  show({ told, strokes = stores[this.store]?.strokes }) {
    clearTimeout(this.next);
    const frames = matchMedia("(prefers-reduced-motion: reduce)").matches ? told.slice(-1) : told;
    const step = (place) => {
      const [marks, text] = frames[place];
      this.picture.show(marks.map((mark) => whole(strokes, mark)), text);
      this.text.textContent = text;
      if (place + 1 < frames.length) this.next = setTimeout(() => step(place + 1), FRAME);
    };
    step(0);
  }
}

// A stroke may be the beginning of a longer one: [which, how many letters of its path].
function whole(strokes, mark) {
  const stroke = strokes[mark];
  if (typeof stroke[0] === "string") return stroke;
  const [kind, path, ...look] = strokes[stroke[0]];
  return [kind, path.slice(0, stroke[1]), ...look];
}

class Training extends Part {
  makePicture(place) {
    const { x, log, x_axes } = this.about;
    this.earlier = [];
    this.model = new Model({ run: {}, earlier: [], x_axis: x, log_scale: log, x_axes, text: "" });
    this.chartPlace = place;
  }

  makeButtons() {
    this.tools = make("div", null, { className: "tools" });
    this.button("Start", "play the run again", () => this.moved());
    this.button("Skip", "to the end of the run", () => this.play(Infinity));
    this.button("Reset", "back to the first values, and forget earlier runs", () => this.reset());
  }

  button(label, tip, action, parent = this.tools) {
    const button = make("button", parent, { type: "button", title: tip, className: "jupyter-button" }, label);
    button.onclick = action;
    return button;
  }

  makeControls() {
    super.makeControls();
    this.left.append(this.tools);
  }

  makeWords() {
    const going = make("div", this.el, { className: "going" });
    this.bar = make("progress", going, { max: 1, value: 0, ariaLabel: "progress of the run" });
    this.progress = words(going, "progress-text");
    super.makeWords();
  }

  reset() {
    this.at = this.controls.map((control) => control.start);
    this.run = null;
    this.earlier = [];
    this.moved();
  }

  show({ at, told }, name = "") {
    this.off = told.off ?? {};
    this.showControls();
    const settings = Object.fromEntries(this.controls.map((control, place) => [control.label, control.texts[at[place]]]));
    if (this.run?.told.metric !== told.metric) this.earlier = [];
    else if (this.ended) this.earlier = [...this.earlier, this.run].slice(-MOST_EARLIER);
    this.run = new Run(told, settings, name);
    this.ended = false;
    this.model.put({ earlier: earlierForPage(this.run, this.earlier), run: forPage(this.run, this.earlier, 0) });
    if (!this.chart) this.chart = Chart.render({ model: this.model, el: this.chartPlace });
    this.begun = null;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    cancelAnimationFrame(this.next);
    this.play(still ? Infinity : 0);
  }

  play(seconds) {
    cancelAnimationFrame(this.next);
    const { run } = this, { told } = run, page = forPage(run, this.earlier, seconds);
    this.model.put({ run: page });
    this.ended = seconds >= run.seconds;
    this.bar.value = this.ended ? 1 : seconds / run.seconds;
    const update = Math.round(this.bar.value * told.end[0]);
    const paced = `recorded in ${run.seconds.toFixed(run.seconds < 1 ? 2 : 1)} s`;
    this.progress.textContent = `${this.ended ? told.progress : `update ${whole_(update)} of ${whole_(told.updates)}`} · ${paced}`;
    this.text.textContent = this.ended ? told.text : "";
    this.model.put({ text: this.ended ? told.text : "" });
    if (this.ended) return this.finished();
    this.next = requestAnimationFrame((now) => {
      this.begun ??= now;
      this.play((now - this.begun) / 1000);
    });
  }

  finished() {}
}

const whole_ = (number) => Math.round(number).toLocaleString("en-US");

// The playground of notebook 4: a table of runs, and each as a program to take home.
class Playground extends Training {
  makeButtons() {
    super.makeButtons();
    this.rows = [];
    this.button("Export table", "download the table of runs as a CSV file", () => download("runs.csv", this.csv()));
    this.code = this.button("Show the code", "this run as a plain PyTorch program, to copy or download", () => this.fold());
    this.button("Copy settings", "copy the line of Python that sets the playground to this", () =>
      navigator.clipboard?.writeText(this.command()).catch(() => {}));
  }

  makeWords() {
    super.makeWords();
    this.box = make("div", this.el, { className: "program", hidden: true });
    const row = make("div", this.box, { className: "tools" });
    this.button("Copy", "copy the program", () => navigator.clipboard?.writeText(this.program()).catch(() => {}), row);
    this.button("Download", "download the program as run.py", () => download("run.py", this.program()), row);
    this.listing = make("pre", words(this.box, "code"), { tabIndex: 0 });
    this.table = words(this.el, "details");
    Object.assign(this.table.parentElement, { role: "region", ariaLabel: "table of runs", tabIndex: 0 });
    this.table.onclick = (event) => {
      const row = event.target.closest("tr[data-run]");
      if (row) this.press(Number(row.dataset.run));
    };
  }

  program() {
    return this.run.told.code.map((line) => stores[this.store].lines[line]).join("\n");
  }

  async fold() {
    await load(this.store);
    this.box.hidden = !this.box.hidden;
    this.code.textContent = this.box.hidden ? "Show the code" : "Hide the code";
    this.listing.textContent = this.program();
  }

  show(what, name = "") {
    this.shown = { at: what.at.slice(), name };
    super.show(what, name);
    if (!this.box.hidden) this.listing.textContent = this.program();
  }

  reset() {
    this.rows = [];
    super.reset();
  }

  finished() {
    if (!this.pressed) {
      const number = (this.rows.at(-1)?.run ?? 0) + 1;
      this.rows.push({ run: number, ...this.shown, row: this.run.told.row });
      this.front = number;
    }
    this.pressed = false;
    this.showTable();
  }

  press(number) {
    const row = this.rows.find((one) => one.run === number);
    this.front = number;
    this.pressed = true;
    this.at = row.at.slice();
    this.moved(row.name).then(() => this.play(Infinity));
  }

  columns() { return this.about.columns; }

  cell(row, name) {
    const place = this.controls.findIndex((control) => control.name === name);
    if (place >= 0) return this.controls[place].texts[row.at[place]];
    const value = name === "run" ? row.run : row.row[name];
    if (value === null) return "–";
    if (name === "best_loss" || name === "last_loss") return value < 100 ? value.toFixed(4) : whole_(value);
    if (name === "memory" || name === "seconds") return value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    return typeof value === "number" ? value.toLocaleString("en-US") : value;
  }

  best(rows) {
    const lowest = {}, data = this.controls.findIndex((control) => control.name === "data");
    for (const row of rows) {
      const loss = row.row.best_loss, kind = row.at[data];
      if (loss !== null && !(lowest[kind]?.row.best_loss <= loss)) lowest[kind] = row;
    }
    return new Set(Object.values(lowest).map((row) => row.run));
  }

  tableRows() { return [...this.rows].reverse(); }

  showTable() {
    const rows = this.tableRows(), best = this.best(rows), columns = Object.entries(this.columns());
    const table = make("table", null);
    make("caption", table, {}, this.about.caption);
    const head = make("tr", make("thead", table));
    for (const [, label] of columns) make("th", head, { scope: "col" }, label);
    const body = make("tbody", table);
    for (const row of rows) {
      const line = make("tr", body, { className: [best.has(row.run) && "best", row.run === this.front && "shown"].filter(Boolean).join(" ") });
      line.dataset.run = row.run;
      columns.forEach(([name], place) => {
        const text = place ? this.cell(row, name) : this.title(row);
        if (place) make("td", line, {}, text);
        else make("button", make("td", line), { type: "button", title: "see this run" }, `${best.has(row.run) ? "★ " : ""}${text}`);
      });
    }
    this.table.replaceChildren(table);
  }

  title(row) { return String(row.run); }

  csv() {
    const names = Object.keys(this.columns());
    const quoted = (text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    return [names, ...this.rows.map((row) => names.map((name) => quoted(String(this.cell(row, name)))))].map((line) => line.join()).join("\n");
  }
}

// A guided experiment: buttons that set the playground up, and a table of these runs.
class Experiment extends Playground {
  makeButtons() {
    this.tools = make("div", null, { className: "tools" });
    this.rows = [];
    this.queue = [];
    make("div", this.left, { className: "set-up" }, "Set it up for me:");
    const choices = make("div", this.left, { className: "tools epoch-buttons" });
    for (const name of Object.keys(this.about.buttons)) {
      this.button(name, "set the playground up", () => { this.queue = []; this.begin(name); }, choices);
    }
    const all = make("div", this.left, { className: "tools epoch-buttons" });
    this.button("Run all of these", "one after the other", () => {
      this.queue = Object.keys(this.about.buttons);
      this.begin(this.queue.shift());
    }, all);
    this.button("Skip", "to the end of the run", () => this.play(Infinity), all);
  }

  makeControls() {
    const folded = make("details", this.left, { className: "all-settings" });
    make("summary", folded, {}, "All settings");
    const left = this.left;
    this.left = folded;
    Part.prototype.makeControls.call(this);
    this.left = left;
  }

  makeWords() {
    super.makeWords();
    this.code = { textContent: "" };
  }

  begin(name) {
    this.at = this.about.buttons[name].slice();
    return this.moved(name);
  }

  finished() {
    const { name } = this.shown;
    if (name && !this.pressed) {
      const run = Object.keys(this.about.buttons).indexOf(name) + 1;
      this.rows = [...this.rows.filter((row) => row.run !== run), { run, ...this.shown, row: this.run.told.row }];
      this.rows.sort((one, other) => one.run - other.run);
      this.front = run;
    }
    this.pressed = false;
    if (this.rows.length) this.showTable();
    if (this.queue.length) this.begin(this.queue.shift());
  }

  tableRows() { return this.rows; }
  title(row) { return row.name; }
}

const KINDS = { picture: Picture, training: Training, playground: Playground, experiment: Experiment };

// A part is made when it comes near, from the recording that the page carries; its others come with the first move.
function near(entries, observer) {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    const about = JSON.parse(document.querySelector(`script[data-for="${target.id}"]`).textContent);
    target.live = new KINDS[about.kind](target, about);
  }
}
const observer = new IntersectionObserver(near, { rootMargin: "300px" });
for (const part of document.querySelectorAll("[data-live]")) observer.observe(part);
addEventListener("beforeprint", () => { for (const { live } of document.querySelectorAll("[data-live]")) live?.play?.(Infinity); });
