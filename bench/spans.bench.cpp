// What a traced request costs beside the request: its events become spans, its spans bytes.
#include "observability/otlp/encode_spans.hpp"
#include "observability/tracing/span_maker.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

using namespace actord;

namespace {

constexpr int requests_per_batch = 100;

/// The events of a request with a lookup, a retrieve and a store, as the daemon publishes them.
void append_request(std::vector<event>& to, int number) {
  const auto session = "cmpl-0a1b2c3d4e5f-" + std::to_string(number);
  auto add = [&](event_type type, event_details details = {}) {
    to.push_back({type, 1e9 + static_cast<double>(to.size()) / 1e4, session, std::move(details)});
  };
  auto copy = [&](const char* key) {
    auto name = std::make_shared<transfer_name>();
    name->device = "cpu";
    name->engine_id = 123456789;
    name->model_name = "meta-llama/Llama-3.1-8B";
    name->transfer_key = session + key;
    return transfer_details{std::move(name), 32, 1 << 26, 8192, 0.01};
  };
  using enum event_type;
  add(mp_request_start, request_details{});
  add(mp_lookup_prefetch_start);
  lookup_result_details found;
  found.model_name = "meta-llama/Llama-3.1-8B";
  found.requested_tokens = found.hit_tokens = found.l1_hit_tokens = 8192;
  add(mp_lookup_prefetch_end, found);
  const auto retrieve = copy("#1"), store = copy("#2");
  for (auto type : {mp_retrieve_submitted, mp_retrieve_start, mp_retrieve_end})
    add(type, retrieve);
  for (auto type : {mp_store_submitted, mp_store_start, mp_store_end})
    add(type, store);
  add(mp_request_end);
}

std::vector<event> events_of_batch() {
  std::vector<event> result;
  for (int i = 0; i < requests_per_batch; ++i)
    append_request(result, i);
  return result;
}

struct tracer {
  explicit tracer(double rate) {
    const auto directory = std::make_shared<trace_directory>(std::array<uint64_t, 4>{1, 2, 3, 4});
    spans = std::make_shared<span_registry>(directory, span_sampling{rate, true, 1'000'000'000},
                                            [this](span_record done) {
                                              out.push_back(std::move(done));
                                            });
    uut = std::make_unique<tracing_subscriber>(spans, daemon_span_makers(spans),
                                               tracing_options{600, [] { return 0.0; }});
  }
  std::vector<span_record> out;
  std::shared_ptr<span_registry> spans;
  std::unique_ptr<tracing_subscriber> uut;
};

void count(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * requests_per_batch);
}

void make_spans(benchmark::State& state) {
  tracer of{state.range(0) / 100.0};
  const auto events = events_of_batch();
  for (auto _ : state) {
    for (const auto& each : events)
      of.uut->handle(each);
    of.out.clear();
  }
  count(state);
}
BENCHMARK(make_spans)->Arg(100)->Arg(1);

void encode_spans(benchmark::State& state) {
  tracer of{1};
  for (const auto& each : events_of_batch())
    of.uut->handle(each);
  const resource_attributes resource = {{"service.name", "lmcache-mp"}};
  for (auto _ : state)
    benchmark::DoNotOptimize(otlp::encode_spans(of.out, resource, 512));
  count(state);
}
BENCHMARK(encode_spans);

} // namespace
