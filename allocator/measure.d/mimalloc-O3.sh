# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: -O3 for -O2 (upstream has -O3)
COMPILE_FLAGS=("${COMPILE_FLAGS[@]/#-O2/-O3}")
