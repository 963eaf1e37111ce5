// Keys of the --l2-adapter type raw_block and the rules among them (spec l2-adapters §8.1).
#include "runtime/options/l2_family_json.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace actord {

namespace {

constexpr std::array<std::string_view, 2> engines = {"posix", "io_uring"};
constexpr std::array<std::string_view, 3> placement_policies
  = {"none", "cache_salt_prefix", "cache_salt_rank"};
constexpr std::array<std::string_view, 2> reuse_policies = {"none", "pid_affinity"};
constexpr whole_range placement_range{1, 65'535, {}};
/// Devices have less than 4 EiB.
constexpr std::int64_t max_bytes = std::int64_t{1} << 62;

class raw_block_reader {
public:
  explicit raw_block_reader(l2_reading_context& context)
    : context_(context), fields_(context.fields) {
  }

  raw_block_l2_options run() {
    const auto before = context_.found.problems.size();
    read_sizes();
    read_checkpoint();
    read_engine();
    read_placement();
    fields_.whole("num_store_workers", raw_.num_store_workers, positive_workers);
    fields_.whole("num_lookup_workers", raw_.num_lookup_workers, positive_workers);
    fields_.whole("num_load_workers", raw_.num_load_workers, positive_workers);
    context_.cpp.boolean("verify_checksums", raw_.verify_checksums);
    if (fields_.has("per_tp_device_paths"))
      fields_.problem("per_tp_device_paths", "is not supported here; give one --l2-adapter with "
                                             "device_path");
    if (!context_.options.persist_enabled)
      fields_.problem("persist_enabled", "must be true: raw_block always persists; remove it");
    if (context_.found.problems.size() == before)
      check_sizes();
    check_engine();
    check_placement();
    return raw_;
  }

private:
  void read_sizes() {
    fields_.text("device_path", raw_.device_path, required_text);
    fields_.whole("slot_bytes", raw_.slot_bytes, {1, max_bytes, "must be a whole number >= 1"},
                  true);
    fields_.whole("capacity_bytes", raw_.capacity_bytes,
                  {0, max_bytes, "must be a whole number >= 0"});
    fields_.boolean("use_odirect", raw_.use_odirect);
    fields_.whole("block_align", raw_.block_align, {32, 16'777'216, {}});
    fields_.whole("header_bytes", raw_.header_bytes, {24, 1 << 30, {}});
    fields_.whole("meta_total_bytes", raw_.meta_total_bytes,
                  {1, max_bytes, "must be a whole number >= 1"});
  }

  void read_checkpoint() {
    fields_.text("meta_magic", raw_.meta_magic, {"must be 8 ASCII characters", false, false});
    const bool ascii = std::ranges::all_of(raw_.meta_magic, [](char c) {
      return static_cast<unsigned char>(c) < 0x80;
    });
    if (raw_.meta_magic.size() != 8 || !ascii)
      fields_.problem("meta_magic", "must be 8 ASCII characters, such as LMCIDX01");
    fields_.whole("meta_version", raw_.meta_version, {1, 0xFFFFFFFF, {}});
    std::int64_t interval_s = 60;
    fields_.whole("meta_checkpoint_interval_sec", interval_s, {-max_seconds, max_seconds, {}});
    raw_.meta_checkpoint_interval_ms = std::max<std::int64_t>(interval_s, 1) * 1000;
    fields_.whole("meta_idle_quiet_ms", raw_.meta_idle_quiet_ms, {0, max_seconds * 1000, {}});
    fields_.boolean("meta_enable_periodic", raw_.meta_enable_periodic);
    fields_.boolean("load_checkpoint_on_init", raw_.load_checkpoint_on_init);
    fields_.boolean("meta_verify_on_load", raw_.meta_verify_on_load);
  }

  void read_engine() {
    fields_.boolean("enable_zero_copy", raw_.enable_zero_copy);
    const bool named = fields_.has("io_engine");
    bool old_name = false, older_name = false;
    fields_.truth("use_iouring", old_name);
    fields_.truth("use_uring", older_name);
    if (named)
      fields_.choice("io_engine", raw_.io_engine, engines);
    else if (old_name || older_name)
      raw_.io_engine = "io_uring";
    fields_.whole("iouring_queue_depth", raw_.iouring_queue_depth, {1, 32'768, {}});
    fields_.boolean("use_uring_cmd", raw_.use_uring_cmd);
    std::int64_t transfer_bytes = 0;
    fields_.whole("max_data_transfer_size", transfer_bytes,
                  {-max_bytes, 1 << 30, "must be a whole number <= 1073741824"});
    raw_.max_data_transfer_size_bytes
      = static_cast<std::uint64_t>(std::max<std::int64_t>(transfer_bytes, 0));
  }

  void read_placement() {
    fields_.boolean("fdp_enabled", raw_.fdp_enabled);
    std::vector<std::int64_t> ids;
    if (fields_.has("fdp_placement_ids"))
      fields_.whole_list("fdp_placement_ids", ids, placement_range);
    std::ranges::sort(ids);
    if (std::ranges::adjacent_find(ids) != ids.end())
      fields_.problem("fdp_placement_ids", "must name each id once");
    else if (raw_.fdp_enabled && ids.empty() && fields_.has("fdp_placement_ids"))
      fields_.problem("fdp_placement_ids", "must not be empty; remove it to use all ids");
    for (auto id : ids)
      raw_.fdp_placement_ids.push_back(static_cast<std::uint16_t>(id));
    if (raw_.fdp_enabled) {
      raw_.fdp_data_placement_policy = "cache_salt_prefix";
      raw_.fdp_slot_reuse_policy = "pid_affinity";
    }
    if (fields_.has("fdp_data_placement_policy"))
      fields_.choice("fdp_data_placement_policy", raw_.fdp_data_placement_policy,
                     placement_policies);
    if (fields_.has("fdp_slot_reuse_policy"))
      fields_.choice("fdp_slot_reuse_policy", raw_.fdp_slot_reuse_policy, reuse_policies);
    fields_.nullable_whole("meta_checkpoint_placement_id", raw_.meta_checkpoint_placement_id,
                           placement_range);
  }

  void must_be_multiple(std::string_view key, std::uint64_t value) {
    if (value % raw_.block_align != 0)
      fields_.problem(key, "must be a multiple of block_align, which is "
                             + std::to_string(raw_.block_align) + "; "
                             + std::to_string(value - value % raw_.block_align + raw_.block_align)
                             + " is");
  }

  /// Only where each size makes sense alone.
  void check_sizes() {
    if (!std::has_single_bit(raw_.block_align))
      return fields_.problem("block_align", "must be a power of two, such as 4096");
    must_be_multiple("slot_bytes", raw_.slot_bytes);
    must_be_multiple("header_bytes", raw_.header_bytes);
    must_be_multiple("meta_total_bytes", raw_.meta_total_bytes);
    if (raw_.slot_bytes < std::uint64_t{raw_.header_bytes} + 1)
      fields_.problem("slot_bytes",
                      "must exceed header_bytes, which is " + std::to_string(raw_.header_bytes));
    const std::uint64_t align = raw_.block_align;
    if (raw_.meta_total_bytes / 2 / align * align <= align)
      fields_.problem("meta_total_bytes", "must be at least four times block_align: two containers "
                                          "of a header and a payload");
    if (raw_.capacity_bytes > 0 && raw_.capacity_bytes <= raw_.meta_total_bytes)
      fields_.problem("capacity_bytes", "must exceed meta_total_bytes, which is "
                                          + std::to_string(raw_.meta_total_bytes)
                                          + "; 0 takes the whole device");
    if (raw_.max_data_transfer_size_bytes % align != 0)
      must_be_multiple("max_data_transfer_size", raw_.max_data_transfer_size_bytes);
  }

  static bool names_nvme_character_device(std::string_view path) {
    auto name = path.substr(path.rfind('/') + 1);
    auto digits = [&name] {
      const auto count = std::min(name.find_first_not_of("0123456789"), name.size());
      name.remove_prefix(count);
      return count > 0;
    };
    if (!name.starts_with("ng"))
      return false;
    name.remove_prefix(2);
    if (!digits() || !name.starts_with('n'))
      return false;
    name.remove_prefix(1);
    return digits() && name.empty();
  }

  void check_engine() {
    if (!raw_.use_uring_cmd)
      return;
    raw_.use_odirect = false;
    if (raw_.io_engine != "io_uring")
      fields_.problem("use_uring_cmd", "must go with io_engine \"io_uring\"");
    if (!raw_.device_path.empty() && !names_nvme_character_device(raw_.device_path))
      fields_.problem("device_path", "must name an NVMe generic character device, such as "
                                     "/dev/ng0n1, where use_uring_cmd is true");
  }

  void check_placement() {
    constexpr std::string_view needs = "must go with io_engine \"io_uring\" and use_uring_cmd true";
    const bool possible = raw_.use_uring_cmd && raw_.io_engine == "io_uring";
    if (raw_.fdp_enabled && !possible)
      fields_.problem("fdp_enabled", needs);
    if (raw_.meta_checkpoint_placement_id != 0 && !possible)
      fields_.problem("meta_checkpoint_placement_id", needs);
    if (!raw_.fdp_enabled) {
      raw_.fdp_placement_ids.clear();
      if (raw_.fdp_data_placement_policy != "none")
        fields_.problem("fdp_data_placement_policy", "must go with fdp_enabled true");
      if (raw_.fdp_slot_reuse_policy != "none")
        fields_.problem("fdp_slot_reuse_policy", "must go with fdp_enabled true");
    }
    if (std::ranges::find(raw_.fdp_placement_ids, raw_.meta_checkpoint_placement_id)
        != raw_.fdp_placement_ids.end())
      fields_.problem("meta_checkpoint_placement_id", "must not be one of fdp_placement_ids");
  }

  l2_reading_context& context_;
  json_fields& fields_;
  raw_block_l2_options raw_;
};

} // namespace

raw_block_l2_options read_raw_block_options(l2_reading_context& context) {
  return raw_block_reader(context).run();
}

} // namespace actord
