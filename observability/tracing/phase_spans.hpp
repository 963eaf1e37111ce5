// What a copy on a GPU spent its time on.
#pragma once

#include "observability/tracing/span_maker.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace actord {

/// `transfer.staging` and `transfer.kernel_interval` below their copy (spec observability §5.5): a
/// stacked breakdown, no timeline. Comes after `request_spans`, whose spans it looks for.
class phase_spans final : public span_maker {
public:
  static constexpr size_t max_copies = 8192; // that are timed at once, about 300 bytes each

  explicit phase_spans(std::shared_ptr<span_registry> spans);

  void handle(const event& what) override;
  /// Emits what there is.
  void shut_down() override;

private:
  struct phase {
    uint64_t steps = 0;
    int64_t bytes = 0, device_index = 0;
    double elapsed_s = 0, first_s = 0, last_s = 0;
  };
  struct copy {
    std::string session;
    span_context parent;
    phase_sample::way direction{};
    double began_s = 0;
    bool ended = false;
    std::map<phase_sample::kind, phase> phases;
  };

  void begin(const event& what);
  void fold(const event& what);
  void emit(const copy& of);

  bounded_table<std::string, copy> copies_{max_copies};
};

} // namespace actord
