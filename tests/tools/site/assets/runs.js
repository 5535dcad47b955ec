// Recorded runs as the chart wants them: what `helpers/live/curves.py` does in a kernel.

const MOST_EARLIER = 8, TALL = { false: 1.6, true: 30 }, VAGUE = new Set(["size", "share", "learning", "weight"]);

// How far a run was at an update: [update, samples, milliseconds], between the ends of two epochs in proportion.
function farAt(stops, update) {
  const next = Math.max(1, stops.findIndex((stop) => stop[0] >= update));
  const [from, to] = [stops[next - 1], stops[next]];
  const share = to[0] === from[0] ? 1 : (update - from[0]) / (to[0] - from[0]);
  return [update, from[1] + share * (to[1] - from[1]), from[2] + share * (to[2] - from[2])];
}

class Run {
  constructor(told, settings, name = "") {
    Object.assign(this, { told, settings, name });
    const stops = [[0, 0, 0], ...told.rows.map((row) => row.slice(0, 3))];
    if (told.end[0] > stops.at(-1)[0] || stops.length === 1) stops.push(told.end);
    const number = (loss) => loss ?? NaN;
    this.points = told.losses.map((loss, place) => {
      const update = told.stretch === 1 ? place + 1 : Math.floor(place / 2) * told.stretch + 1;
      const [at, samples, time] = farAt(stops, update);
      return [at, samples, time / 1000, number(loss)];
    });
    this.epochs = told.rows.map(([update, samples, time, train, validation]) =>
      [update, samples, time / 1000, number(train), number(validation)]);
    this.seconds = told.end[2] / 1000;
    this.perUpdate = told.updates ? told.epochs / told.updates : 1;
    const longer = told.updates ? told.updates / told.end[0] : 1;  // a run that was stopped early could have gone on
    this.last = { update: told.end[0], epoch: told.end[0] * this.perUpdate, samples_seen: told.end[1], seconds: this.seconds };
    this.ends = Object.fromEntries(Object.entries(this.last).map(([name, end]) => [name, end * longer || 1]));
  }

  // What there was of it after so many seconds.
  until(seconds) {
    const points = this.points.filter((point) => point[2] <= seconds), epochs = this.epochs.filter((row) => row[2] <= seconds);
    let best = -1;
    epochs.forEach((row, place) => { if (row[4] < (epochs[best]?.[4] ?? Infinity)) best = place; });
    return {
      points: Float32Array.from(points.flat()), epochs: Float32Array.from(epochs.flat()), per_update: this.perUpdate,
      num_epochs: this.told.epochs, best, diverged: this.told.diverged, done: points.length,
    };
  }

  // What tells it from the present run, for the end of its line.
  called(present) {
    if (this.name && present.name && this.name !== present.name) return this.name;
    const mine = Object.entries(this.settings).filter(([label, text]) => present.settings[label] !== text);
    const short = (label) => label.split(" ").filter((word) => !VAGUE.has(word)).join(" ") || label;
    const words = mine.slice(0, 2).map(([label, text]) => `${short(label)} ${text}`).join(", ");
    return (words || "the same again") + (mine.length > 2 ? ` and ${mine.length - 2} more` : "");
  }
}

function widen(low, high, log) {
  if (log) {
    [low, high] = [Math.max(low, 1e-12), Math.max(high, 1e-12)];
    const factor = Math.max(high / low, 1.5) ** 0.06;
    return [low / factor, high * factor];
  }
  const margin = Math.max(high - low, 0.05 * Math.abs(high), 1e-12) * 0.06;
  return [Math.max(low - margin, Math.min(low, 0)), high + margin];
}

function limits(run, earlier, log) {
  const spans = [...earlier.filter((other) => !other.told.diverged), run].map((one) => one.told.span).filter((span) => span.length);
  if (!spans.length) return [0.1, 1];
  const highs = spans.map((span) => span[1]).sort((a, b) => a - b), usual = highs[Math.floor((highs.length - 1) / 2)];
  let low = Math.min(...spans.map((span) => span[0]));
  const tall = log ? usual * TALL[true] : low + TALL[false] * (usual - low);
  let high = Math.min(highs.at(-1), Math.max(tall, low * (1 + 1e-9)));
  const { floor } = run.told;
  if (floor !== null) [low, high] = [Math.min(low, floor), Math.max(high, floor)];
  return widen(low, high, log);
}

// The present run after so many seconds, with the axes, as `Curves.for_page` says it.
function forPage(run, earlier, seconds) {
  const furthest = (x) => Math.max(0, ...earlier.map((other) => other.last[x]));
  const x = Object.fromEntries(Object.entries(run.ends).map(([name, end]) => [name, Math.min(Math.max(end, furthest(name)), 4 * end)]));
  return {
    ...run.until(seconds), name: run.name, metric: run.told.metric, floor: run.told.floor, x, x_ends: run.ends,
    y: [limits(run, earlier, false), limits(run, earlier, true)],
  };
}

function earlierForPage(run, earlier) {
  return earlier.map((other) => ({ ...other.until(Infinity), label: other.called(run) }));
}
