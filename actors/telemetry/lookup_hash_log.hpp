// The log of the hashes of lookups in a folder of its own.
#pragma once

#include "observability/event_subscriber.hpp"
#include "observability/lookup_hash_lines.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace actord {

/// Writes a line per lookup (spec observability §4.6) into files that only the daemon's user can
/// read. What a disk does not take is lost and counted, and told once a minute; the next line is
/// tried again.
class lookup_hash_log final : public event_subscriber {
public:
  /// Makes the folder when it is missing and looks whether a file can be made there.
  /// Returns what is wrong otherwise.
  static std::variant<std::unique_ptr<lookup_hash_log>, std::string>
  open(const std::string& folder, lookup_hash_limits limits);

  lookup_hash_log(const lookup_hash_log&) = delete;
  ~lookup_hash_log() override;

  std::string_view name() const override;
  event_mask interests() const override;
  void handle(const event& what) override;
  void shut_down() override;

  /// Lines that no file took.
  uint64_t lost() const noexcept {
    return lost_;
  }

private:
  lookup_hash_log(std::filesystem::path folder, lookup_hash_rotation rotation);

  std::string write(const event& what);
  std::string begin_file(std::string name, double unix_s);
  std::string append(std::string_view line);
  bool file_is_gone() const;
  void close_file();
  void complain(double now, const std::string& fault);

  std::filesystem::path folder_;
  lookup_hash_rotation rotation_;
  int fd_ = -1;
  uint64_t lost_ = 0;
  std::optional<double> complained_s_;
};

} // namespace actord
