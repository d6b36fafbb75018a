# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: with -fstack-protector: functions with a buffer of characters
COMPILE_FLAGS+=(-fstack-protector)
