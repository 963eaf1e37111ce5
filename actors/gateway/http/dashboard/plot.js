// One panel: title, key with values, and a line chart drawn as SVG.

const svgSpace = "http://www.w3.org/2000/svg";

const make = (tag, fields = {}, ...children) => {
  const node = document.createElement(tag);
  Object.entries(fields).forEach(([name, value]) => node.setAttribute(name, value));
  node.append(...children);
  return node;
};

const draw = (tag, fields = {}, text = null) => {
  const node = document.createElementNS(svgSpace, tag);
  Object.entries(fields).forEach(([name, value]) => node.setAttribute(name, value));
  if (text !== null)
    node.textContent = text;
  return node;
};

const clockTime = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

// Room around the lines, for the labels of the axes.
const edge = { left: 62, right: 12, top: 10, bottom: 20 };

class Plot {
  // spec: see panels.js. onPoint(time or null): the reader points at a moment.
  constructor(spec, onPoint) {
    this.spec = spec;
    this.onPoint = onPoint;
    this.when = make("span", { class: "when" });
    const title = make("h3", {}, spec.title);
    this.values = spec.series.map(() => make("b", {}, "–"));
    const entries = spec.series.map((one, i) => {
      const line = draw("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" });
      line.append(draw("path", { d: "M1 4H17", class: `curve s${i}` }));
      return make("li", {}, line, one.name, this.values[i]);
    });
    this.key = make("ul", { class: "key" }, ...entries);
    this.svg = draw("svg", { class: "plot", role: "img", tabindex: "0" });
    this.sum = make("p", { class: "sum" });
    this.node = make("figure", { class: "panel", "data-panel": spec.id },
      make("figcaption", {}, title, this.when), this.key, this.svg);
    if (spec.sum)
      this.node.append(this.sum);
    this.listen();
  }

  listen() {
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      this.onPoint(this.timeAt(event.clientX - box.left));
    });
    this.svg.addEventListener("pointerleave", () => this.onPoint(null));
    this.svg.addEventListener("blur", () => this.onPoint(null));
    this.svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -pollSeconds, ArrowRight: pollSeconds }[event.key];
      if (!step && event.key !== "Escape")
        return;
      event.preventDefault();
      const from = this.pointed ?? this.end;
      this.onPoint(step ? Math.min(this.end, Math.max(this.end - this.span, from + step)) : null);
    });
  }

  timeAt(x) {
    const part = (x - edge.left) / (this.width - edge.left - edge.right);
    return this.end - this.span * (1 - Math.min(1, Math.max(0, part)));
  }

  xOf(time) {
    return this.width - edge.right
      - (this.end - time) / this.span * (this.width - edge.left - edge.right);
  }

  yOf(value) {
    return this.bottom - value / this.top * (this.bottom - edge.top);
  }

  // Draws the last `most` seconds before `end`, or less while less is known; `pointed` is a time
  // or null.
  show(history, end, most, pointed) {
    const span = Math.min(most, Math.max(60, end - history.snapshots[0].time));
    Object.assign(this, { end, span, pointed, width: this.svg.clientWidth || 320 });
    this.bottom = (this.svg.clientHeight || 150) - edge.bottom;
    const first = history.snapshots.findIndex((one) => one.time >= end - span);
    this.times = first < 0 ? [] : history.snapshots.slice(first).map((one) => one.time);
    this.curves = this.spec.series.map((one) =>
      this.times.map((_, i) => history.valueAt(first + i, one)));
    this.limits = (this.spec.limits ?? []).map(({ name, value }) =>
      ({ name, value: history.last() && value(history, history.snapshots.length - 1) }))
      .filter(({ value }) => value !== null);
    this.scale();
    this.svg.replaceChildren(...this.axes(), ...this.lines(), ...this.marks(history.restarts));
    this.tell(history);
  }

  scale() {
    const { kind } = this.spec;
    const values = [...this.curves.flat(), ...this.limits.map((one) => one.value)];
    const most = values.reduce((a, b) => Math.max(a, b ?? 0), 0);
    this.steps = axisSteps(kind, kinds[kind].top ?? (most || 1));
    this.top = this.steps.at(-1);
  }

  axes() {
    const nodes = [];
    const right = this.width - edge.right;
    this.steps.forEach((value, i) => {
      const y = Math.round(this.yOf(value)) + 0.5;
      nodes.push(draw("line", { x1: edge.left, x2: right, y1: y, y2: y,
        class: i ? "grid" : "base" }));
      nodes.push(draw("text", { x: edge.left - 8, y: y + 4, "text-anchor": "end" },
        shown(this.spec.kind, value)));
    });
    const y = this.bottom + 15;
    [1, 0.5, 0].forEach((part) => {
      const time = this.end - part * this.span;
      nodes.push(draw("text", { x: this.xOf(time), y,
        "text-anchor": part === 1 ? "start" : part ? "middle" : "end" }, clockTime(time)));
    });
    return nodes;
  }

  lines() {
    const nodes = [];
    this.curves.forEach((values, index) => {
      const runs = this.runs(values);
      const path = runs.map((run) => `M${run.join("L")}${run.length > 1 ? "" : "h0.1"}`).join("");
      if (index === 0 && !this.spec.bare) {
        const area = runs.map((run) => `M${run[0].split(",")[0]},${this.bottom}L${run.join("L")}`
          + `V${this.bottom}Z`).join("");
        nodes.push(draw("path", { d: area, class: "area f0" }));
      }
      nodes.push(draw("path", { d: path, class: `curve s${index}` }));
    });
    return nodes;
  }

  // Unbroken runs of points "x,y".
  runs(values) {
    const runs = [];
    let open = false;
    values.forEach((value, i) => {
      if (value === null)
        open = false;
      else if (open)
        runs.at(-1).push(this.point(i, value));
      else
        open = runs.push([this.point(i, value)]) > 0;
    });
    return runs;
  }

  point(i, value) {
    return `${this.xOf(this.times[i]).toFixed(1)},${this.yOf(value).toFixed(1)}`;
  }

  marks(restarts) {
    const nodes = [];
    const upright = (time, name) => draw("line", { class: name, y1: edge.top, y2: this.bottom,
      x1: this.xOf(time), x2: this.xOf(time) });
    for (const { name, value } of this.limits) {
      const y = Math.round(this.yOf(value)) + 0.5;
      nodes.push(draw("line", { x1: edge.left, x2: this.width - edge.right, y1: y, y2: y,
        class: "limit" }));
      nodes.push(draw("text", { x: edge.left + 6, y: y + 13, class: "limit-name" },
        `${name} ${shown(this.spec.kind, value)}`));
    }
    for (const time of restarts.filter((one) => one > this.end - this.span)) {
      const late = this.xOf(time) > this.width - 80;
      nodes.push(upright(time, "restart"), draw("text", { x: this.xOf(time) + (late ? -4 : 4),
        y: this.bottom - 5, "text-anchor": late ? "end" : "start" }, "restart"));
    }
    const at = this.pointed === null ? -1 : this.nearest(this.pointed);
    if (at >= 0) {
      nodes.push(upright(this.times[at], "cursor"));
      this.curves.forEach((values, i) => values[at] !== null && nodes.push(draw("circle",
        { cx: this.xOf(this.times[at]), cy: this.yOf(values[at]), r: 3, class: `f${i}` })));
    }
    return nodes;
  }

  nearest(time) {
    let best = -1;
    this.times.forEach((one, i) => {
      if (best < 0 || Math.abs(one - time) < Math.abs(this.times[best] - time))
        best = i;
    });
    return best;
  }

  // The values as text: at the moment pointed at, or the newest.
  tell(history) {
    const { kind, title, series, sum } = this.spec;
    const at = this.pointed === null ? this.times.length - 1 : this.nearest(this.pointed);
    const said = series.map((one, i) => {
      const value = this.curves[i][at] ?? null;
      this.values[i].textContent = shown(one.kind ?? kind, value);
      this.values[i].dataset.raw = value ?? "";
      return `${one.name} ${shown(one.kind ?? kind, value)}`;
    });
    this.when.textContent = this.pointed === null || at < 0 ? "" : clockTime(this.times[at]);
    this.svg.setAttribute("aria-label",
      `${title}, last ${Math.round(this.span / 60)} min: ${said.join(", ")}`);
    if (sum)
      this.sum.textContent = sum(history.last());
  }
}
