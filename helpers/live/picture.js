// A PNG file that changes many times a second: decoded before it is drawn, so it never flickers.

function render({ model, el }) {
  const canvas = document.createElement("canvas"), [width, height] = model.get("size");
  Object.assign(canvas, { width, height });  // the picture's shape from the start: nothing moves when it comes
  canvas.setAttribute("role", "img");
  canvas.style.maxWidth = `${width}px`;
  el.append(canvas);
  let frames = 0, wanted = false, drawing = false;

  async function draw() {
    wanted = true;
    if (drawing) return;
    drawing = true;
    try {
      while (wanted) {
        wanted = false;
        const bytes = model.get("file");
        if (!bytes.byteLength) continue;
        const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
        if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
          Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
        }
        canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);  // asked for earlier it is a black box
        canvas.dataset.frames = ++frames;
      }
    } finally {
      drawing = false;
    }
  }
  const describe = () => canvas.setAttribute("aria-label", model.get("text"));
  model.on("change:file", draw);
  model.on("change:text", describe);
  describe();
  draw();
  return () => {
    model.off("change:file", draw);
    model.off("change:text", describe);
  };
}

export default { render };
