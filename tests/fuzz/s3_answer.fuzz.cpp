// What an S3 server and the services that give keys may answer.
#include "actors/l2/aws_key_sources.hpp"
#include "actors/l2/s3_transfer.hpp"
#include "actors/l2/s3_xml.hpp"
#include "storage/l2_names.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace actord;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

void read_documents(const std::string& text) {
  size_t bytes = 0;
  const bool whole = read_xml(text, [&](std::string_view path, std::string_view inside) {
    require(!path.empty() && path.size() <= 16 * 65);
    bytes += inside.size();
    return true;
  });
  require(bytes <= text.size()); // a reference is longer than what it stands for
  if (const auto page = parse_list_page(text)) {
    require(whole && page->objects.size() <= 1000
            && (!page->truncated || !page->next_token.empty()));
    for (const auto& object : page->objects)
      if (const auto key = parse_remote_name(object.key))
        require(remote_name(*key) == object.key);
  }
  for (const auto& word : {parse_error_code(text), parse_error_region(text)})
    require(word.size() <= 64 && word.find_first_of(" \r\n<&\"") == std::string::npos);
  if (const auto id = parse_upload_id(text))
    require(!id->empty());
  require(whole || !is_completed_upload(text));
}

void read_keys(const std::string& text) {
  for (const auto& found :
       {parse_key_json(text), parse_sts_answer(text), parse_aws_file(text, "default")})
    require(found.keys ? aws_keys_error(*found.keys).empty() : !found.why.empty());
}

/// Lines are headers up to an empty one; the rest is a body.
void receive(std::string_view text, size_t wanted_bytes) {
  static const s3_place place{"h", "", "r", ""};
  std::vector<std::byte> memory(wanted_bytes); // ASan watches its end
  s3_call call;
  if (wanted_bytes > 0)
    call.into = memory;
  if (wanted_bytes % 3 == 1)
    call.whole_bytes = wanted_bytes;
  s3_transfer transfer{s3_handle(curl_easy_init())};
  require(transfer.begin(call, place, {"id", "secret", "", 0, ""}, 0, 1'000));
  bool over = false;
  while (!over && !text.empty()) {
    const auto line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    text.remove_prefix(line.size());
    over = line == "\n";
    if (transfer.take_header(line) != line.size())
      return (void)transfer.end(CURLE_WRITE_ERROR);
  }
  const auto half = text.substr(0, text.size() / 2);
  bool taken = transfer.take_body(half) == half.size();
  text.remove_prefix(half.size());
  taken = taken && transfer.take_body(text) == text.size();
  const auto answer = transfer.end(taken ? CURLE_OK : CURLE_WRITE_ERROR);
  require(describe(answer).find('\n') == std::string::npos);
  require(answer.text.size() <= call.answer_limit_bytes && answer.etag.size() <= 256);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  const std::string text{reinterpret_cast<const char*>(data + 1), size - 1};
  if (data[0] & 1) {
    receive(text, data[0] >> 1);
  } else {
    read_documents(text);
    read_keys(text);
  }
  return 0;
}
