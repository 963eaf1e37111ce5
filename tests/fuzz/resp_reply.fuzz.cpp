// What a Redis server may say. The first byte chooses how long values are wanted and how the bytes
// are cut; what is read must not depend on the cuts.
#include "actors/l2/resp_decoder.hpp"
#include "actors/l2/resp_slots.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

using namespace actord;

namespace {

constexpr size_t guard = 8;

// Every reply in words, so that two readings can be compared.
std::string read_all(std::string_view bytes, size_t portion, size_t wanted) {
  resp_decoder decoder;
  std::string seen;
  for (int replies = 0; replies < 64; ++replies) {
    std::string memory(wanted + 2 * guard, '#');
    std::optional<resp_decoder::target> value;
    if (replies % 2 == 0)
      value = {reinterpret_cast<std::byte*>(memory.data()) + guard, wanted};
    resp_reply reply;
    resp_decoder::step step;
    while ((step = decoder.next(value, reply)) == resp_decoder::step::more && !bytes.empty()) {
      auto left = std::min(portion, bytes.size());
      size_t moved = 0;
      for (const auto& part : decoder.room()) {
        const auto count = std::min(left, part.iov_len);
        if (count > 0)
          std::memcpy(part.iov_base, bytes.data() + moved, count);
        moved += count;
        left -= count;
      }
      if (moved == 0)
        std::abort(); // it would wait for ever
      decoder.received(moved);
      bytes.remove_prefix(moved);
    }
    if (memory.substr(0, guard) + memory.substr(guard + wanted) != std::string(2 * guard, '#'))
      std::abort();
    seen += std::to_string(static_cast<int>(step));
    if (step != resp_decoder::step::reply)
      return seen;
    seen += ":" + std::to_string(static_cast<int>(reply.what)) + ":" + std::to_string(reply.number)
            + ":" + reply.text + ":";
    if (reply.what == resp_reply::kind::value)
      seen += memory;
    if (reply.what == resp_reply::kind::error)
      seen += parse_resp_redirect(reply.text) ? "redirect" : "";
    if (reply.tree)
      seen += parse_resp_slots(*reply.tree) ? "slots" : "";
  }
  return seen;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const size_t wanted = data[0] & 15;
  const size_t portion = 1 + (data[0] >> 4);
  if (read_all(bytes, portion, wanted) != read_all(bytes, bytes.size() + 1, wanted))
    std::abort();
  return 0;
}
