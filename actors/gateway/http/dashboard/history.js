// What this tab remembers: one snapshot per poll, for ten minutes.

const pollSeconds = 2;
const keptSeconds = 600;
const rateSeconds = 10; // a ratio of two counters looks back that far, so that it does not jump

class History {
  constructor() {
    // {time (s), families, status}; families is null where nothing is known: not reachable, hidden.
    this.snapshots = [];
    this.restarts = [];  // times at which another process answered
  }

  add(snapshot) {
    const before = this.last();
    this.snapshots.push(snapshot);
    if (before && snapshot.families && this.startOf(before) !== this.startOf(snapshot))
      this.restarts.push(snapshot.time);
    const oldest = snapshot.time - keptSeconds;
    while (this.snapshots[0].time < oldest)
      this.snapshots.shift();
    while (this.restarts[0] < oldest)
      this.restarts.shift();
  }

  // A gap: nothing is known between the snapshots around it.
  breakAt(time) {
    const gap = { time, families: null, status: null };
    if (this.snapshots.length > 0)
      this.snapshots.splice(this.snapshots.at(-1).families ? this.snapshots.length : -1, 1, gap);
  }

  // What a series says of snapshot number `index`: worked out once, the past stays as it is.
  valueAt(index, series) {
    const one = this.snapshots[index];
    if (!one.families)
      return null;
    one.values ??= new Map();
    if (!one.values.has(series))
      one.values.set(series, series.value(this, index));
    return one.values.get(series);
  }

  // The newest snapshot that holds data.
  last() {
    return this.snapshots.findLast((one) => one.families) ?? null;
  }

  startOf(snapshot) {
    return total(snapshot.families, "process_start_time_seconds");
  }

  // The snapshot `seconds` before number `index`, without a gap or a restart in between.
  before(index, seconds) {
    const now = this.snapshots[index];
    let found = null;
    for (let i = index - 1; i >= 0; --i) {
      const one = this.snapshots[i];
      if (!one.families || this.startOf(one) !== this.startOf(now))
        break;
      found = one;
      if (now.time - one.time >= seconds - pollSeconds / 4)
        break;
    }
    return found;
  }
}

// ---- what a series is made of: functions (history, index) -> number or null ----

const gauge = (name, factor = 1) => (history, index) => {
  const value = total(history.snapshots[index].families, name);
  return value === null ? null : value * factor;
};

const fromStatus = (read) => (history, index) => {
  const { status } = history.snapshots[index];
  return (status && read(status)) ?? null;
};

// What counters grew by since `seconds` ago, and in how many seconds. A family that was not there
// yet stood at 0.
const growth = (history, index, names, seconds) => {
  const now = history.snapshots[index];
  const then = history.before(index, seconds);
  if (!then)
    return null;
  let grown = null;
  for (const name of names) {
    const value = total(now.families, name);
    if (value !== null)
      grown = (grown ?? 0) + Math.max(0, value - (total(then.families, name) ?? 0));
  }
  return grown === null ? null : { grown, seconds: now.time - then.time };
};

const rate = (...names) => (history, index) => {
  const change = growth(history, index, names, pollSeconds);
  return change && change.grown / change.seconds;
};

// The growth of one counter in parts of another's; null while the other stands still.
const ratio = (part, whole, factor) => (history, index) => {
  const of = growth(history, index, [whole], rateSeconds);
  if (!of || of.grown === 0)
    return null;
  return factor * (growth(history, index, [part], rateSeconds)?.grown ?? 0) / of.grown;
};

const statusRate = (read) => (history, index) => {
  const now = history.snapshots[index];
  const then = history.before(index, pollSeconds);
  if (!then?.status || !now.status)
    return null;
  return Math.max(0, read(now.status) - read(then.status)) / (now.time - then.time);
};
