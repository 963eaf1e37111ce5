// The XML that S3 and STS answer with, read strictly and without trust.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// An element has ended: its path from the root (`ListBucketResult/Contents/Key`) and the text
/// right inside it. False ends the reading.
using xml_element_end = std::function<bool(std::string_view path, std::string_view text)>;

/// Reads one document; false when it is none or `ended` said so. Elements, attributes (skipped),
/// comments, the five entities and character references; no document types, no CDATA, nesting of
/// at most 16, names of at most 64 bytes. Memory: that of one path and the texts along it.
bool read_xml(std::string_view xml, const xml_element_end& ended);

struct s3_listed {
  std::string key;
  uint64_t size_bytes = 0;
  int64_t modified_ms = 0; // Unix time; 0: unknown
};

struct s3_list_page {
  std::vector<s3_listed> objects; // at most 1000
  bool truncated = false;
  std::string next_token; // never empty where truncated
};

/// An answer to list-type=2.
std::optional<s3_list_page> parse_list_page(std::string_view xml);

/// The reason code of an `Error` document, with nothing but letters, digits and dots; "" when there
/// is none. The document's other texts may repeat what was sent and are never shown.
std::string parse_error_code(std::string_view xml);

/// The region that an `Error` document names; "" when none.
std::string parse_error_region(std::string_view xml);

/// `UploadId` of an initiated upload; empty when it is none.
std::optional<std::string> parse_upload_id(std::string_view xml);

/// Whether an upload was completed: S3 sends 200 before it knows.
bool is_completed_upload(std::string_view xml);

} // namespace actord
