// Curves that grow: the kernel sends numbers, everything else happens here.

const PIECE = 16;  // lines between two places
const EPOCH_DOTS = 40;  // runs with more epochs than this are drawn without a dot for each
const WHY = `Every epoch shows each sample once, in a new order. When an epoch begins, half an epoch has passed, on average,
  since the samples now shown were last trained on; when it ends, one and a half (the ramps below show this time). The
  longer ago, the more the updates in between have undone of what was learned from a sample, so the losses of the batches
  climb. Then the next epoch begins, with samples met more recently and once more often: the loss drops. Validation
  samples are never trained on, so their curve has no stairs.`;
const KEYS = {
  updates: "training (update)", training: "training (epoch)", validation: "validation", best: "best epoch",
  floor: "noise floor", earlier: "earlier runs",
};

const write = (number) => Number(number.toPrecision(4)).toLocaleString("en-US", { maximumSignificantDigits: 4 });
const whole = (number) => Math.round(number).toLocaleString("en-US");

// Rows of 4-byte floats; copied, for in a message they may begin at any byte.
function rows(bytes, columns) {
  if (!bytes?.byteLength) return [];
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return Array.from({ length: all.length / columns }, (_, row) => all.subarray(row * columns, (row + 1) * columns));
}

function unpack(run) {
  return { ...run, points: rows(run.points, 4), epochs: rows(run.epochs, 5) };
}

function linearTicks(low, high, count, whole) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max([1, 2, 5, 10].find((part) => part * power >= raw * 0.999) * power, whole ? 1 : 0);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high; tick++) ticks.push(tick * step);
  return ticks;
}

function logTicks(low, high) {
  for (const steps of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]]) {
    const ticks = [];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++) {
      for (const step of steps) {
        const tick = step * 10 ** decade;
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    if (ticks.length >= 4) return ticks.filter((_, number) => number % Math.ceil(ticks.length / 9) === 0);
  }
  return linearTicks(low, high, 5);
}

// In pieces: as one path a line that crosses itself hundreds of times takes the browser 30 ms, so it takes 4.
function trace(context, places) {
  let walked = 0;
  for (let start = 0; start < places.length - 1; start += PIECE) {
    context.lineDashOffset = walked;
    context.beginPath();
    let last = null;
    for (const [x, y] of places.slice(start, start + PIECE + 1)) {
      if (last && Number.isFinite(y)) {
        context.lineTo(x, y);
        walked += Math.hypot(x - last[0], y - last[1]);
      } else context.moveTo(x, y);
      last = Number.isFinite(y) ? [x, y] : null;  // a gap where there is no loss
    }
    context.stroke();
  }
}

