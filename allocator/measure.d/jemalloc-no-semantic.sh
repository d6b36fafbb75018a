# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: with -fno-semantic-interposition
COMPILE_FLAGS+=(-fno-semantic-interposition)
