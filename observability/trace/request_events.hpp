// The events of a JSON parser, taken as requests of a KV-cache trace.
#pragma once

#include "observability/trace/workload_request.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace actord::trace {

/// How a format calls the fields of a request.
struct request_format {
  std::string_view time;
  double time_unit_s = 1; // seconds in one unit of it
  std::string_view in_tokens, out_tokens;
  bool session = false; // requests lie in a list `requests` of one object, or of one another
};

/// Takes a text's events and tells each request as it ends, checked: every field there, once, and
/// of the right kind. Fields that nobody knows are passed over. Of what it reads only the requests
/// that are not yet closed take memory, and of those `max_request_blocks` ids each. A call that
/// returns false ends the parsing. (SAX interface of nlohmann::json.)
class request_events {
public:
  /// What takes requests; false: it wants no more.
  using told = std::function<bool(std::variant<workload_request, bad_request>)>;

  static constexpr size_t max_depth = 64;

  /// @param line the line being read; must outlive this
  request_events(const request_format& format, const uint64_t& line, told tell)
    : format_{format}, line_{line}, tell_{std::move(tell)} {
  }

  /// Why the text as a whole is none of the format; "" while it is.
  const std::string& error() const noexcept {
    return error_;
  }
  /// Whether nobody wants more.
  bool stopped() const noexcept {
    return stopped_;
  }

  bool null() {
    return scalar({"null"});
  }
  bool boolean(bool value) {
    return scalar({value ? "true" : "false"});
  }
  bool number_integer(int64_t value);
  bool number_unsigned(uint64_t value);
  bool number_float(double value, const std::string& spelled);
  bool string(const std::string&) {
    return scalar({"a string"});
  }
  template <class Bytes>
  bool binary(const Bytes&) {
    return scalar({"bytes"});
  }
  bool start_object(size_t);
  bool start_array(size_t);
  bool key(const std::string& name);
  bool end_object();
  bool end_array();
  template <class Exception>
  bool parse_error(size_t, const std::string&, const Exception&) {
    return fail("not JSON");
  }

private:
  enum class place : uint8_t { session, requests, request, blocks, other };
  enum field : uint8_t { time, in_tokens, out_tokens, blocks, requests, field_count, unknown };

  struct container {
    place is = place::other;
    field at = unknown;    // the member that comes next
    uint64_t elements = 0; // of a list, so far
  };
  struct open_request {
    workload_request request;
    std::string error; // the first
    bool given[field_count] = {};
  };
  struct plain {
    std::string_view shown; // for messages
    bool number = false, whole = false;
    double value = 0;
    uint64_t whole_value = 0;
  };

  bool scalar(const plain& what);
  bool set(open_request& to, field at, const plain& what);
  bool open(place what);
  bool open_container(bool list);
  bool close_request();
  bool tell(std::variant<workload_request, bad_request> what);
  bool reject(const std::string& why);
  bool fail(std::string why);
  std::string_view name_of(field at) const;
  std::string path() const;
  void count_element();

  request_format format_;
  const uint64_t& line_;
  told tell_;
  std::vector<container> scopes_;
  std::vector<open_request> requests_; // those that are not yet closed
  std::string error_;
  bool stopped_ = false;
};

} // namespace actord::trace
