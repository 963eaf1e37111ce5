// What is shown: tiles, and groups of panels. Every family and field that the page reads is named
// here.

const tokens = { asked: "lmcache_mp_lookup_requested_tokens_total",
  found: "lmcache_mp_lookup_hit_tokens_total", lookups: "lmcache_mp_lookups_requests_total" };
const l1 = { used: "lmcache_mp_l1_memory_usage_bytes", staging: "lmcache_mp_l1_staging_bytes",
  capacity: "lmcache_mp_l1_capacity_bytes", written: "lmcache_mp_l1_write_chunks_total",
  read: "lmcache_mp_l1_read_chunks_total", evicted: "lmcache_mp_l1_evicted_chunks_total",
  refused: "lmcache_mp_l1_allocation_failure_chunks_total",
  unread: "lmcache_mp_l1_read_failure_chunks_total" };
const moved = { store: "lmcache_mp_l0_l1_store_throughput_GB_per_second",
  load: "lmcache_mp_l0_l1_load_throughput_GB_per_second",
  stores: "lmcache_mp_num_finished_stores_total",
  retrieves: "lmcache_mp_num_finished_retrieves_total",
  begunStores: "lmcache_mp_num_submitted_stores_total",
  begunRetrieves: "lmcache_mp_num_submitted_retrieves_total" };
const l2 = { used: "lmcache_mp_l2_usage_bytes", capacity: "lmcache_mp_l2_capacity_bytes",
  store: "lmcache_mp_l2_store_throughput_GB_per_second",
  load: "lmcache_mp_l2_load_throughput_GB_per_second",
  stores: "lmcache_mp_num_inflight_l2_stores", loads: "lmcache_mp_num_inflight_l2_loads",
  failed: "lmcache_mp_l2_prefetch_failure_chunks_total" };
const bus = { depth: "lmcache_mp_event_bus_queue_depth",
  lag: "lmcache_mp_event_bus_drain_lag_seconds",
  dropped: "lmcache_mp_event_bus_dropped_events_total",
  thrown: "lmcache_mp_event_bus_subscriber_exceptions_total" };
const own = { cpu: "process_cpu_seconds_total", memory: "process_resident_memory_bytes",
  start: "process_start_time_seconds", build: "lmcache_build_info", target: "target_info" };

// How a daemon spells them that shows only the names of the first release.
const olderNames = {
  [l1.written]: "lmcache_mp_l1_write_keys_total", [l1.read]: "lmcache_mp_l1_read_keys_total",
  [l1.evicted]: "lmcache_mp_l1_evicted_keys_total",
  [l1.refused]: "lmcache_mp_l1_allocation_failure_total",
  [l1.unread]: "lmcache_mp_l1_read_failure_total",
  [l2.failed]: "lmcache_mp_l2_prefetch_failure_total",
};
for (const name of [moved.store, moved.load, l2.store, l2.load])
  for (const part of ["sum", "count"])
    olderNames[`${name}_${part}`] = `${name.replace("GB_per_second", "gbs")}_${part}`;
const withNewNames = (families) => {
  for (const [name, older] of Object.entries(olderNames))
    if (!families.has(name) && families.has(older))
      families.set(name, families.get(older));
  return families;
};

const histogram = (name) => [`${name}_sum`, `${name}_count`];
const wanted = [tokens, l1, l2, bus, own, moved, olderNames].flatMap(Object.values)
  .flatMap((name) => (name.endsWith("per_second") ? histogram(name) : [name]));
// Only these families are asked for: a daemon may have many more.
const metricsPath = `/metrics?${wanted.map((name) => `name[]=${name}`).join("&")}`;

const manager = (status) => status.storage_manager?.l1_manager;
const eviction = (status) => status.storage_manager?.l1_eviction_controller;
const gateway = (status) => status.zmq_gateway;
const lookups = (status) => status.active_prefetch_jobs;
// Mean speed of the copies that ended; each copy weighs the same.
const speed = (name) => ratio(...histogram(name), 1);
const underWay = ({ snapshots }, index) => {
  const of = (name) => total(snapshots[index].families, name) ?? 0;
  return counts(snapshots[index]) ? Math.max(0, of(moved.begunStores) - of(moved.stores)
    + of(moved.begunRetrieves) - of(moved.retrieves)) : null;
};
const capacityOf = (snapshot) => total(snapshot.families, l1.capacity)
  || (manager(snapshot.status ?? {})?.memory_total_bytes ?? null);
