# Every outside library as an imported target deps::NAME. What Debian lacks is put below build/deps by tools/setup.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
set(HW_DEPS ${CMAKE_SOURCE_DIR}/build/deps CACHE PATH "where tools/setup put the libraries")
if(NOT EXISTS ${HW_DEPS}/librdkafka/lib/librdkafka.so)
    message(FATAL_ERROR "the libraries are not there yet: run tools/setup build (or make setup)")
endif()

function(hw_pkg name)
    pkg_check_modules(PC_${name} REQUIRED QUIET IMPORTED_TARGET ${ARGN})
    add_library(deps::${name} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(deps::${name} INTERFACE PkgConfig::PC_${name})
endfunction()
hw_pkg(curl libcurl)
hw_pkg(openssl openssl)
hw_pkg(sqlite sqlite3)
hw_pkg(inih inih)
hw_pkg(zlib zlib)
hw_pkg(zstd libzstd)
hw_pkg(lz4 liblz4)
hw_pkg(isal libisal)
hw_pkg(cmocka cmocka)

add_library(deps::snappy INTERFACE IMPORTED GLOBAL)
target_link_libraries(deps::snappy INTERFACE snappy)

# Third-party C compiled by us: without our warnings.
add_library(hw_dep_yyjson STATIC ${HW_DEPS}/yyjson/yyjson.c)
target_include_directories(hw_dep_yyjson SYSTEM PUBLIC ${HW_DEPS}/yyjson)
target_compile_options(hw_dep_yyjson PRIVATE -w)
add_library(deps::yyjson ALIAS hw_dep_yyjson)

add_library(hw_dep_llhttp STATIC ${HW_DEPS}/llhttp/api.c ${HW_DEPS}/llhttp/http.c ${HW_DEPS}/llhttp/llhttp.c)
target_include_directories(hw_dep_llhttp SYSTEM PUBLIC ${HW_DEPS}/llhttp)
target_compile_options(hw_dep_llhttp PRIVATE -w)
add_library(deps::llhttp ALIAS hw_dep_llhttp)

add_library(deps::rdkafka SHARED IMPORTED GLOBAL)
set_target_properties(deps::rdkafka PROPERTIES IMPORTED_LOCATION ${HW_DEPS}/librdkafka/lib/librdkafka.so.1
    INTERFACE_INCLUDE_DIRECTORIES ${HW_DEPS}/librdkafka/include)

# DuckDB is opened at run time (src/warehouse/duckdb_api.c), only its header is needed here.
add_library(deps::duckdb INTERFACE IMPORTED GLOBAL)
set_target_properties(deps::duckdb PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${HW_DEPS}/duckdb/include)
set(HW_DUCKDB_LIBRARY ${HW_DEPS}/duckdb/lib/libduckdb.so)
