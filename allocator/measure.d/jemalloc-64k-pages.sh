# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: built for pages of 64 KiB, on a system that has 4 KiB
CONFIGURE_FLAGS=("${CONFIGURE_FLAGS[@]/#--with-lg-page=*/--with-lg-page=16}")
