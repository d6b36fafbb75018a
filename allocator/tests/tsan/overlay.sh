# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# The builds for ThreadSanitizer (tests/tsan.bats): our sources and patches as they are, every access
# instrumented, and no malloc of theirs in front of the sanitizer's own, which would hide them.
case $name in
  jemalloc)
    CONFIGURE_FLAGS+=(--with-jemalloc-prefix=je_)
    # In the child of a fork jemalloc makes its locks anew, where the sanitizer still takes them for locked:
    # unlocked they are the same.
    eval "plain_$(declare -f jemalloc_compile)"
    jemalloc_compile() {
      sed -i '/^malloc_mutex_postfork_child/,/^}/s/#ifdef JEMALLOC_MUTEX_INIT_CB/#if 1/' src/mutex.c
      plain_jemalloc_compile
    }
    ;;
esac
flags=()
for flag in "${COMPILE_FLAGS[@]}"; do
  case $flag in
    # The optimizer costs minutes here; canaries and unrolled loops are no subject.
    -O2|-funroll-loops|-fstack-protector|-DMI_MALLOC_OVERRIDE) ;;
    *) flags+=("$flag") ;;
  esac
done
# Fences, which the sanitizer does not know, are in hooks that nobody installs.
COMPILE_FLAGS=(-O1 -fno-omit-frame-pointer -fsanitize=thread -Wno-tsan "${flags[@]}")

# No operators, pins or old glibc: it is loaded where it was built.
OLDEST_GLIBC=99 NEEDED_ALLOWED+=' libtsan.so.2 libgcc_s.so.1'
link_library() {
  "${CC[@]}" -shared -fsanitize=thread -o linked.so "${OBJECTS[@]}" -Wl,-z,defs "-Wl,-soname,$LIBRARY" "${LIBS[@]}"
  split_debug
}

# For the test of the test.
# shellcheck disable=SC2317 # called by the overlay that it is put into
tsan_break() {
  eval "whole_$(declare -f recipe_compile)"
  recipe_compile() {
    sed -i 's/^\tpthread_mutex_\(un\)\?lock(&purge.step);$//' allocrun/purge.c
    whole_recipe_compile
  }
}
