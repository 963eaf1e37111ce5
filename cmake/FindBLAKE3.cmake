# BLAKE3's official C code: a system libblake3 where there is one, otherwise the sources that
# Debian ships inside librust-blake3-dev, built here with the vendor's own assembly kernels.
# Defines BLAKE3::blake3.
find_path(BLAKE3_INCLUDE_DIR blake3.h)
find_library(BLAKE3_LIBRARY blake3)
if(BLAKE3_INCLUDE_DIR AND BLAKE3_LIBRARY)
  add_library(BLAKE3::blake3 UNKNOWN IMPORTED)
  set_target_properties(BLAKE3::blake3 PROPERTIES
    IMPORTED_LOCATION "${BLAKE3_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${BLAKE3_INCLUDE_DIR}")
else()
  file(GLOB blake3_sources_dir /usr/share/cargo/registry/blake3-*/c)
  list(GET blake3_sources_dir -1 blake3_dir)
  if(NOT EXISTS "${blake3_dir}/blake3.c")
    message(FATAL_ERROR "BLAKE3 not found: install librust-blake3-dev or libblake3-dev; "
                        "./dev setup does")
  endif()
  set(blake3_files blake3.c blake3_dispatch.c blake3_portable.c)
  set(blake3_definitions "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    enable_language(ASM)
    list(APPEND blake3_files blake3_sse2_x86-64_unix.S blake3_sse41_x86-64_unix.S
      blake3_avx2_x86-64_unix.S blake3_avx512_x86-64_unix.S)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    list(APPEND blake3_files blake3_neon.c)
    set(blake3_definitions BLAKE3_USE_NEON=1)
  endif()
  list(TRANSFORM blake3_files PREPEND "${blake3_dir}/")
  add_library(actord_blake3 STATIC ${blake3_files})
  target_include_directories(actord_blake3 SYSTEM PUBLIC "${blake3_dir}")
  target_compile_definitions(actord_blake3 PRIVATE ${blake3_definitions})
  target_compile_options(actord_blake3 PRIVATE $<$<COMPILE_LANGUAGE:C>:-O3>)
  add_library(BLAKE3::blake3 ALIAS actord_blake3)
endif()
