#include "actors/gateway/wire/decode.hpp"

#include "actors/gateway/wire/coerce.hpp"
#include "actors/gateway/wire/decode_descriptor.hpp"
#include "actors/gateway/wire/decode_key.hpp"
#include "actors/gateway/wire/decode_registration.hpp"
#include "actors/gateway/wire/msgpack_reader.hpp"
#include "actors/gateway/wire/record.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace actord::wire {

namespace {

constexpr int64_t max_events_per_item = 1024;

using frames = std::span<const std::span<const std::byte>>;

/// Takes the payload frames one by one and keeps the first error.
class payload_reader {
public:
  explicit payload_reader(frames payloads) : payloads_(payloads) {
  }

  /// Reads the next frame, which must hold exactly one value, with `read`.
  template <class Read>
  auto take(std::string_view name, Read&& read) {
    msgpack_reader in(error_.empty() ? payloads_[next_] : std::span<const std::byte>{});
    ++next_;
    auto result = read(in);
    in.expect_end();
    if (error_.empty() && !in.ok()) {
      error_ = std::string(name) + ": " + in.error();
    }
    return result;
  }

  int64_t integer(std::string_view name) {
    return take(name, coerce_int);
  }

  std::string text(std::string_view name) {
    return take(name, [](msgpack_reader& in) { return std::string(in.read_str()); });
  }

  std::string bytes(std::string_view name) {
    return take(name, [](msgpack_reader& in) {
      const auto body = in.read_bin();
      return std::string(reinterpret_cast<const char*>(body.data()), body.size());
    });
  }

  cache_key key() {
    return take("key", read_cache_key);
  }

