// The process' own environment, files and network, for the search for keys.
#include "actors/l2/aws_keys.hpp"

#include <curl/curl.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

namespace actord {

namespace {

extern "C" size_t actord_aws_body(char* text, size_t, size_t size, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (size > aws_answer_limit_bytes - body.size())
    return 0; // ends the call
  body.append(text, size);
  return size;
}

extern "C" int actord_aws_progress(void* ending, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(ending)->load() ? 1 : 0;
}

std::optional<std::string> read_file(const std::string& path) {
  constexpr size_t limit_bytes = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  std::string text(limit_bytes + 1, '\0');
  if (!file)
    return std::nullopt;
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || text.size() > limit_bytes)
    return std::nullopt;
  return text;
}

aws_http_answer
fetch(const aws_http_ask& ask, const std::string& ca_file, std::atomic<bool>& ending) {
  aws_http_answer answer;
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  curl_slist* list = nullptr;
  for (const auto& line : ask.headers)
    if (auto* longer = curl_slist_append(list, line.c_str()))
      list = longer;
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
  if (!handle) {
    answer.error = "no memory";
    return answer;
  }
  char error[CURL_ERROR_SIZE] = {};
  auto set
    = [&handle](CURLoption option, auto value) { curl_easy_setopt(handle.get(), option, value); };
  set(CURLOPT_URL, ask.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PROXY, ""); // such services are near
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!ca_file.empty())
    set(CURLOPT_CAINFO, ca_file.c_str());
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(ask.timeout_ms));
  if (ask.method == "POST")
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(ask.body.size()));
  if (ask.method == "POST")
    set(CURLOPT_POSTFIELDS, ask.body.c_str());
  set(CURLOPT_CUSTOMREQUEST, ask.method.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_ERRORBUFFER, error);
  set(CURLOPT_WRITEFUNCTION, actord_aws_body);
  set(CURLOPT_WRITEDATA, &answer.text);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, actord_aws_progress);
  set(CURLOPT_XFERINFODATA, &ending);
  const auto code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) {
    answer.error = error[0] != '\0' ? error : curl_easy_strerror(code);
    return answer;
  }
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return answer;
}

} // namespace

aws_world aws_world::real(const std::string& ca_file) {
  aws_world world;
  world.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  world.file = read_file;
  world.ending = std::make_shared<std::atomic<bool>>(false);
  world.http
    = [ca_file, ending = world.ending](const auto& ask) { return fetch(ask, ca_file, *ending); };
  world.now_ms = [] {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  };
  return world;
}

} // namespace actord
