// Events in, spans out.
#pragma once

#include "observability/tracing/span_maker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord::test {

struct span_fixture {
  explicit span_fixture(span_sampling sampling = {1, true, 0}, span_limits limits = {})
    : spans(std::make_shared<span_registry>(
      directory, sampling, [this](span_record done) { out.push_back(std::move(done)); }, limits)) {
    restart(daemon_span_makers(spans));
  }

  void restart(std::vector<std::unique_ptr<event_subscriber>> makers) {
    uut = std::make_unique<tracing_subscriber>(spans, std::move(makers),
                                               tracing_options{600, [this] { return now_s; }});
  }

  void at(double time_s, event_type type, event_details details = {}, std::string session = "r") {
    now_s = time_s;
    uut->handle({type, time_s, std::move(session), std::move(details)});
  }

  static transfer_details copy(const std::string& key, uint64_t chunks = 0, uint64_t bytes = 0,
                               const std::string& device = "cpu") {
    auto name = std::make_shared<transfer_name>();
    name->device = device;
    name->engine_id = 7;
    name->model_name = "m";
    name->transfer_key = key;
    return {std::move(name), chunks, bytes, std::nullopt, 0};
  }

  const span_record& only(std::string_view name) const {
    const auto same = [&](const span_record& x) { return x.name == name; };
    REQUIRE_MESSAGE(std::ranges::count_if(out, same) == 1, name);
    return *std::ranges::find_if(out, same);
  }
  auto count(std::string_view name) const {
    return std::ranges::count(out, name, &span_record::name);
  }
  bool told(std::string_view name) const {
    return std::ranges::find(out, name, &span_record::name) != out.end();
  }
  std::vector<std::string_view> names() const {
    std::vector<std::string_view> result;
    for (const auto& each : out)
      result.push_back(each.name);
    return result;
  }

  std::shared_ptr<trace_directory> directory
    = std::make_shared<trace_directory>(std::array<uint64_t, 4>{1, 2, 3, 4});
  std::vector<span_record> out;
  double now_s = 0;
  std::shared_ptr<span_registry> spans;
  std::unique_ptr<tracing_subscriber> uut;
};

/// The value of an attribute; a default one when it is missing or of another type.
template <class T>
T value(const span_record& of, std::string_view key) {
  auto found = std::ranges::find(of.attributes, key, &span_attribute::key);
  if (found == of.attributes.end())
    return T{};
  const auto* held = std::get_if<T>(&found->value);
  CHECK_MESSAGE(held, key, " has another type");
  return held ? *held : T{};
}

inline bool has(const span_record& of, std::string_view key) {
  return std::ranges::find(of.attributes, key, &span_attribute::key) != of.attributes.end();
}

} // namespace actord::test
