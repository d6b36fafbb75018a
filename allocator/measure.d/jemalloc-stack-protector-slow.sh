# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: the same, but for the flush of a thread's cache: slow paths alone
COMPILE_FLAGS+=(-fstack-protector)
jemalloc_compile() {
  local source
  : >include/jemalloc/internal/private_namespace.h
  {
    printf '#include "jemalloc/internal/%s.h"\n' jemalloc_preamble jemalloc_internal_includes
    echo '__attribute__((no_stack_protector)) __typeof__(arena_ptr_array_flush) arena_ptr_array_flush;'
    for source in src/*.c allocrun/layout.c; do
      [ "$source" = src/zone.c ] || printf '#include "%s"\n' "$source"
    done
  } >jemalloc.c
  clean_env "${CC[@]}" -std=gnu11 -D_GNU_SOURCE -D_REENTRANT "${cflags[@]}" -Werror -fPIC -DPIC \
    -Iinclude -I. -c jemalloc.c -o jemalloc.o
  jemalloc_prefix_names
}
