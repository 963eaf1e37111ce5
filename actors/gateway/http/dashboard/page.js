// The running page: asks the daemon every 2 s, and shows what it says or why it says nothing.

const at = (id) => document.getElementById(id);
const history = new History();
const answerSeconds = 5;
const tokenKey = "actord-token";
const themeKey = "actord-theme";
let span = 300;
let pointed = null;
let paused = false;
let timer = 0;
let drawing = 0;
let asking = 0; // counts rounds: an answer to an older round is not shown

// Storage may be switched off; then the token is asked for again after a reload.
const remember = (store, key, value) => {
  try {
    if (value === null)
      window[store].removeItem(key);
    else
      window[store].setItem(key, value);
  } catch { /* nothing to do: the page works without */ }
};
const recall = (store, key) => {
  try {
    return window[store].getItem(key);
  } catch {
    return null;
  }
};
let token = recall("sessionStorage", tokenKey);

// ---- what the daemon says ----

class Refused extends Error {}

const ask = async (path) => {
  const answer = await fetch(path, {
    headers: token ? { Authorization: `Bearer ${token}` } : {},
    cache: "no-store",
    signal: AbortSignal.timeout(answerSeconds * 1000),
  });
  if (answer.status === 401)
    throw new Refused(path.split("?")[0]);
  return answer;
};

const readStatus = async () => {
  const answer = await ask("/status");
  if (!answer.ok)
    return { status: null, trouble: `/status: ${answer.status} ${await answer.text()}` };
  return { status: await answer.json(), trouble: "" };
};

const readMetrics = async () => {
  const answer = await ask(metricsPath);
  if (!answer.ok)
    throw new Error(`/metrics: ${answer.status}`);
  return withNewNames(parseMetrics(await answer.text()));
};

const round = async () => {
  const mine = ++asking;
  clearTimeout(timer);
  let outcome;
  try {
    const [families, { status, trouble }] = await Promise.all([readMetrics(), readStatus()]);
    outcome = () => accept({ time: Date.now() / 1000, families, status }, trouble);
  } catch (fault) {
    outcome = () => (fault instanceof Refused ? needToken(fault.message) : lost());
  }
  if (mine !== asking || paused || document.hidden)
    return;
  outcome();
  if (token || at("state").dataset.state !== "token")
    timer = setTimeout(round, pollSeconds * 1000);
};

const accept = (snapshot, trouble) => {
  history.add(snapshot);
  const why = trouble || (counts(snapshot) ? "" : "This daemon counts nothing (--disable-metrics "
    + "or --disable-observability): only its state and its process are shown.");
  drawAll();
  say(why ? "partial" : "live", why ? "Incomplete" : "Live", why);
};

const lost = () => {
  const last = history.last();
  history.breakAt(Date.now() / 1000);
  say("lost", "Not reachable, retrying", last
    ? `The daemon does not answer; asked again every ${pollSeconds} s. Last answer: `
      + `${clockTime(last.time)}.`
    : `The daemon does not answer; asked again every ${pollSeconds} s.`);
  show();
};

// ---- the token ----

const needToken = (path) => {
  say("token", "Token needed", "");
  at("ask-why").textContent = token
    ? `The token was refused for ${path}.`
    : `${path} is served only to those who know it.`;
  token = null;
  remember("sessionStorage", tokenKey, null);
  history.breakAt(Date.now() / 1000);
  openPrompt();
};

const openPrompt = () => {
  at("token").value = "";
  if (!at("ask").open)
    at("ask").showModal();
};

at("ask-form").addEventListener("submit", () => {
  token = at("token").value.trim();
  at("token").value = "";
  remember("sessionStorage", tokenKey, token);
  at("ask").close();
});
at("later").addEventListener("click", () => at("ask").close());
at("enter").addEventListener("click", openPrompt);
at("ask").addEventListener("close", () => {
  at("enter").hidden = Boolean(token);
  if (token)
    round();
});

// ---- what is seen ----

const say = (state, text, trouble) => {
  const pill = at("state");
  if (pill.dataset.state !== state || pill.textContent !== text) { // else it is read out again
    pill.dataset.state = state;
    pill.textContent = text;
  }
  if (at("trouble").textContent !== trouble)
    at("trouble").textContent = trouble;
  at("trouble").hidden = !trouble;
};

