#include "actors/gateway/http/dashboard_page.hpp"
#include "actors/gateway/http/routes.hpp"

#include <string>

namespace actord::http {

namespace {

// The browser runs nothing but what was built in, and asks nobody but this daemon.
std::string page_policy() {
  return "default-src 'none'; script-src 'sha256-" + std::string{dashboard_script_hash}
         + "'; style-src 'sha256-" + std::string{dashboard_style_hash}
         + "'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
           "frame-ancestors 'none'";
}

} // namespace

void add_dashboard_route(router& to) {
  reply page{200, "text/html; charset=utf-8", std::string{dashboard_html}, {}};
  page.headers = {{"Content-Security-Policy", page_policy()},
                  {"Cache-Control", "no-cache"},
                  {"Referrer-Policy", "no-referrer"},
                  {"X-Content-Type-Options", "nosniff"}};
  to.add({"GET", "/dashboard", exposure::open,
          [page = std::move(page)](const request&, const path_values&) { return page; }});
}

} // namespace actord::http
