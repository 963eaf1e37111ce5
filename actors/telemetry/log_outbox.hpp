// Log records on their way to an OTLP receiver.
#pragma once

#include "observability/otlp/encode_logs.hpp"
#include "runtime/bounded_inbox.hpp"

#include <spdlog/sinks/sink.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace actord {

/// A sink of the daemon's logger. Whoever logs never waits: what finds no place is dropped and
/// counted, a long text is cut. Any thread logs, one at a time takes.
class log_outbox final : public spdlog::sinks::sink {
public:
  static constexpr size_t capacity = 2048;         // records
  static constexpr size_t text_limit_bytes = 4096; // of each
  static constexpr size_t batch = 512;             // records that are worth a request

  /// @param wake is called with the first record that waits and with each full batch, on the thread
  ///   that logs
  explicit log_outbox(std::function<void(bool full_batch)> wake) : wake_(std::move(wake)) {
  }

  /// Everything that waits, oldest first.
  std::vector<otlp::log_record> take();

  runtime::inbox_counts counts() const {
    return inbox_.counts();
  }

  /// Every later record is dropped.
  void close() {
    inbox_.close();
  }

  /// What this thread logs from now on does not go out: records about the export cause others.
  static void mute_this_thread();

  void log(const spdlog::details::log_msg& record) override;
  void flush() override {
  }
  void set_pattern(const std::string&) override {
  }
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {
  }

private:
  runtime::bounded_inbox<otlp::log_record> inbox_{capacity};
  const std::function<void(bool)> wake_;
};

} // namespace actord
