# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: without -funroll-loops
COMPILE_FLAGS=("${COMPILE_FLAGS[@]/#-funroll-loops/-fno-unroll-loops}")
