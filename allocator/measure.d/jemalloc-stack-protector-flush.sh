# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: -fstack-protector for the flush of a thread's cache as well
COMPILE_FLAGS+=(-Dno_stack_protector=used)
