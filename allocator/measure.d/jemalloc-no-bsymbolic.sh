# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: without -Bsymbolic-functions
LDFLAGS=("${LDFLAGS[@]/#-Wl,-Bsymbolic-functions/-Wl,--as-needed}")
