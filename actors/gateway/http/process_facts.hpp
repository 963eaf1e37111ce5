// What the system knows of this process, for the diagnostic routes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace actord::http {

struct thread_fact {
  int64_t id = 0;
  std::string name;
  char state = '?'; // R running, S sleeping, D waiting for a disk, ...
};

/// The threads of this process by id.
std::vector<thread_fact> list_threads();

/// Environment variables by name. Values that may be secrets, by their name or because they carry
/// a password in an URL, are replaced.
std::vector<std::pair<std::string, std::string>> shown_environment();

/// The value of one variable as it may be shown.
std::string shown_value(const std::string& name, const std::string& value);

} // namespace actord::http
