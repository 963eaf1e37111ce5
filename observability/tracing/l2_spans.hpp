// What the stores behind L1 did for a request.
#pragma once

#include "observability/tracing/span_maker.hpp"

namespace actord {

/// One span for each adapter: `l2.lookup` and `l2.load` below the lookup that waits for them, and
/// `l2.store`, a trace of its own, for objects of several requests are copied together (spec
/// observability §10.2, T3).
class l2_spans final : public span_maker {
public:
  explicit l2_spans(std::shared_ptr<span_registry> spans);

  void handle(const event& what) override;

private:
  std::optional<span_context> parent_of(const l2_details& of);
  void looked_up(const event& what);
  void begin(const event& what, std::string_view name);
  void end(const event& what, std::string_view name);
};

} // namespace actord
