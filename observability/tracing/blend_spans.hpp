// A blended request and its steps.
#pragma once

#include "observability/tracing/span_maker.hpp"

namespace actord {

/// `cb.request` and what lies below it (spec observability §5.2, §5.6). Its root is open until the
/// request has ended and no retrieve of it is under way.
class blend_spans final : public span_maker {
public:
  explicit blend_spans(std::shared_ptr<span_registry> spans);

  void handle(const event& what) override;

private:
  void begin_request(const event& what);
  void end_request(const event& what);
  void close_if_over(const event& what);
  void begin_step(const event& what, size_t step);
  void end_step(const event& what, size_t step);
  void tell_moment(const event& what, std::string_view name);
};

} // namespace actord
