// A request and its lookup, stores and retrieves.
#pragma once

#include "observability/tracing/span_maker.hpp"

namespace actord {

/// `request`, `mp.lookup_prefetch`, `mp.store`, `mp.retrieve` (spec observability §5.2, §5.4). A
/// root is open from whatever comes first until the session has ended and its last copy is over.
class request_spans final : public span_maker {
public:
  explicit request_spans(std::shared_ptr<span_registry> spans);

  void handle(const event& what) override;

private:
  open_span* root_of(const event& what);
  void begin_request(const event& what);
  void begin_lookup(const event& what);
  void end_lookup(const event& what);
  void submit(const event& what, size_t kind);
  void begin_copy(const event& what, std::string_view name);
  void end_copy(const event& what, std::string_view name, size_t kind);
  void end_request(const event& what);
  void close_if_over(const event& what);
};

/// Tells the copies of a session apart: by their key, or by the device when there is none.
uint64_t copy_sequence(const transfer_name& of);

} // namespace actord
