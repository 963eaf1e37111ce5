#include "actors/gateway/http/block_ranges.hpp"
#include "actors/gateway/http/routes.hpp"
#include "actors/gateway/http/values.hpp"
#include "actors/log.hpp"

#include <algorithm>

namespace actord::http {

namespace {

struct checksum_body {
  checksum_order order;
  reply failure; // when the body is wrong
  bool good = false;
};

checksum_body read_order(const request& asked) {
  complaints faults;
  auto body = read_body(asked, "ChecksumRequest", false, faults);
  if (!body)
    return {{}, faults.answer(), false};
  fields values{*body, json::array({"body"}), faults};
  checksum_order order;
  order.block_ids = values.integers("block_ids", false);
  order.blocks_per_chunk = values.integer("chunk_size", 0);
  order.instance_id = values.integer("instance_id", 0);
  order.layerwise = values.flag("layerwise", false);
  if (!faults.empty())
    return {{}, faults.answer(), false};
  return {std::move(order), {}, true};
}

// Empty when the order can be carried out. Reading live memory takes a copier's time, so no block
// is read twice.
std::optional<reply> fault_of(const checksum_order& order, const transfer_status& transfer) {
  const auto instance
    = std::ranges::find(transfer.instances, order.instance_id, &instance_status::instance_id);
  if (instance == transfer.instances.end())
    return detail_reply(404,
                        "instance_id " + std::to_string(order.instance_id) + " not registered");
  if (order.block_ids.empty())
    return detail_reply(400, "block_ids is required");
  if (order.blocks_per_chunk <= 0)
    return detail_reply(400, "chunk_size must be positive");
  const auto blocks = instance->layout ? instance->layout->num_blocks : 0;
  if (order.block_ids.size() > blocks)
    return detail_reply(400, "block_ids has " + std::to_string(order.block_ids.size())
                               + " entries, but the instance has " + std::to_string(blocks)
                               + " blocks; name each block once");
  return std::nullopt;
}

json ranges_json(const std::vector<int64_t>& block_ids) {
  json result = json::array();
  for (const auto& range : block_ranges(block_ids)) {
    if (range.last == range.first)
      result.push_back(range.first);
    else
      result.push_back({range.first, range.last});
  }
  return result;
}

reply report_reply(const checksum_order& order, const checksum_report& report) {
  json sums = json::object();
  if (order.layerwise)
    for (size_t i = 0; i < report.layers.size(); ++i)
      sums["layer_" + std::to_string(i)] = report.layers[i];
  else
    sums = report.layers.empty() ? json::array() : json(report.layers.front());
  const auto step = order.blocks_per_chunk;
  const auto count = static_cast<int64_t>(order.block_ids.size());
  return json_reply({{"status", "success"},
                     {"chunk_size", step},
                     {"num_chunks", count / step + (count % step != 0 ? 1 : 0)},
                     {"chunk_checksums", std::move(sums)},
                     {"layerwise", order.layerwise},
                     {"block_id_ranges", ranges_json(order.block_ids)}});
}

reply checksums(context& from, const request& asked) {
  constexpr const char* transfer_name = "the lmcache-driven transfer";
  auto body = read_order(asked);
  if (!body.good)
    return std::move(body.failure);
  const auto& transfer = from.peers.lmcache_driven;
  if (!transfer)
    return detail_reply(501, "checksum not supported for this engine type");
  asker asks{from};
  auto status = asks.ask<transfer_status>(transfer, atom::status_v);
  if (!status)
    return unavailable(family::detail, transfer_name, status.error());
  if (auto fault = fault_of(body.order, *status))
    return std::move(*fault);
  auto report = asks.ask<checksum_report>(transfer, atom::checksum_v, box(body.order));
  if (report)
    return report_reply(body.order, *report);
  if (report.error() == ec::absent) // gone since it was asked for
    return detail_reply(404, describe(report.error()));
  if (report.error() != ec::rejected)
    return unavailable(family::detail, transfer_name, report.error());
  // A block out of range; clients know this as a failure of the server.
  if (auto others = from.faults_told.admit(std::chrono::steady_clock::now()))
    log_warn(log_part::http_gateway, "POST /cache/checksums from {}: {}{}", asked.peer,
             describe(report.error()), *others);
  return text_reply("Internal Server Error", 500);
}

} // namespace

void add_checksum_route(router& to, context& from) {
  to.add({"POST", "/cache/checksums", exposure::change,
          [&from](const request& asked, const path_values&) { return checksums(from, asked); }});
}

} // namespace actord::http
