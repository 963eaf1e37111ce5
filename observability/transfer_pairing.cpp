#include "observability/transfer_pairing.hpp"

#include <array>
#include <cstring>

namespace actord {

namespace {

constexpr double bytes_per_gigabyte = 1e9;
constexpr double ms_per_second = 1e3;

std::optional<double> gigabytes_per_second(int64_t bytes, double seconds) {
  if (bytes <= 0 || !(seconds > 0))
    return std::nullopt;
  return static_cast<double>(bytes) / seconds / bytes_per_gigabyte;
}

sample_identity transfer_identity(std::string_view transfer_key, std::string_view session_id,
                                  std::string_view device) {
  return transfer_key.empty() ? pair_identity(session_id, device) : bytes_identity(transfer_key);
}

sample_identity
phase_identity(uint32_t phase, std::string_view session_id, std::optional<int64_t> worker_id) {
  std::array<char, sizeof phase + 1 + sizeof(int64_t)> head{};
  std::memcpy(head.data(), &phase, sizeof phase);
  head[sizeof phase] = worker_id.has_value();
  int64_t worker = worker_id.value_or(0);
  std::memcpy(head.data() + sizeof phase + 1, &worker, sizeof worker);
  return pair_identity({head.data(), head.size()}, session_id);
}

} // namespace

void transfer_pairing::start(std::string_view transfer_key, std::string_view session_id,
                             std::string_view device, double now) {
  starts_.put(transfer_identity(transfer_key, session_id, device), now);
}

std::optional<double>
transfer_pairing::end(std::string_view transfer_key, std::string_view session_id,
                      std::string_view device, int64_t bytes, double now) {
  auto start = starts_.take(transfer_identity(transfer_key, session_id, device));
  return start ? gigabytes_per_second(bytes, now - *start) : std::nullopt;
}

void task_pairing::start(uint64_t major_id, uint64_t minor_id, int64_t total_bytes, double now) {
  starts_.put(pair_identity(major_id, minor_id), {now, total_bytes});
}

std::optional<double> task_pairing::end(uint64_t major_id, uint64_t minor_id,
                                        std::optional<int64_t> bytes_transferred, double now) {
  auto start = starts_.take(pair_identity(major_id, minor_id));
  if (!start)
    return std::nullopt;
  return gigabytes_per_second(bytes_transferred.value_or(start->total_bytes), now - start->time);
}

bool phase_pairing::start(uint32_t phase, std::string_view session_id,
                          std::optional<int64_t> worker_id, double now) {
  return starts_.put(phase_identity(phase, session_id, worker_id), now);
}

std::optional<double> phase_pairing::end(uint32_t phase, std::string_view session_id,
                                         std::optional<int64_t> worker_id, double now) {
  auto start = starts_.take(phase_identity(phase, session_id, worker_id));
  if (!start || !(now >= *start))
    return std::nullopt;
  return (now - *start) * ms_per_second;
}

} // namespace actord
