// The first of three files that `chart.py` puts together: numbers, ticks, lines, and room for names.

const PIECE = 16;  // lines between two places
const EPOCH_DOTS = 40;  // runs with more epochs than this are drawn without a dot for each
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
