# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: -march=x86-64-v3 for v2
TARGET_CFLAGS=("${TARGET_CFLAGS[@]/#-march=*/-march=x86-64-v3}")