function dots(context, places, radius) {
  for (const [x, y] of places) {
    if (!Number.isFinite(y)) continue;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

// Heights for names of one line each, none over another, as near to the wanted ones as may be.
function spread(wanted, low, high, line) {
  const order = wanted.map((y, number) => [Math.min(Math.max(y, low), high), number]).sort((a, b) => a[0] - b[0]);
  const places = [];
  let free = -Infinity;
  for (const [y, number] of order) places[number] = free = Math.max(y, free + line);
  const over = Math.max(free - high, 0);
  return places.map((place) => place - over);
}

// Which losses of a run stand for it once it has ended.
function outcome(run) {
  const column = run.epochs.some((epoch) => Number.isFinite(epoch[4])) ? 4 : 3;
  return run.epochs.length ? run.epochs.map((epoch) => [epoch, epoch[column]]) : run.points.map((p) => [p, p[3]]);
}

class Chart {
  constructor(model, el) {
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

  // ------------------------------------------------------------------------------------------- places

  across(run, row) {
    const value = this.x === "seconds" ? row[2] : this.x === "samples_seen" ? row[1]
      : this.x === "epoch" ? row[0] * run.per_update : row[0];
    return this.left + value / this.end * this.width;
  }

  down(loss) {
    const [low, high] = this.range;
    const share = this.model.get("log_scale") ? Math.log(loss / low) / Math.log(high / low) : (loss - low) / (high - low);
    return Math.min(Math.max(this.top + (1 - share) * this.height, -1e4), 1e4);
  }

  line(run, list, column) {
    return list.map((row) => [this.across(run, row), this.down(row[column])]);
  }

  palette() {
    const style = getComputedStyle(this.el);
    const names = ["text", "paper", "grid", "training", "validation", "best", "floor", "earlier"];
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--chart-${name}`).trim()]));
  }

  // ------------------------------------------------------------------------------------------- drawing

  draw() {
    if (!this.run?.y || !this.visible && this.frames) return;
    const { canvas, context, run } = this, dense = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    const pixels = [Math.round(width * dense), Math.round(height * dense)];
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
    this.colours ??= this.palette();
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.font = `11px ${getComputedStyle(this.el).fontFamily}`;
    const log = this.model.get("log_scale");
    this.named = this.hidden.has("earlier") ? [] : this.earlier.map((other) => [other, other.label, "earlier"]);
    if (run.name && run.epochs.length) this.named.push([run, run.name, "validation"]);
    this.names = this.named.map(([, name]) => this.shorten(name, width * 0.28));
    const room = Math.max(0, ...this.names.map((name) => context.measureText(name).width));
    Object.assign(this, { left: 58, top: 8, end: run.x[this.x] * 1.012, range: run.y[log ? 1 : 0] });
    this.width = width - this.left - (room ? room + 14 : 10);
    this.height = height - this.top - 40;
    this.drawAxes(width, height, log);
    context.save();
    context.beginPath();
    context.rect(this.left, this.top - 3, this.width + 6, this.height + 6);
    context.clip();
    if (this.stairs.checked) this.drawStairs();
    if (run.floor != null && !this.hidden.has("floor")) {
      this.pen("floor", 1.4, [2, 3]);
      trace(context, [[this.left, this.down(run.floor)], [this.left + this.width, this.down(run.floor)]]);
    }
    if (!this.hidden.has("earlier")) this.earlier.forEach((other, number) => this.drawEarlier(other, number + 1));
    this.drawRun();
    context.restore();
    this.drawNames();
    this.drawCursor();
    canvas.dataset.frames = ++this.frames;
  }

  pen(colour, width = 1, dash = [], opacity = 1) {
    const style = this.colours[colour];
    Object.assign(this.context, { strokeStyle: style, fillStyle: style, lineWidth: width, globalAlpha: opacity });
    this.context.lineJoin = "bevel";
    this.context.setLineDash(dash);
  }

  shorten(text, most) {
    while (text.length > 4 && this.context.measureText(text).width > most) text = `${text.slice(0, -2)}…`;
    return text;
  }

  drawAxes(width, height, log) {
    const { context, left, top } = this, bottom = top + this.height;
    this.pen("paper");
    context.fillRect(0, 0, width, height);
    const counts = this.x !== "seconds";
    const across = linearTicks(0, this.end, Math.max(3, this.width / 90), counts);
    const down = log ? logTicks(...this.range) : linearTicks(...this.range, 7);
    this.pen("grid");
    context.beginPath();
    for (const tick of across) {
      const x = Math.round(left + tick / this.end * this.width) + 0.5;
      context.moveTo(x, top);
      context.lineTo(x, bottom);
    }
    for (const tick of down) {
      const y = Math.round(this.down(tick)) + 0.5;
      context.moveTo(left, y);
      context.lineTo(left + this.width, y);
    }
    context.stroke();
    this.pen("text");
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const tick of across) context.fillText(write(tick), left + tick / this.end * this.width, bottom + 6);
    context.fillText(this.model.get("x_axes")[this.x] ?? "", left + this.width / 2, bottom + 23);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of down) context.fillText(write(tick), left - 6, this.down(tick));
    context.save();
    context.translate(10, top + this.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(this.run.metric, 0, 0);
    context.restore();
  }

  drawRun() {
    const { context, run } = this, radius = run.epochs.length === 1 ? 4.5 : 2.6;
    const few = run.epochs.length <= EPOCH_DOTS;
    if (!this.hidden.has("updates")) {
      this.pen("training", 1, [], 0.35);
      trace(context, this.line(run, run.points, 3));
    }
    for (const [name, column, dash] of [["training", 3, []], ["validation", 4, [6, 3]]]) {
      if (this.hidden.has(name)) continue;
      const places = this.line(run, run.epochs, column);
      this.pen(name, 2, dash);
      trace(context, places);
      if (few) dots(context, places, radius);
    }
    const best = run.epochs[run.best];
    if (!best || this.hidden.has("best")) return;
    const [x, y] = [this.across(run, best), this.down(best[4])];
    this.pen("best");
    context.beginPath();
    for (const [right, below] of [[0, -6], [6, 0], [0, 6], [-6, 0]]) context.lineTo(x + right, y + below);
    context.fill();
  }

  drawEarlier(run, number) {
    const places = outcome(run).map(([row, loss]) => [this.across(run, row), this.down(loss)]);
    this.pen("earlier", number === this.chosen ? 2.4 : 1.2);
    trace(this.context, places);
    if (places.length === 1) dots(this.context, places, 4);
  }

  drawNames() {
    if (!this.names.length) return;
    const { context, named } = this, last = ([run]) => outcome(run).filter(([, loss]) => loss === loss).at(-1);
    const ends = named.map(last);
    const heights = ends.map((end) => (end ? this.down(end[1]) : 0));
    const places = spread(heights, this.top + 5, this.top + this.height - 4, 13);
    context.textAlign = "left";
    context.textBaseline = "middle";
    ends.forEach((end, number) => {
      if (!end) return;
      const [run, , colour] = named[number], front = run === (this.chosen ? this.earlier[this.chosen - 1] : this.run);
      const above = heights[number] < this.top;
      const x = this.left + this.width + 8, from = Math.min(this.across(run, end[0]), x - 8);
      const near = x - 8 - from < 24;
      if (!near && !above) {  // it ended early: a faint line leads from there to its name
        this.pen(colour, 1, [1, 3], 0.6);
        trace(context, [[from, heights[number]], [x - 3, places[number]]]);
      }
      this.pen(front && this.chosen ? "text" : colour);
      context.fillText(above ? `↑ ${this.names[number]}` : this.names[number], x, places[number]);
    });
  }

  // How long ago, on average, the samples now shown were shown before: from half an epoch to one and a half.
  drawStairs() {
    const { context, run } = this, epochs = run.num_epochs || run.epochs.length, bottom = this.top + this.height;
    if (!epochs || !run.per_update) return;
    for (let epoch = 1; epoch <= epochs && epochs <= 100; epoch++) {
      const [from, to] = [epoch - 1, epoch].map((edge) => this.left + edge / epochs * run.x_ends[this.x] / this.end * this.width);
      this.pen("grid");
      context.strokeRect(from, this.top, to - from, this.height);
      if (epoch === 1) continue;  // nobody was here before
      this.pen("training", 1, [], 0.22);
      context.beginPath();
      for (const place of [[from, bottom], [from, bottom - 14], [to, bottom - 42], [to, bottom]]) context.lineTo(...place);
      context.fill();
    }
  }

  drawCursor() {
    if (!this.cursor) return;
    const { context } = this, { run, row, losses } = this.cursor, x = this.across(run, row);
    this.pen("text", 1, [], 0.5);
    trace(context, [[x, this.top], [x, this.top + this.height]]);
    this.pen("text");
    dots(context, losses.map((loss) => [x, this.down(loss)]), 3.5);
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
