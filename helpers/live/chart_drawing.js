// The second of three files: the curves on a canvas.

class Drawing {
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
    if (!this.hidden.has("updates")) this.drawUpdates(this.line(run, run.points, 3));
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

  // Every update, or the band between the highest and the lowest of each stretch: as a line it would be a field of noise.
  drawUpdates(places) {
    const [first, second] = this.run.points, thinned = second && first[0] === second[0];  // two losses of one update
    this.pen("training", 1, [], thinned ? 0.2 : 0.35);
    if (!thinned) return trace(this.context, places);
    const ends = [0, 1].map((end) => places.filter(([, y], number) => number % 2 === end && y === y));
    this.context.beginPath();
    for (const place of [...ends[0], ...ends[1].reverse()]) this.context.lineTo(...place);
    this.context.fill();
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
      const beside = x - 8 - from < 24 && Math.abs(places[number] - heights[number]) < 7;
      if (!beside && !above) {  // a faint line leads from the run's end to its name
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
}
