# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: with -funroll-loops
COMPILE_FLAGS+=(-funroll-loops)
