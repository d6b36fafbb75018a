# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: without -fstack-protector
COMPILE_FLAGS=("${COMPILE_FLAGS[@]/#-fstack-protector/-fno-stack-protector}")
