# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: -O2 for -O3
COMPILE_FLAGS=("${COMPILE_FLAGS[@]/#-O3/-O2}")
