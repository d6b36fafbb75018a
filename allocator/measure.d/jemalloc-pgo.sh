# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: with a profile of this very work (PGO)
jemalloc_compile() {
  local source own=(-std=gnu11 -D_GNU_SOURCE -D_REENTRANT "${cflags[@]}" -fPIC -DPIC -Iinclude -I.)
  : >include/jemalloc/internal/private_namespace.h
  for source in src/*.c; do
    [ "$source" = src/zone.c ] || printf '#include "%s"\n' "$source"
  done >jemalloc.c
  clean_env "${CC[@]}" "${own[@]}" -fprofile-generate -fprofile-update=single -c jemalloc.c -o jemalloc.o
  clean_env "${CC[@]}" -shared -fprofile-generate -Wl,-Bsymbolic-functions -o training.so jemalloc.o -lm
  for source in tokens threads handed; do
    clean_env LD_PRELOAD="$PWD/training.so" "$WORK" "$source" 2000
  done
  clean_env "${CC[@]}" "${own[@]}" -fprofile-use -fprofile-partial-training -Wno-missing-profile \
    -c jemalloc.c -o jemalloc.o
}