const limit = (read) => (history) => read(history.last());

// A counter with labels is not there before its first event; then it stands at 0, unless the daemon
// counts nothing at all.
const counts = (snapshot) => total(snapshot.families, l1.evicted) !== null;
const flow = (...names) => (history, index) => rate(...names)(history, index)
  ?? (counts(history.snapshots[index]) && history.before(index, pollSeconds) ? 0 : null);
const count = (snapshot, name) => shown("count",
  snapshot && counts(snapshot) ? (total(snapshot.families, name) ?? 0) : null);
const inAll = (...parts) => (snapshot) => "Since start: "
  + parts.map(([name, what]) => `${count(snapshot, name)} ${what}`).join(", ");

// id, title, kind of the values (metrics.js), series; limits are lines across, sum is the text
// below.
const groups = [
  { title: "Memory", note: "L1, the pool that engines share", panels: [
    { id: "l1", title: "L1 in use", kind: "bytes",
      series: [{ name: "held", value: gauge(l1.used) },
        { name: "being written", value: gauge(l1.staging) }],
      limits: [{ name: "capacity", value: limit((one) => capacityOf(one)) }],
      sum: (one) => {
        const at = one?.status && eviction(one.status)?.trigger_watermark;
        return at ? `Eviction starts at ${digits(100 * at)}${space}% of the capacity` : "";
      } },
    { id: "chunks", title: "Chunks in L1", kind: "count",
      series: [{ name: "held", value: fromStatus((s) => manager(s)?.total_object_count) },
        { name: "being read", value: fromStatus((s) => manager(s)?.read_locked_count) },
        { name: "being written", value: fromStatus((s) => manager(s)?.write_locked_count) }],
      sum: (one) => `Policy: ${(one?.status && eviction(one.status)?.eviction_policy) ?? "–"}` },
    { id: "evictions", title: "Evictions", kind: "rate",
      series: [{ name: "chunks evicted", value: flow(l1.evicted) },
        { name: "refused for want of room", value: flow(l1.refused, l1.unread) }],
      sum: inAll([l1.evicted, "evicted"], [l1.refused, "refused"]) },
  ] },
  { title: "Lookups", note: "what engines ask for, and how much of it is there", panels: [
    { id: "hits", title: "Hit rate", kind: "percent",
      series: [{ name: "tokens found, last 10 s", value: ratio(tokens.found, tokens.asked, 100) }],
      sum: (one) => {
        const asked = one && total(one.families, tokens.asked);
        return `Since start: ${asked ? shown("percent",
          100 * (total(one.families, tokens.found) ?? 0) / asked) : "–"}`;
      } },
    { id: "tokens", title: "Tokens", kind: "rate",
      series: [{ name: "looked up", value: flow(tokens.asked) },
        { name: "found", value: flow(tokens.found) }],
      sum: inAll([tokens.asked, "looked up"], [tokens.found, "found"]) },
    { id: "sessions", title: "Sessions and lookups", kind: "count",
      series: [{ name: "sessions", value: fromStatus((status) => status.active_sessions) },
        { name: "lookups under way", value: fromStatus(lookups) }],
      sum: inAll([tokens.lookups, "lookups"]) },
  ] },
  { title: "Transfers", note: "between engines and L1", panels: [
    { id: "moved", title: "Chunks moved", kind: "rate",
      series: [{ name: "stored", value: flow(l1.written) },
        { name: "retrieved", value: flow(l1.read) }],
      sum: inAll([l1.written, "stored"], [l1.read, "retrieved"]) },
    { id: "speed", title: "Speed of copies", kind: "speed", bare: true,
      series: [{ name: "store", value: speed(moved.store) },
        { name: "retrieve", value: speed(moved.load) }],
      sum: () => "Mean over the copies of the last 10 s" },
    { id: "copies", title: "Stores and retrieves", kind: "rate",
      series: [{ name: "stores", value: flow(moved.stores) },
        { name: "retrieves", value: flow(moved.retrieves) },
        { name: "under way", kind: "count", value: underWay }],
      sum: inAll([moved.stores, "stores"], [moved.retrieves, "retrieves"]) },
  ] },
  { title: "L2", note: "stores behind L1",
    absent: (one) => total(one.families, l2.used) === null
      && !(one.status?.storage_manager?.num_l2_adapters > 0),
    none: ["No L2 configured", "What leaves L1 is gone. Plots appear here once the daemon has an "
      + "L2 adapter."],
    panels: [
      { id: "l2", title: "L2 in use", kind: "bytes",
        series: [{ name: "held", value: gauge(l2.used) }],
        limits: [{ name: "capacity",
          value: limit((one) => total(one.families, l2.capacity) || null) }] },
      { id: "l2-speed", title: "Speed of L2", kind: "speed", bare: true,
        series: [{ name: "store", value: speed(l2.store) },
          { name: "load", value: speed(l2.load) }] },
      { id: "l2-tasks", title: "Tasks of L2", kind: "count",
        series: [{ name: "stores", value: gauge(l2.stores) },
          { name: "loads", value: gauge(l2.loads) }],
        sum: inAll([l2.failed, "chunks that could not be loaded"]) },
    ] },
  { title: "Event bus", note: "carries what happened to metrics and logs",
    absent: (one) => total(one.families, bus.depth) === null,
    none: ["No event bus", "This daemon runs without one (as with --disable-observability)."],
    panels: [
      { id: "bus", title: "Queue", kind: "count",
        series: [{ name: "events waiting", value: gauge(bus.depth) }] },
      { id: "bus-loss", title: "Losses", kind: "rate",
        series: [{ name: "events dropped", value: flow(bus.dropped) },
          { name: "subscriber exceptions", value: flow(bus.thrown) }],
        sum: inAll([bus.dropped, "dropped"], [bus.thrown, "exceptions"]) },
      { id: "bus-lag", title: "Age of events when handed on", kind: "seconds",
        series: [{ name: "lag", value: gauge(bus.lag) }] },
    ] },
  { title: "Daemon", note: "the process itself", panels: [
    { id: "requests", title: "Requests", kind: "rate",
      series: [{ name: "taken", value: statusRate((s) => gateway(s)?.requests) },
        { name: "refused or malformed",
          value: statusRate((s) => gateway(s)?.refused + gateway(s)?.malformed) }],
      sum: (one) => `Connected clients: ${(one?.status && gateway(one.status)?.clients.length)
        ?? "–"}` },
    { id: "cpu", title: "Processor", kind: "cpu",
      series: [{ name: "of one core", value: (history, index) => {
        const cores = rate(own.cpu)(history, index);
        return cores === null ? null : cores * 100;
      } }] },
    { id: "memory", title: "Resident memory", kind: "bytes",
      series: [{ name: "touched L1 included", value: gauge(own.memory) }] },
  ] },
];

