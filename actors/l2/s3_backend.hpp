// The store behind type s3: one object per name in a bucket (spec l2-adapters §5, §7.3).
#pragma once

#include "actors/l2/aws_keyring.hpp"
#include "actors/l2/backend.hpp"
#include "actors/l2/s3_pieces.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace actord {

struct s3_backend_limits {
  int64_t store_ms = 30'000, load_ms = 30'000, lookup_ms = 10'000; // of a batch
  uint32_t listed_at_a_time = 1'000;                               // what S3 gives at most
};

/// Bytes go between the network and the batch's memory on the client's thread; `done` is called
/// there too. An object that is there already is written again, as the peer does: that heals one
/// of another length. Each has metadata that tells what its bytes are: what differs on a load is
/// corrupt and removed; objects without it, the peer's, are served unverified. Against somebody who
/// means it nothing but a TLS connection protects bytes on their way (UNSIGNED-PAYLOAD, as the
/// peer).
class s3_backend final : public l2_backend {
public:
  s3_backend(s3_l2_options options, s3_backend_limits limits, aws_world world);
  /// Ends what is under way: it is answered as failed.
  ~s3_backend() override;

  std::string open() override;
  void probe(l2_batch batch, done answer) override;
  void load(l2_batch batch, done answer) override;
  void store(l2_batch batch, done answer) override;
  void erase(l2_batch batch, done answer) override;
  void scan(page more) override;
  std::vector<std::pair<std::string, std::string>> status() const override;

private:
  enum class kind : uint8_t { probe, load, store, erase };
  class batch_run;

  void run(l2_batch batch, done answer, kind what);
  void start(kind what, const l2_item& item, s3_object object, std::function<void(s3_answer)> over);
  void loaded(const l2_item& item, const std::string& path, s3_answer answer,
              const std::function<void(s3_answer)>& over);
  void list(page more, std::string token);
  void listed(const page& more, const std::string& token, const s3_answer& answer);
  void note_error(std::string text);
  /// `s3 bucket 'b': ` and what an answer says.
  std::string told(const s3_answer& answer) const;

  const s3_l2_options options_;
  const s3_backend_limits limits_;
  const std::string bucket_;
  std::shared_ptr<aws_keyring> keyring_;
  mutable std::mutex mutex_;
  std::string last_error_;               // under mutex_
  std::atomic<uint64_t> unverified_ = 0; // loaded objects without a mark
  s3_client client_;                     // last: its thread uses the rest
};

/// Where the bucket of these options is.
s3_place place_of(const s3_l2_options& options);

/// @param options of type s3
std::unique_ptr<l2_backend>
make_s3_backend(const l2_adapter_options& options, uint32_t listed_at_a_time = 1'000);

} // namespace actord
