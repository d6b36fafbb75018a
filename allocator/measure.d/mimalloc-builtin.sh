# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: without -fno-builtin-malloc
COMPILE_FLAGS=("${COMPILE_FLAGS[@]/#-fno-builtin-malloc/-fbuiltin}")
