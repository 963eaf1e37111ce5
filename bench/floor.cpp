// The floor of the benchmarks: what a one-thread ROUTER costs that decodes the messages of the wire
// protocol, hashes their tokens and answers in the right form, without keeping any state.
// Usage: floor PORT CHUNK_TOKENS [RESOLVED_CHUNKS]      every status query says RESOLVED_CHUNKS.
#define MSGPACK_NO_BOOST
#include <msgpack.hpp>

#include <blake3.h>
#include <zmq.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

enum operation : uint64_t {
  op_store = 6,
  op_retrieve = 7,
  op_lookup = 8,
  op_query_status = 9,
  op_end_session = 13,
  op_register_engine_driven = 14,
  op_prepare_store = 16,
  op_commit_store = 17,
  op_prepare_retrieve = 18,
  op_commit_retrieve = 19,
  op_get_chunk_size = 21,
  op_ping = 22,
  op_noop = 24,
};

/// What the floor needs of a cache key; the buffers are kept from message to message.
struct cache_key {
  std::vector<uint32_t> tokens;
  uint64_t start = 0;
  uint64_t end = 0;
};

/// Collects a cache key from its map, one callback per value.
class key_visitor : public msgpack::null_visitor {
public:
  explicit key_visitor(cache_key& key) : key_(key) {
    key_.tokens.clear();
  }

  bool visit_positive_integer(uint64_t value) {
    if (field_ == field::tokens && depth_ == 2)
      key_.tokens.push_back(static_cast<uint32_t>(value));
    else if (field_ == field::start)
      key_.start = value;
    else if (field_ == field::end)
      key_.end = value;
    return true;
  }

  bool visit_str(const char* text, uint32_t size) {
    if (!in_key_ || depth_ != 1)
      return true;
    std::string_view name{text, size};
    field_ = name == "token_ids" ? field::tokens
             : name == "start"   ? field::start
             : name == "end"     ? field::end
                                 : field::other;
    return true;
  }

  bool start_array(uint32_t count) {
    ++depth_;
    if (field_ == field::tokens)
      key_.tokens.reserve(count < max_reserve ? count : max_reserve);
    return true;
  }

  bool end_array() {
    --depth_;
    return true;
  }

  bool start_map(uint32_t) {
    ++depth_;
    return true;
  }

  bool end_map() {
    --depth_;
    return true;
  }

  bool start_map_key() {
    in_key_ = true;
    return true;
  }

  bool end_map_key() {
    in_key_ = false;
    return true;
  }

  void parse_error(size_t, size_t) {
    failed = true;
  }

  void insufficient_bytes(size_t, size_t) {
    failed = true;
  }

  bool failed = false;

private:
  static constexpr uint32_t max_reserve = 1u << 20;
  enum class field : uint8_t { other, tokens, start, end };
  cache_key& key_;
  field field_ = field::other;
  int depth_ = 0;
  bool in_key_ = false;
};

/// The chain of chunk hashes: every hash over its predecessor and the chunk's big-endian tokens.
class chain {
public:
  explicit chain(uint32_t chunk_tokens) : chunk_tokens_(chunk_tokens), bytes_(4 * chunk_tokens) {
    std::array<uint8_t, 12> seed{};
    hash(seed.data(), seed.size(), none_);
  }

  void run(const std::vector<uint32_t>& tokens, size_t limit) {
    auto count = std::min(tokens.size(), limit) / chunk_tokens_;
    hashes_.resize(count);
    const uint8_t* previous = none_.data();
    for (size_t i = 0; i < count; ++i) {
      for (size_t t = 0; t < chunk_tokens_; ++t) {
        auto big_endian = __builtin_bswap32(tokens[i * chunk_tokens_ + t]);
        __builtin_memcpy(bytes_.data() + 4 * t, &big_endian, 4);
      }
      blake3_hasher state;
      blake3_hasher_init(&state);
      blake3_hasher_update(&state, previous, BLAKE3_OUT_LEN);
      blake3_hasher_update(&state, bytes_.data(), bytes_.size());
      blake3_hasher_finalize(&state, hashes_[i].data(), BLAKE3_OUT_LEN);
      previous = hashes_[i].data();
    }
  }

private:
  using digest = std::array<uint8_t, BLAKE3_OUT_LEN>;

  static void hash(const void* data, size_t size, digest& out) {
    blake3_hasher state;
    blake3_hasher_init(&state);
    blake3_hasher_update(&state, data, size);
    blake3_hasher_finalize(&state, out.data(), out.size());
  }

  uint32_t chunk_tokens_;
  std::vector<uint8_t> bytes_;
  std::vector<digest> hashes_;
  digest none_{};
};

/// One received message: the frames of it, kept for reuse.
class frames {
public:
  frames() {
    for (auto& message : messages_)
      zmq_msg_init(&message);
  }

  ~frames() {
    for (auto& message : messages_)
      zmq_msg_close(&message);
  }

  frames(const frames&) = delete;
  frames& operator=(const frames&) = delete;

