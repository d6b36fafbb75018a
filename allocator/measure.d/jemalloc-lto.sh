# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: each source file by itself, put together by the compiler's LTO
jemalloc_compile() {
  local source
  : >include/jemalloc/internal/private_namespace.h
  for source in src/*.c; do
    [ "$source" != src/zone.c ] || continue
    clean_env "${CC[@]}" -std=gnu11 -D_GNU_SOURCE -D_REENTRANT "${cflags[@]}" -flto -fPIC -DPIC \
      -Iinclude -c "$source" -o "${source%.c}.pic.o"
  done
  clean_env "${CC[@]}" "${cflags[@]}" -flto -fPIC -r -nostdlib -flinker-output=nolto-rel \
    -o jemalloc.o src/*.pic.o
}
