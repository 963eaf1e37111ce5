// Spans on their way to an OTLP receiver.
#pragma once

#include "observability/tracing/span.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

namespace actord {

/// The bounded queue between the span makers and the exporter, two actors. When it is full the
/// oldest span makes room and is counted: whoever looks for a trace looks for a recent one.
class span_outbox {
public:
  struct limits {
    size_t capacity = 2048; // spans, OTEL_BSP_MAX_QUEUE_SIZE
    size_t batch = 512;     // spans that are worth a request, OTEL_BSP_MAX_EXPORT_BATCH_SIZE
  };

  /// @param wake is called with the first span that waits and with each full batch, by `push`
  span_outbox(limits bounds, std::function<void(bool full_batch)> wake);

  void push(span_record span);
  /// At most `most`, oldest first.
  std::vector<span_record> take(size_t most);

  /// The daemon ends: nothing is dropped any more, for what comes is what was open.
  void lift_bound();

  size_t waiting() const;
  uint64_t dropped() const;
  const limits& bounds() const {
    return limits_;
  }

private:
  const limits limits_;
  const std::function<void(bool)> wake_;
  mutable std::mutex mutex_; // guards the rest
  std::deque<span_record> waiting_;
  bool bounded_ = true;
  uint64_t dropped_ = 0;
};

} // namespace actord