const plots = [];
const sections = groups.map((group, number) => {
  const row = make("div", { class: "row" });
  for (const panel of group.panels) {
    const plot = new Plot(panel, (time) => {
      pointed = time;
      show();
    });
    plots.push({ plot, group });
    row.append(plot.node);
  }
  const heading = make("h2", { id: `group-${number}` }, group.title,
    make("small", {}, group.note));
  const section = make("section", { class: "group", "aria-labelledby": heading.id }, heading, row);
  at("panels").append(section);
  if (!group.absent)
    return { group, row, none: null };
  const [what, why] = group.none;
  const none = make("p", { class: "none" }, make("b", {}, what), why);
  section.append(none);
  return { group, row, none };
});

const boxes = tiles.map((tile) => {
  const big = make("dd", { class: "big" }, "–");
  const more = make("dd", { class: "more" }, space);
  const box = make("div", { class: "tile", "data-tile": tile.id }, make("dt", {}, tile.label), big);
  const bar = make("i");
  if (tile.fill)
    box.append(make("dd", { class: "fill", "aria-hidden": "true" }, bar));
  box.append(more);
  at("tiles").append(box);
  return { tile, big, more, bar };
});

const showTiles = (last) => {
  const index = history.snapshots.lastIndexOf(last);
  for (const { tile, big, more, bar } of boxes) {
    const value = history.valueAt(index, tile);
    big.dataset.raw = value ?? "";
    if (value === null) {
      big.textContent = tile.idle ?? "–";
    } else {
      const [number, unit] = kinds[tile.kind].parts(value);
      big.replaceChildren(number, make("span", { class: "unit" }, unit ? `${space}${unit}` : ""));
    }
    more.textContent = tile.more(last) || space;
    if (tile.fill)
      bar.style.width = `${Math.min(100, 100 * (value ?? 0) / (capacityOf(last) || Infinity))}%`;
  }
};

const showAbout = ({ families, time }) => {
  const up = duration(time - total(families, own.start));
  at("about").textContent = [`v${labelOf(families, own.build, "version")}`,
    `up ${up}`, labelOf(families, own.target, "service_instance_id")].join(" · ");
  document.title = `lmcache-actord · ${location.host}`;
};

// However often the reader points elsewhere, the page is drawn once per frame.
const show = () => {
  if (!drawing)
    drawing = requestAnimationFrame(drawAll);
};

const drawAll = () => {
  drawing = 0;
  const last = history.last();
  if (!last)
    return;
  showTiles(last);
  showAbout(last);
  for (const { group, row, none } of sections) {
    const absent = group.absent?.(last) ?? false;
    row.hidden = absent;
    if (none)
      none.hidden = !absent;
  }
  const end = history.snapshots.at(-1).time;
  for (const { plot, group } of plots)
    if (!group.absent?.(last))
      plot.show(history, end, span, pointed);
};

// ---- what the reader may do ----

at("ranges").addEventListener("change", (event) => {
  span = Number(event.target.value);
  show();
});

// What goes on while nobody looks is not asked for; the plots have a gap there.
const rest = () => {
  ++asking;
  clearTimeout(timer);
  history.breakAt(Date.now() / 1000);
};

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", paused);
  if (paused) {
    rest();
    say("paused", "Paused", "");
  } else {
    round();
  }
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden)
    rest();
  else if (!paused && at("state").dataset.state !== "token")
    round();
});

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const themes = ["auto", "light", "dark"];
let theme = themes.includes(recall("localStorage", themeKey)) ? recall("localStorage", themeKey)
  : "auto";
const applyTheme = () => {
  const dark = theme === "dark" || (theme === "auto" && systemDark.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  at("theme").textContent = `Theme: ${theme}`;
  at("theme").setAttribute("aria-label", `Colour theme: ${theme}`);
};
at("theme").addEventListener("click", () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  remember("localStorage", themeKey, theme);
  applyTheme();
});
systemDark.addEventListener("change", applyTheme);
new ResizeObserver(show).observe(at("panels"));

applyTheme();
round();
