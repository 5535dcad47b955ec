// A picture that matplotlib drew, from its strokes (strokes.py): sharp on any screen, in the colours of the theme.

const FINE = 4;  // steps to a CSS pixel

class Strokes {
  constructor(el, size) {
    this.size = size;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    Object.assign(this.canvas.style, { maxWidth: `${size[0]}px`, aspectRatio: `${size[0]} / ${size[1]}` });
    el.append(this.canvas);
    this.frames = 0;
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    new MutationObserver(() => this.draw()).observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  }

  show(strokes, words) {
    this.strokes = strokes;
    this.canvas.setAttribute("aria-label", words);
    this.draw();
  }

  draw() {
    const wide = this.canvas.clientWidth;
    if (!this.strokes || !wide) return;
    const { canvas } = this, dense = window.devicePixelRatio || 1, context = canvas.getContext("2d");
    canvas.width = Math.round(wide * dense);
    canvas.height = Math.round(wide * dense * this.size[1] / this.size[0]);
    const step = canvas.width / this.size[0] / FINE;
    this.paper = getComputedStyle(document.body).backgroundColor;
    this.dark = document.body.dataset.jpThemeLight === "false";
    for (const [kind, ...stroke] of this.strokes) {
      context.setTransform(step, 0, 0, step, 0, 0);
      context.save();
      this[kind](context, ...stroke);
      context.restore();
    }
    canvas.dataset.frames = ++this.frames;
  }

  // In the dark grey is turned round, from white paper to nearly black, and colours are lifted.
  ink(colour) {
    if (!this.dark) return colour;
    if (colour === "#ffffff") return this.paper;
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const grey = Math.max(...parts) - Math.min(...parts) < 12;
    const light = Math.max(...parts) + Math.min(...parts) > 430;  // a tint of the paper
    const lit = parts.map((part) => (grey || light ? 255 - part * (238 / 255) : part + (255 - part) * 0.4));
    return `rgb(${lit.map(Math.round).join(" ")})`;
  }

  clip(context, box) {
    if (!box.length) return;
    context.beginPath();
    context.rect(...box);
    context.clip();
  }

  paint(context, path, [line, width, fill, [lineAlpha, fillAlpha], dashes, cap, hatch]) {
    if (fill) {
      context.globalAlpha = fillAlpha;
      context.fillStyle = this.ink(fill);
      context.fill(path);
    }
    if (hatch) this.hatch(context, path, line);
    if (!line) return;
    context.globalAlpha = lineAlpha;
    context.strokeStyle = this.ink(line);
    context.lineWidth = width;
    context.lineCap = cap === "projecting" ? "square" : cap;
    context.lineJoin = "round";
    context.setLineDash(dashes);
    context.stroke(path);
  }

  hatch(context, path, line) {
    context.save();
    context.clip(path);
    context.strokeStyle = this.ink(line || "#6b6b6b");
    context.lineWidth = 4;
    context.beginPath();
    const [wide, high] = this.size.map((length) => length * FINE);
    for (let x = -high; x < wide; x += 24) {
      context.moveTo(x, high);
      context.lineTo(x + high, 0);
    }
    context.stroke();
    context.restore();
  }

  p(context, path, ...look) {
    this.clip(context, look.at(-1));
    this.paint(context, new Path2D(path), look);
  }

  m(context, shape, ...rest) {
    const places = rest.pop();
    this.clip(context, rest.at(-1));
    const path = new Path2D(shape);
    for (let at = 0; at < places.length; at += 2) {
      context.save();
      context.translate(places[at], places[at + 1]);
      this.paint(context, path, rest);
      context.restore();
    }
  }

  t(context, words, [x, y, size, width, angle], colour, alpha, bold, box) {
    this.clip(context, box);
    context.globalAlpha = alpha;
    context.fillStyle = this.ink(colour);
    context.font = `${bold ? "bold " : ""}${size}px "DejaVu Sans", Verdana, sans-serif`;
    context.translate(x, y);
    context.rotate(-angle * Math.PI / 180);
    context.fillText(words, 0, 0, width * 1.02);  // as wide as matplotlib measured it, whatever the font
  }
}