  /// Receives one whole message; surplus frames are dropped. False when none waits.
  bool receive(void* socket, int flags) {
    size_ = 0;
    for (;;) {
      auto& target = messages_[std::min(size_, messages_.size() - 1)];
      if (zmq_msg_recv(&target, socket, size_ == 0 ? flags : 0) < 0)
        return false;
      ++size_;
      if (!zmq_msg_more(&target))
        return true;
    }
  }

  size_t size() const noexcept {
    return size_;
  }

  zmq_msg_t& message(size_t i) {
    return messages_[i];
  }

  std::string_view operator[](size_t i) {
    return {static_cast<const char*>(zmq_msg_data(&messages_[i])), zmq_msg_size(&messages_[i])};
  }

private:
  std::array<zmq_msg_t, 12> messages_;
  size_t size_ = 0;
};

class server {
public:
  server(uint32_t chunk_tokens, uint64_t resolved)
    : chunk_tokens_(chunk_tokens), resolved_(resolved), chain_(chunk_tokens) {
  }

  /// Answers the request in `in`: body_ holds the reply's third frame, empty for the null form.
  void answer(frames& in) {
    body_.clear();
    msgpack::packer<msgpack::sbuffer> out(body_);
    auto operation = in[2].empty() ? 0 : static_cast<uint8_t>(in[2][0]);
    switch (operation) {
      case op_noop: out.pack("OK"); break;
      case op_ping: out.pack(true); break;
      case op_get_chunk_size: out.pack(chunk_tokens_); break;
      case op_query_status: out.pack(resolved_); break;
      case op_lookup: decode(in); break;
      case op_prepare_store:
      case op_prepare_retrieve:
        decode(in);
        pack_slots(out, operation == op_prepare_store);
        break;
      case op_commit_store:
      case op_commit_retrieve:
        decode(in);
        out.pack(true);
        break;
      case op_store:
      case op_retrieve:
        decode(in);
        out.pack_array(2).pack_bin(0).pack(true);
        break;
      case op_register_engine_driven:
        out.pack_map(2).pack("shm_name").pack("").pack("pool_size").pack(0);
        break;
      default: break; // the null form
    }
  }

  const msgpack::sbuffer& body() const noexcept {
    return body_;
  }

private:
  void decode(frames& in) {
    if (in.size() < 4)
      return;
    key_visitor visitor{key_};
    size_t offset = 0;
    msgpack::parse(in[3].data(), in[3].size(), offset, visitor);
    if (!visitor.failed)
      chain_.run(key_.tokens, key_.end);
  }

  void pack_slots(msgpack::packer<msgpack::sbuffer>& out, bool store) {
    auto count = key_.end > key_.start ? (key_.end - key_.start) / chunk_tokens_ : 0;
    if (!store) {
      out.pack_map(3).pack("success").pack(true).pack("data").pack_bin(0);
      out.pack("context").pack_map(1);
    } else {
      out.pack_map(1).pack("context").pack_map(2);
    }
    out.pack("slots").pack_array(static_cast<uint32_t>(count));
    for (uint64_t i = 0; i < count; ++i) {
      out.pack_map(4).pack("offset").pack(i * slot_bytes).pack("length").pack(slot_bytes);
      out.pack("shape").pack_array(4).pack(2).pack(4).pack(chunk_tokens_).pack(64);
      out.pack("dtype").pack("float16");
    }
    if (!store)
      return;
    out.pack("chunk_indices").pack_array(static_cast<uint32_t>(count));
    for (uint64_t i = 0; i < count; ++i)
      out.pack(i);
  }

  static constexpr uint64_t slot_bytes = 262144;
  uint32_t chunk_tokens_;
  uint64_t resolved_;
  chain chain_;
  cache_key key_;
  msgpack::sbuffer body_;
};

/// Sends identity, uid and operation back, then the body where there is one.
void reply(void* socket, frames& in, const msgpack::sbuffer& body) {
  zmq_msg_send(&in.message(0), socket, ZMQ_SNDMORE);
  zmq_msg_send(&in.message(1), socket, ZMQ_SNDMORE);
  zmq_msg_send(&in.message(2), socket, body.size() != 0 ? ZMQ_SNDMORE : 0);
  if (body.size() != 0)
    zmq_send(socket, body.data(), body.size(), 0);
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fputs("usage: floor PORT CHUNK_TOKENS [RESOLVED_CHUNKS]\n", stderr);
    return 2;
  }
  auto chunk_tokens = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
  uint64_t resolved = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 32;
  if (chunk_tokens == 0)
    return 2;
  auto* context = zmq_ctx_new();
  auto* socket = zmq_socket(context, ZMQ_ROUTER);
  auto endpoint = std::string{"tcp://127.0.0.1:"} + argv[1];
  if (zmq_bind(socket, endpoint.c_str()) != 0) {
    std::fprintf(stderr, "cannot bind %s: %s\n", endpoint.c_str(), zmq_strerror(zmq_errno()));
    return 1;
  }
  server self{chunk_tokens, resolved};
  frames in;
  while (in.receive(socket, 0)) {
    if (in.size() < 3)
      continue;
    self.answer(in);
    reply(socket, in, self.body());
  }
  zmq_close(socket);
  zmq_ctx_term(context);
}
