// Reads the Prometheus text format, and writes numbers with their units.

// name -> list of {labels: Map, value}. Lines that are no samples are passed over.
const parseMetrics = (text) => {
  const families = new Map();
  const sample = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
  const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;
  for (const line of text.split("\n")) {
    const match = line.startsWith("#") ? null : sample.exec(line);
    if (!match)
      continue;
    const [, name, labelText, valueText] = match;
    const value = valueText === "+Inf" ? Infinity : Number(valueText);
    const labels = new Map();
    for (const [, key, quoted] of (labelText ?? "").matchAll(label))
      labels.set(key, quoted.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c)));
    if (!families.has(name))
      families.set(name, []);
    families.get(name).push({ labels, value });
  }
  return families;
};

// The sum over all series of a family; null when the daemon says nothing of it.
const total = (families, name) => {
  const samples = families.get(name);
  return samples ? samples.reduce((sum, one) => sum + one.value, 0) : null;
};

const labelOf = (families, name, label) => families.get(name)?.[0]?.labels.get(label) ?? "";

// ---- numbers ----

const space = "\u00a0"; // a number never parts from its unit
const digits = (value) => {
  const size = Math.abs(value);
  const places = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toFixed(places).replace(/\.0+$|(\.\d*[1-9])0+$/, "$1");
};

// [number, unit] with the largest prefix that leaves at least 1 in front of the point.
const scaled = (value, base, prefixes) => {
  let step = 0;
  while (Math.abs(value) >= base * 0.9995 && step + 1 < prefixes.length) {
    value /= base;
    ++step;
  }
  return [digits(value), prefixes[step]];
};

const bytePrefixes = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const countPrefixes = ["", "k", "M", "G", "T"];
const counted = (value, unit) => {
  const [number, prefix] = scaled(value, 1000, countPrefixes);
  return [number, `${prefix}${prefix && unit && !unit.startsWith("/") ? " " : ""}${unit}`];
};

// How each kind of value is written, and where its axis may end.
const kinds = {
  bytes: { parts: (value) => scaled(value, 1024, bytePrefixes), base: 1024, whole: true },
  count: { parts: (value) => counted(value, ""), base: 1000, whole: true },
  rate: { parts: (value) => counted(value, "/s"), base: 1000 },
  percent: { parts: (value) => [digits(value), "%"], base: 1000, top: 100 },
  cpu: { parts: (value) => [digits(value), "%"], base: 1000 },
  speed: { parts: (value) => [digits(value), "GB/s"], base: 1000 },
  seconds: {
    parts: (value) => (value !== 0 && value < 1 ? [digits(value * 1000), "ms"]
      : [digits(value), "s"]),
    base: 1000,
  },
};

const shown = (kind, value) => {
  if (value === null || value === undefined || Number.isNaN(value))
    return "–";
  const [number, unit] = kinds[kind].parts(value);
  return unit ? `${number}${space}${unit}` : number;
};

const duration = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(whole / unit));
  if (days)
    return `${days}${space}d ${hours % 24}${space}h`;
  if (hours)
    return `${hours}${space}h ${minutes % 60}${space}min`;
  return minutes ? `${minutes}${space}min ${whole % 60}${space}s` : `${whole}${space}s`;
};

// Round steps of an axis from 0 that reaches `top`, at most four of them.
const axisSteps = (kind, top) => {
  const { base, whole } = kinds[kind];
  const least = whole ? 1 : 1e-9;
  const goal = Math.max(top / 4, least / 4);
  const unit = base ** Math.floor(Math.log(goal) / Math.log(base));
  const round = base === 1024 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    : [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000];
  const step = Math.max(unit * round.find((one) => unit * one >= goal * 0.999), whole ? 1 : 0);
  return Array.from({ length: Math.max(1, Math.ceil(top / step - 1e-6)) + 1 }, (_, i) => i * step);
};
