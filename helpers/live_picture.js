// A picture in two PNG files: one that stands still, and over it a smaller one that holds the lines while they grow.
// Both are decoded before either is drawn, so the reader never sees one without the other.

function same(bytes, others) {
  if (bytes.byteLength !== others.byteLength) return false;
  for (let place = 0; place < bytes.byteLength; place++) {
    if (bytes.getUint8(place) !== others.getUint8(place)) return false;
  }
  return true;
}

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const [width, height, sharpness] = model.get("size");
  Object.assign(canvas, { width: width * sharpness, height: height * sharpness });
  canvas.style.width = `${width}px`;
  canvas.setAttribute("role", "img");
  el.append(canvas);

  const bitmaps = {}, changed = new Set(["base", "patch"]);
  let frames = 0, drawing = false;

  async function decode(name) {
    const bytes = model.get(name);
    if (name === "base" && bitmaps.ahead && same(bytes, model.get("ahead"))) {
      bitmaps.base = bitmaps.ahead;
      return;
    }
    const bitmap = bytes.byteLength ? await createImageBitmap(new Blob([bytes], { type: "image/png" })) : null;
    if (model.get(name) === bytes) bitmaps[name] = bitmap;  // or else a newer one is on its way
  }
  async function draw() {
    if (drawing) return;
    drawing = true;
    try {
      await null;  // one message may have changed both
      while (changed.size) {
        const names = [...changed];
        changed.clear();
        await Promise.all(names.map(decode));
        if (bitmaps.base) context.drawImage(bitmaps.base, 0, 0);
        if (bitmaps.patch) context.drawImage(bitmaps.patch, ...model.get("corner"));
        canvas.dataset.frames = ++frames;
      }
    } finally {
      drawing = false;
    }
  }
  const describe = () => canvas.setAttribute("aria-label", model.get("text"));
  const listeners = {
    "change:base": () => { changed.add("base"); draw(); },
    "change:patch": () => { changed.add("patch"); draw(); },
    "change:ahead": () => { bitmaps.ahead = null; decode("ahead"); },
    "change:text": describe,
  };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  describe();
  draw();
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
  };
}

export default { render };
