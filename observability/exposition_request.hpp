// What a scraper asks for: format, families, compression.
#pragma once

#include "observability/exposition.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// The format of the highest q-value in an Accept header, the first among equals; media ranges
/// count as text 0.0.4. Without any that is known: text 0.0.4, never a refusal.
exposition_format negotiated_format(std::string_view accept);

/// Whether an Accept-Encoding header allows gzip.
bool accepts_gzip(std::string_view accept_encoding);

/// The values of `name[]` in a query string, percent-decoded.
std::vector<std::string> queried_names(std::string_view query);

/// Keeps the families that have a sample of one of these names (family names count too, those of
/// counters with and without _total). No names keep everything.
std::vector<prometheus::MetricFamily>
filtered_families(std::vector<prometheus::MetricFamily> families,
                  const std::vector<std::string>& names);

/// RFC 1952, the same bytes for the same text; nothing when zlib has no memory or
/// the text is larger than 4 GiB.
std::optional<std::string> gzipped(std::string_view text);

} // namespace actord