  std::string take_error() noexcept {
    return std::move(error_);
  }

private:
  frames payloads_;
  size_t next_ = 0;
  std::string error_;
};

double read_timeout(msgpack_reader& in) {
  constexpr double longest_s = 86400;
  const double value = in.read_double();
  if (in.ok() && std::isnan(value)) {
    in.fail("not a number");
  }
  return in.ok() ? std::clamp(value, 0.0, longest_s) : 0;
}

template <int64_t Least, int64_t Most>
int64_t read_int_in(msgpack_reader& in) {
  const int64_t value = coerce_int(in);
  if (in.ok() && (value < Least || value > Most)) {
    in.fail(std::to_string(value) + " is outside " + std::to_string(Least) + ".."
            + std::to_string(Most));
  }
  return value;
}

request read_register_kv_cache(payload_reader& in) {
  register_kv_cache result;
  result.instance_id = in.integer("instance_id");
  result.kv_cache = in.take("kv_cache", read_kv_cache_list);
  result.model_name = in.take("model_name", read_model_name);
  result.world_size = in.take("world_size", [](msgpack_reader& frame) {
    return checked_world_size(frame, coerce_int(frame));
  });
  result.engine_type = in.take("engine_type", read_engine_type);
  result.hints = in.take("layout_hints", read_layout_hints);
  result.groups = in.take("engine_group_infos", read_engine_groups);
  return result;
}

request read_store(payload_reader& in) {
  store result;
  result.key = in.key();
  result.instance_id = in.integer("instance_id");
  result.blocks = in.take("block_ids", read_block_lists);
  result.event_handle = in.bytes("event_ipc_handle");
  return result;
}

request read_retrieve(payload_reader& in) {
  retrieve result;
  result.key = in.key();
  result.instance_id = in.integer("instance_id");
  result.blocks = in.take("block_ids", read_block_lists);
  result.event_handle = in.bytes("event_ipc_handle");
  result.skip_first_n_tokens
    = in.take("skip_first_n_tokens", read_int_in<0, std::numeric_limits<int64_t>::max()>);
  return result;
}

/// Key and tp_size, which means nothing to the server but must be an int.
template <class Request>
request read_key_request(payload_reader& in) {
  Request result;
  result.key = in.key();
  in.integer("tp_size");
  return result;
}

/// Key and instance: the two-phase operations.
template <class Request>
Request read_instance_request(payload_reader& in) {
  Request result;
  result.key = in.key();
  result.instance_id = in.integer("instance_id");
  return result;
}

request read_commit_store(payload_reader& in) {
  auto result = read_instance_request<commit_store>(in);
  result.data = in.bytes("data");
  return result;
}

request read_wait_prefetch_status(payload_reader& in) {
  wait_prefetch_status result;
  result.request_id = in.text("request_id");
  result.timeout_s = in.take("timeout", read_timeout);
  return result;
}

request read_report_block_allocation(payload_reader& in) {
  report_block_allocation result;
  result.instance_id = in.integer("instance_id");
  result.model_name = in.text("model_name");
  result.records = in.take("records", read_block_allocations);
  return result;
}

request read_subscribe(payload_reader& in) {
  subscribe_kv_events result;
  result.instance_id = in.integer("instance_id");
  result.model_name = in.text("model_name");
  result.cursor = in.take("cursor", read_int_in<0, std::numeric_limits<int64_t>::max()>);
  result.max_events = in.take("max_events", read_int_in<1, max_events_per_item>);
  return result;
}

/// Reads any served operation. @pre as many frames as the table says
request read_request(operation op, payload_reader& in) {
  switch (op) {
    case operation::register_kv_cache: return read_register_kv_cache(in);
    case operation::unregister_kv_cache: return unregister{in.integer("instance_id"), false};
    case operation::unregister_engine_driven: return unregister{in.integer("instance_id"), true};
    case operation::register_engine_driven: return in.take("payload", read_register_engine_driven);
    case operation::store: return read_store(in);
    case operation::retrieve: return read_retrieve(in);
    case operation::lookup: return read_key_request<lookup>(in);
    case operation::free_lookup_locks: return read_key_request<free_lookup_locks>(in);
    case operation::query_prefetch_status: return query_prefetch_status{in.text("request_id")};
    case operation::wait_prefetch_status: return read_wait_prefetch_status(in);
    case operation::end_session: return end_session{in.text("request_id")};
    case operation::prepare_store: return read_instance_request<prepare_store>(in);
    case operation::commit_store: return read_commit_store(in);
    case operation::prepare_retrieve: return read_instance_request<prepare_retrieve>(in);
    case operation::commit_retrieve: return read_instance_request<commit_retrieve>(in);
    case operation::clear: return clear{in.take("force", coerce_bool)};
    case operation::get_chunk_size: return get_chunk_size{};
    case operation::ping: return ping{in.take("instance_id", read_optional_int)};
    case operation::noop: return noop{};
    case operation::report_block_allocation: return read_report_block_allocation(in);
    case operation::get_experimental: return get_experimental{};
    case operation::subscribe_kv_events: return read_subscribe(in);
    default: return noop{}; // not reached: decode_request asks the table first
  }
}

/// Which payload frame holds the instance id; the engine-driven registration
/// has it in a record.
std::optional<size_t> instance_frame(operation op) noexcept {
  switch (op) {
    case operation::store:
    case operation::retrieve:
    case operation::prepare_store:
    case operation::commit_store:
    case operation::prepare_retrieve:
    case operation::commit_retrieve: return 1;
    case operation::register_kv_cache:
    case operation::unregister_kv_cache:
    case operation::unregister_engine_driven:
    case operation::report_block_allocation:
    case operation::subscribe_kv_events: return 0;
    default: return std::nullopt;
  }
}

void salvage_key(frames payloads, decode_error& error) {
  msgpack_reader in(payloads[0]);
  cache_key key = read_cache_key(in);
  in.expect_end();
  if (in.ok()) {
    error.request_id = key.request_id;
    error.key = std::move(key);
  } else {
    error.request_id = salvage_request_id(msgpack_reader(payloads[0]));
  }
}

/// Reads whose request it was, with the other frames left alone.
void salvage(operation op, frames payloads, decode_error& error) {
  if (const auto index = instance_frame(op); index && *index < payloads.size()) {
    msgpack_reader in(payloads[*index]);
    const int64_t instance_id = coerce_int(in);
    in.expect_end();
    error.instance_id = in.ok() ? std::optional(instance_id) : std::nullopt;
  }
  if (payloads.empty()) {
    return;
  }
  const bool by_key = instance_frame(op) == size_t{1} || op == operation::lookup
                      || op == operation::free_lookup_locks;
  const bool by_name = op == operation::wait_prefetch_status || op == operation::end_session
                       || op == operation::query_prefetch_status;
  if (by_key) {
    salvage_key(payloads, error);
  } else if (by_name) {
    msgpack_reader in(payloads[0]);
    const std::string_view name = in.read_str();
    error.request_id = in.ok() ? std::optional<std::string>(name) : std::nullopt;
  }
}

} // namespace

std::variant<request, decode_error>
decode_request(operation op, std::span<const std::span<const std::byte>> payload_frames) {
  const operation_info& row = info(op);
  decode_error error;
  error.reason = std::string(row.name) + ": ";
  if (!row.served) {
    error.reason += "this server does not carry out the operation";
    return error;
  }
  if (payload_frames.size() != row.payloads) {
    error.reason += std::to_string(payload_frames.size()) + " payload frames, expected "
                    + std::to_string(row.payloads);
    salvage(op, payload_frames, error);
    return error;
  }
  payload_reader in(payload_frames);
  request result = read_request(op, in);
  const std::string reason = in.take_error();
  if (reason.empty()) {
    return result;
  }
  error.reason += reason;
  salvage(op, payload_frames, error);
  return error;
}

} // namespace actord::wire
