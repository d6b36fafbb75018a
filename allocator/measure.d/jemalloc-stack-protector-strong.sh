# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: with -fstack-protector-strong, the library as a whole
COMPILE_FLAGS+=(-fstack-protector-strong -Dno_stack_protector=used)
