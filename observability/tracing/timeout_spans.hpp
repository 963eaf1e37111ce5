// Requests that were not answered in time.
#pragma once

#include "observability/tracing/span_maker.hpp"

namespace actord {

/// `timeout`, of no length, with its exception (spec observability §5.2).
class timeout_spans final : public span_maker {
public:
  explicit timeout_spans(std::shared_ptr<span_registry> spans);

  void handle(const event& what) override;
};

} // namespace actord
