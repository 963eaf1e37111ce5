# Joins the page of GET /dashboard into one C++ file:
#   cmake -DFROM=<folder of the page> -DTO=<file>.cpp -P embed_dashboard.cmake
cmake_minimum_required(VERSION 3.25)

# SHA-256 of a text in base64, as a Content-Security-Policy names it.
function(base64_sha256 text result)
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(SHA256 hex "${text}")
  set(encoded "")
  # Three bytes (six hex digits) become four characters; 32 bytes end with one byte of padding.
  foreach(at RANGE 0 60 6)
    string(SUBSTRING "${hex}00" ${at} 6 six)
    foreach(shift IN ITEMS 18 12 6 0)
      math(EXPR index "(0x${six} >> ${shift}) & 63")
      string(SUBSTRING "${alphabet}" ${index} 1 character)
      string(APPEND encoded "${character}")
    endforeach()
  endforeach()
  string(REGEX REPLACE ".$" "=" encoded "${encoded}")
  set(${result} "${encoded}" PARENT_SCOPE)
endfunction()

file(READ "${FROM}/page.html" page)
file(READ "${FROM}/style.css" style)
set(script "")
foreach(part IN ITEMS metrics history plot panels page)
  file(READ "${FROM}/${part}.js" text)
  string(APPEND script "${text}")
endforeach()
base64_sha256("${style}" style_hash)
base64_sha256("${script}" script_hash)
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
foreach(taken IN ITEMS [[)page"]] "@STYLE@" "@SCRIPT@")
  string(FIND "${page}" "${taken}" at)
  if(NOT at EQUAL -1)
    message(FATAL_ERROR "${FROM}: the page holds ${taken}, which embedding it cannot carry")
  endif()
endforeach()
file(WRITE "${TO}" "// Made by cmake/embed_dashboard.cmake.
#include \"actors/gateway/http/dashboard_page.hpp\"

namespace actord::http {

const std::string_view dashboard_style_hash = \"${style_hash}\";
const std::string_view dashboard_script_hash = \"${script_hash}\";
const std::string_view dashboard_html = R\"page(${page})page\";

} // namespace actord::http
")
