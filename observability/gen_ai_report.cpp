#include "observability/gen_ai_report.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <string_view>

namespace actord {

namespace {

using nlohmann::json;

constexpr size_t shown_bytes = 60;

/// Reads field by field; the first that is wrong is told.
class push_reader {
public:
  std::variant<gen_ai_report, std::string> read(const json& body) {
    if (!body.is_object())
      return "the body must be a JSON object, such as {\"running\": 3}";
    for (const auto& [name, value] : body.items())
      read_field(name, value);
    if (!fault_.empty())
      return fault_;
    return std::move(report_);
  }

private:
  void read_field(const std::string& name, const json& value) {
    if (name == "kv_cache")
      read_usages(value);
    else if (name == "running")
      report_.running = whole(name, value, 0);
    else if (name == "waiting")
      report_.waiting = whole(name, value, 0);
    else if (name == "max")
      report_.max = whole(name, value, 0);
    else if (name == "delta")
      read_deltas(value);
    else
      wrong("unknown field " + quoted(name) + "; use kv_cache, running, waiting, max or delta");
  }

  void read_usages(const json& value) {
    if (!value.is_object())
      return wrong("kv_cache must be an object of percentages by model");
    if (value.size() > gen_ai_metrics::max_models)
      return wrong("kv_cache names more than " + std::to_string(gen_ai_metrics::max_models)
                   + " models");
    for (const auto& [model, percent] : value.items()) {
      if (model.empty() || model.size() > gen_ai_metrics::max_name_bytes)
        wrong("kv_cache: the name of a model has 1 to "
              + std::to_string(gen_ai_metrics::max_name_bytes) + " bytes");
      else if (!percent.is_number())
        wrong("kv_cache: " + quoted(model) + " must be a number, 0 to 100");
      else
        report_.usages.emplace_back(model, percent.get<double>());
    }
  }

  void read_deltas(const json& value) {
    constexpr auto least = std::numeric_limits<int64_t>::min();
    if (!value.is_object())
      return wrong("delta must be an object with running, waiting or both");
    for (const auto& [name, delta] : value.items()) {
      if (name == "running")
        report_.running_delta = whole("delta.running", delta, least);
      else if (name == "waiting")
        report_.waiting_delta = whole("delta.waiting", delta, least);
      else
        wrong("unknown field " + quoted("delta." + name) + "; use running or waiting");
    }
  }

  int64_t whole(const std::string& name, const json& value, int64_t least) {
    const bool fits = value.is_number_integer()
                      && (!value.is_number_unsigned()
                          || value.get<uint64_t>() <= std::numeric_limits<int64_t>::max());
    if (fits && value.get<int64_t>() >= least)
      return value.get<int64_t>();
    wrong(name + (least == 0 ? " must be a whole number >= 0" : " must be a whole number"));
    return 0;
  }

  static std::string quoted(std::string_view text) {
    return "'" + std::string(text.substr(0, shown_bytes)) + "'";
  }

  void wrong(std::string what) {
    if (fault_.empty())
      fault_ = std::move(what);
  }

  gen_ai_report report_;
  std::string fault_;
};

} // namespace

std::variant<gen_ai_report, std::string> parse_gen_ai_push(const std::string& body) {
  const auto parsed = json::parse(body, nullptr, false);
  if (parsed.is_discarded())
    return "the body is not JSON";
  return push_reader{}.read(parsed);
}

} // namespace actord
