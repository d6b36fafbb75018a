# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: as upstream has it: -O3, and each source file by itself
COMPILE_FLAGS=("${COMPILE_FLAGS[@]/#-O2/-O3}")
jemalloc_compile() {
  local source
  : >include/jemalloc/internal/private_namespace.h
  for source in src/*.c; do
    [ "$source" != src/zone.c ] || continue
    clean_env "${CC[@]}" -std=gnu11 -D_GNU_SOURCE -D_REENTRANT "${cflags[@]}" -fPIC -DPIC \
      -Iinclude -c "$source" -o "${source%.c}.pic.o"
  done
  clean_env "${CC[@]}" -r -nostdlib -o jemalloc.o src/*.pic.o
}
