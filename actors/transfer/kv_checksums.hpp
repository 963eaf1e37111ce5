// MD5 sums of an engine's live KV memory, as the peer's load client compares them.
#pragma once

#include "actors/messages.hpp"
#include "actors/transfer/lmcache_driven.hpp"

#include <memory>
#include <string>

namespace actord {

/// Runs on a copier; read the outcome after it ran (spec cli-http §2.7).
class kv_checksums {
public:
  kv_checksums(std::shared_ptr<const paged_memory> memory, boxed<checksum_order> order);

  void run();

  /// What is wrong, "" when nothing is.
  const std::string& fault() const {
    return fault_;
  }
  checksum_report take() {
    return std::move(report_);
  }

private:
  std::shared_ptr<const paged_memory> memory_;
  boxed<checksum_order> order_;
  checksum_report report_;
  std::string fault_;
};

} // namespace actord
