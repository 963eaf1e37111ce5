// The calls of an l2_backend as commands to Redis. All of this belongs to the store's thread.
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/resp_command.hpp"
#include "actors/l2/resp_pool.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace actord {

/// How objects are stored.
struct resp_form {
  std::string key_prefix;
  int64_t ttl_s = 0;
  bool cluster = false;
  // The server lets us ask whether keys exist, not how long their values are.
  bool strlen_refused = false;

  std::string name(const object_ref& object) const;
  std::optional<object_key> parse(std::string_view name) const;
  /// A command about one key.
  resp_command about(std::string_view verb, const std::string& name) const;
};

/// One call for a batch: a command per object.
class resp_task final : public resp_sink, public std::enable_shared_from_this<resp_task> {
public:
  enum class kind : uint8_t { probe, load, store, erase };

  resp_task(kind what, l2_batch batch, l2_backend::done answer, resp_time limit);

  /// Gives its commands to the pool.
  /// @param form outlives the task
  void start(resp_pool& pool, resp_form& form);
  /// Whether it has answered.
  bool over() const noexcept {
    return over_;
  }
  resp_time limit() const noexcept {
    return limit_;
  }

  bool answered(resp_command& command, resp_reply& reply, const std::string& from) override;
  void failed(resp_command& command, const std::string& why) override;

private:
  resp_command command_for(size_t item) const;
  bool judge_probe(resp_command& command, const resp_reply& reply, const std::string& from);
  bool judge_load(const resp_command& command, const resp_reply& reply, const std::string& from);
  bool judge_store(const resp_command& command, const resp_reply& reply, const std::string& from);
  bool judge_erase(const resp_command& command, const resp_reply& reply, const std::string& from);
  void refused(size_t item, const resp_reply& reply, const std::string& from);
  void settle(size_t item, l2_result result, uint64_t stored_bytes = 0);
  void finish();

  kind what_;
  l2_batch batch_;
  l2_backend::done answer_;
  resp_time limit_;
  resp_pool* pool_ = nullptr;
  resp_form* form_ = nullptr;
  l2_report report_;
  size_t left_ = 0;
  bool over_ = false;
};

/// SCAN of every node, with STRLEN of what it finds.
class resp_scan final : public resp_sink, public std::enable_shared_from_this<resp_scan> {
public:
  resp_scan(resp_pool& pool, const resp_form& form, l2_backend::page more);

  void start();
  bool answered(resp_command& command, resp_reply& reply, const std::string& from) override;
  void failed(resp_command& command, const std::string& why) override;

private:
  void next_page();
  void next_node();
  bool take_names(const resp_reply& reply);
  void sized();

  resp_pool& pool_;
  const resp_form& form_;
  l2_backend::page more_;
  std::vector<network_node> nodes_; // to be scanned
  std::string cursor_;
  uint64_t pages_ = 0;
  std::vector<object_key> found_; // names of this page
  std::vector<l2_found> page_;
  size_t left_ = 0; // lengths that are asked for
};

} // namespace actord