// label, value (history, index) as of a series, kind, and the text below.
const tiles = [
  { id: "used", label: "L1 in use", kind: "bytes", value: gauge(l1.used), fill: true,
    more: (one) => {
      const capacity = capacityOf(one);
      return capacity ? `${shown("percent", 100 * total(one.families, l1.used) / capacity)} of `
        + `${shown("bytes", capacity)}` : "";
    } },
  { id: "hits", label: "Hit rate", kind: "percent", value: ratio(tokens.found, tokens.asked, 100),
    idle: "idle", more: () => "of the tokens looked up, last 10 s" },
  { id: "tokens", label: "Tokens looked up", kind: "rate", value: flow(tokens.asked),
    more: (one) => `${count(one, tokens.asked)} since start` },
  { id: "moved", label: "Chunks moved", kind: "rate", value: flow(l1.written, l1.read),
    more: (one) => `${count(one, l1.written)} stored, ${count(one, l1.read)} retrieved` },
  { id: "sessions", label: "Sessions", kind: "count",
    value: fromStatus((status) => status.active_sessions),
    more: (one) => `${shown("count", one.status && lookups(one.status))} lookups under way` },
  { id: "evicted", label: "Chunks evicted", kind: "rate", value: flow(l1.evicted),
    more: (one) => `${count(one, l1.evicted)} since start` },
];
