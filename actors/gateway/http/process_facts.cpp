#include "actors/gateway/http/process_facts.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace actord::http {

namespace {

constexpr const char* hidden = "***";

// Fields of a stat file behind the name, which may hold blanks: state is the first.
std::vector<std::string> stat_fields(const std::string& path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  const auto end = line.rfind(')');
  std::istringstream rest{end == std::string::npos ? "" : line.substr(end + 1)};
  std::vector<std::string> fields;
  for (std::string field; rest >> field;)
    fields.push_back(std::move(field));
  return fields;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  return text;
}

// An address with a user, who may be a token, or a password by its name in a list of settings.
bool carries_password(const std::string& value) {
  for (auto at = value.find("://"); at != std::string::npos; at = value.find("://", at + 3)) {
    const auto end = std::min(value.find_first_of("/?# ", at + 3), value.size());
    if (value.substr(at + 3, end - at - 3).find('@') != std::string::npos)
      return true;
  }
  const auto loud = upper(value);
  return loud.find("PASSWORD=") != std::string::npos || loud.find("PWD=") != std::string::npos
         || loud.find("TOKEN=") != std::string::npos;
}

} // namespace

std::vector<thread_fact> list_threads() {
  std::vector<thread_fact> result;
  std::error_code ignored;
  for (std::filesystem::directory_iterator i{"/proc/self/task", ignored}, end; !ignored && i != end;
       i.increment(ignored)) {
    thread_fact fact;
    fact.id = std::strtoll(i->path().filename().c_str(), nullptr, 10);
    std::ifstream{i->path() / "comm"} >> std::ws >> fact.name;
    const auto fields = stat_fields((i->path() / "stat").string());
    if (!fields.empty())
      fact.state = fields[0][0];
    result.push_back(std::move(fact));
  }
  std::ranges::sort(result, {}, &thread_fact::id);
  return result;
}

std::string shown_value(const std::string& name, const std::string& value) {
  constexpr std::array words{"KEY",  "TOKEN", "SECRET", "PASS",    "CREDENTIAL",
                             "AUTH", "CERT",  "COOKIE", "PRIVATE", "HEADERS"};
  const auto loud = upper(name);
  const bool secret = std::ranges::any_of(words, [&](const char* word) {
    return loud.find(word) != std::string::npos;
  });
  return secret || carries_password(value) ? hidden : value;
}

std::vector<std::pair<std::string, std::string>> shown_environment() {
  std::vector<std::pair<std::string, std::string>> result;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string text{*entry};
    const auto equals = std::min(text.find('='), text.size());
    const auto name = text.substr(0, equals);
    const auto value = equals < text.size() ? text.substr(equals + 1) : std::string{};
    result.emplace_back(name, shown_value(name, value));
  }
  std::ranges::sort(result);
  return result;
}

} // namespace actord::http
