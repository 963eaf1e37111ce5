// The page of GET /dashboard, joined from dashboard/ when the daemon is built.
#pragma once

#include <string_view>

namespace actord::http {

/// All of it: style and script stand inside.
extern const std::string_view dashboard_html;
/// SHA-256 of its style and of its script, in base64, as a Content-Security-Policy names them.
extern const std::string_view dashboard_style_hash, dashboard_script_hash;

} // namespace actord::http
