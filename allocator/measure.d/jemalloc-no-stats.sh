# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: without statistics
CONFIGURE_FLAGS+=(--disable-stats)
