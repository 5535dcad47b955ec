// A picture in two parts: a PNG file that stands still, and over it lines that grow.
// The file is decoded before anything is drawn, so the reader never sees one part without the other.

const PIECE = 16;  // lines between two places

function same(bytes, others) {
  if (bytes.byteLength !== others.byteLength) return false;
  for (let place = 0; place < bytes.byteLength; place++) {
    if (bytes.getUint8(place) !== others.getUint8(place)) return false;
  }
  return true;
}

const decode = (bytes) => createImageBitmap(new Blob([bytes], { type: "image/png" }));

// x and y in turn; copied, for in a message they may begin at any byte.
const numbers = (bytes) => new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));

// In pieces: as one path a line that crosses itself hundreds of times takes the browser 30 ms, so it takes 4.
function trace(context, places) {
  let walked = 0;
  for (let start = 0; start < places.length; start += 2 * PIECE) {
    context.lineDashOffset = walked;
    context.beginPath();
    const end = Math.min(start + 2 * PIECE, places.length - 2);
    let last = null;
    for (let at = start; at <= end; at += 2) {
      const [x, y] = [places[at], places[at + 1]];
      if (last && Number.isFinite(y)) {
        context.lineTo(x, y);
        walked += Math.hypot(x - last[0], y - last[1]);
      } else {
        context.moveTo(x, y);
      }
      last = Number.isFinite(y) ? [x, y] : null;  // a gap where there is no loss
    }
    context.stroke();
  }
}

function mark(context, places, outline) {
  context.beginPath();
  for (let at = 0; at < places.length; at += 2) {
    if (!Number.isFinite(places[at + 1])) continue;
    context.moveTo(places[at] + outline[0][0], places[at + 1] + outline[0][1]);
    for (const [x, y] of outline.slice(1)) context.lineTo(places[at] + x, places[at + 1] + y);
    context.closePath();
  }
  context.fill();
  context.stroke();
}

function draw_line(context, { color, opacity, width, dash, outline }, places) {
  Object.assign(context, { strokeStyle: color, fillStyle: color, globalAlpha: opacity, lineWidth: width });
  context.lineJoin = outline.length ? "miter" : "bevel";
  context.setLineDash(dash);
  if (outline.length) mark(context, places, outline);
  else trace(context, places);
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const [width, height, sharpness] = model.get("size");
  Object.assign(canvas, { width: width * sharpness, height: height * sharpness });
  canvas.style.width = `${width}px`;
  canvas.setAttribute("role", "img");
  el.append(canvas);

  let base = {}, ahead = {};  // bytes, and the bitmap that they were decoded to
  let frames = 0, wanted = false, drawing = false;

  function draw_now() {
    const lines = model.get("lines"), strokes = model.get("strokes");
    context.drawImage(base.bitmap, 0, 0);
    if (lines.length) {
      context.save();
      context.beginPath();
      context.rect(...model.get("inside"));
      context.clip();
      lines.forEach((line, number) => draw_line(context, strokes[number], numbers(line)));
      context.restore();
    }
    canvas.dataset.frames = ++frames;
  }
  async function draw() {
    wanted = true;
    if (drawing) return;
    drawing = true;
    try {
      await null;  // one message may have changed both parts
      while (wanted) {
        wanted = false;
        const bytes = model.get("base");
        if (!bytes.byteLength) continue;
        if (bytes !== base.bytes) {
          const known = ahead.bitmap && same(bytes, ahead.bytes);
          base = { bytes, bitmap: known ? ahead.bitmap : await decode(bytes) };
        }
        if (bytes === model.get("base")) draw_now();  // or else its lines are no more
      }
    } finally {
      drawing = false;
    }
  }
  async function decode_ahead() {
    const bytes = model.get("ahead"), now = ahead = { bytes };
    if (bytes.byteLength) now.bitmap = await decode(bytes);
  }
  const describe = () => canvas.setAttribute("aria-label", model.get("text"));
  const listeners = {
    "change:base": draw, "change:lines": draw, "change:ahead": decode_ahead, "change:text": describe,
  };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  describe();
  draw();
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
  };
}

export default { render };
