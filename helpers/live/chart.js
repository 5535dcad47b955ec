// The last of three files: curves that grow. The kernel sends numbers, everything else happens here.

const WHY = `Every epoch shows each sample once, in a new order. When an epoch begins, half an epoch has passed, on average,
  since the samples now shown were last trained on; when it ends, one and a half (the ramps below show this time). The
  longer ago, the more the updates in between have undone of what was learned from a sample, so the losses of the batches
  climb. Then the next epoch begins, with samples met more recently and once more often: the loss drops. In
  one fixed order every sample waits exactly one epoch, and the climbing is gone. Validation samples are never trained on, so their curve has no stairs.`;
const KEYS = {
  updates: "training (update)", training: "training (epoch)", validation: "validation", best: "best epoch",
  floor: "noise floor", earlier: "earlier runs",
};

class Chart extends Drawing {
  constructor(model, el) {
    super();
    Object.assign(this, { model, el, frames: 0, hidden: new Set(), cursor: null, chosen: 0, visible: true });
    el.classList.add("epoch-chart");
    this.make();
    this.update();
  }

  make() {
    const make = (tag, parent, properties = {}) => {
      const element = Object.assign(document.createElement(tag), properties);
      parent.append(element);
      return element;
    };
    const { model, el } = this;
    this.legend = make("div", el, { className: "legend" });
    for (const [key, label] of Object.entries(KEYS)) {
      const button = make("button", this.legend, { className: `key ${key}`, textContent: label, type: "button" });
      button.title = "hide or show";
      button.setAttribute("aria-pressed", "true");
      button.onclick = () => {
        const shows = this.hidden.delete(key) || !this.hidden.add(key);
        button.setAttribute("aria-pressed", shows);
        this.draw();
      };
    }
    this.canvas = make("canvas", el, { tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    this.readout = make("div", el, { className: "readout" });
    this.readout.setAttribute("role", "status");
    const axes = make("div", el, { className: "axes" });
    this.select = make("select", make("label", axes, { textContent: "horizontal axis " }));
    this.select.onchange = () => this.save("x_axis", this.select.value);
    const box = (text) => {
      const label = make("label", axes), input = make("input", label, { type: "checkbox" });
      label.append(` ${text}`);
      return input;
    };
    this.log = box("log scale");
    this.log.onchange = () => this.save("log_scale", this.log.checked);
    this.stairs = box("why the staircase?");
    this.why = make("p", el, { className: "why", textContent: WHY.replace(/\s+/g, " "), hidden: true });
    this.stairs.onchange = () => {
      this.why.hidden = !this.stairs.checked;
      this.draw();
    };
    this.canvas.onmousemove = (event) => {
      this.at = [event.offsetX, event.offsetY];
      this.point(...this.at);
    };
    this.canvas.onmouseleave = this.canvas.onblur = () => {
      this.at = null;
      this.read(null);
    };
    this.canvas.onkeydown = (event) => this.key(event);
    const on = (events, action) => {
      model.on(events, action);
      return () => model.off(events, action);
    };
    const resized = new ResizeObserver(() => this.draw());
    resized.observe(el);
    const seen = new IntersectionObserver(([entry]) => {  // what is off the screen costs nothing
      this.visible = entry.isIntersecting;
      if (this.visible) this.draw();
    }, { rootMargin: "200px" });
    seen.observe(el);
    const theme = new MutationObserver(() => {
      this.colours = null;
      this.draw();
      setTimeout(() => { this.colours = null; this.draw(); }, 500);  // its style sheet may come later
    });
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"] });
    this.stop = [
      on("change:run change:earlier change:x_axis change:x_axes change:log_scale", () => this.updateSoon()),
      on("change:text", () => this.describe()),
      () => resized.disconnect(), () => seen.disconnect(), () => theme.disconnect(),
    ];
    this.describe();
  }

  describe() {
    this.canvas.setAttribute("aria-label", this.model.get("text") || "loss curve; the arrow keys read it");
  }

  save(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
    this.update();
  }

  updateSoon() {  // one message may change several parts
    if (this.wanted) return;
    this.wanted = true;
    queueMicrotask(() => { this.wanted = false; this.update(); });
  }

  update() {
    const { model } = this;
    this.run = unpack(model.get("run"));
    if (model.get("earlier") !== this.packed) {
      this.packed = model.get("earlier");
      this.earlier = this.packed.map(unpack);
      this.chosen = 0;
    }
    const axes = model.get("x_axes");
    this.x = model.get("x_axis") in axes ? model.get("x_axis") : Object.keys(axes)[0];
    if (this.select.dataset.axes !== Object.keys(axes).join()) {
      this.select.dataset.axes = Object.keys(axes).join();
      this.select.replaceChildren(...Object.entries(axes).map(([name, label]) => new Option(label, name)));
    }
    this.select.value = this.x;
    this.log.checked = model.get("log_scale");
    const shown = { floor: this.run.floor != null, earlier: this.earlier.length > 0 };
    for (const [key, there] of Object.entries(shown)) this.legend.querySelector(`.${key}`).hidden = !there;
    this.cursor = null;
    if (this.at) this.point(...this.at);
    else this.read(null);
  }

  // ------------------------------------------------------------------------------------------- reading

  read(cursor) {
    this.cursor = cursor;
    this.readout.textContent = cursor?.words ?? "";
    this.draw();
  }

  atEpoch(run, number) {
    const row = run.epochs[number], losses = [row[3], row[4]];
    const names = ["training", "validation"], read = losses.map((loss, kind) => `${names[kind]} ${write(loss)}`);
    const words = read.filter((_, kind) => Number.isFinite(losses[kind])).join(" · ");
    const epoch = row[0] * run.per_update;
    const where = run.num_epochs && run.per_update !== 1 ? `epoch ${write(epoch)}, update ${whole(row[0])}` : `update ${whole(row[0])}`;
    const best = number === run.best ? " · best epoch" : "";
    return { run, row, losses, words: `${run.label ? `${run.label}: ` : ""}${where}: ${words}${best}` };
  }

  atPoint(run, number) {
    const same = run.points.filter((point) => point[0] === run.points[number][0]), row = same[0];
    const losses = same.map((point) => point[3]), range = losses.map(write).reverse().join(" to ");
    return { run, row, losses, words: `${run.label ? `${run.label}: ` : ""}update ${whole(row[0])}: batch loss ${range}` };
  }

  point(x, y) {
    const nearest = (run, list, height) => {
      let found = [Infinity, -1];
      list.forEach((row, number) => {
        const away = Math.hypot(this.across(run, row) - x, height ? this.down(height(row)) - y : 0);
        if (away < found[0]) found = [away, number];
      });
      return found;
    };
    const others = this.hidden.has("earlier") ? [] : this.earlier.map((run) =>
      (run.epochs.length ? nearest(run, run.epochs, (row) => (Number.isFinite(row[4]) ? row[4] : row[3])) : [Infinity, -1]));
    const closest = Math.min(Infinity, ...others.map(([away]) => away));
    this.chosen = closest < 10 ? others.findIndex(([away]) => away === closest) + 1 : 0;
    if (this.chosen) return this.read(this.atEpoch(this.earlier[this.chosen - 1], others[this.chosen - 1][1]));
    const [away, epoch] = nearest(this.run, this.run.epochs);
    if (epoch >= 0 && away < 8) return this.read(this.atEpoch(this.run, epoch));
    const [, point] = nearest(this.run, this.run.points);
    return this.read(point >= 0 ? this.atPoint(this.run, point) : null);
  }

  // Left and right walk along a run, up and down from run to run.
  key(event) {
    const runs = [this.run, ...this.earlier];
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      this.chosen = (this.chosen + (event.key === "ArrowDown" ? 1 : runs.length - 1)) % runs.length;
    } else if (move === undefined) return;
    event.preventDefault();
    const run = runs[this.chosen], list = run.epochs.length ? run.epochs : run.points;
    if (!list.length) return;
    const here = this.cursor && this.cursor.run === run ? list.findIndex((row) => row[0] === this.cursor.row[0])
      : move > 0 ? -1 : list.length;
    const next = move === undefined ? list.length - 1 : Math.min(Math.max(here + move, 0), list.length - 1);
    this.read(run.epochs.length ? this.atEpoch(run, next) : this.atPoint(run, next));
  }
}

function render({ model, el }) {
  const chart = new Chart(model, el);
  return () => chart.stop.forEach((stop) => stop());
}

export default { render };
