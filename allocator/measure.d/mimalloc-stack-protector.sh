# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: with -fstack-protector: functions with a buffer of characters, all of them slow paths
COMPILE_FLAGS+=(-fstack-protector)
