# shellcheck shell=bash disable=SC2034,SC2154 # sourced by allocator/build
# mimalloc 3, built to be preloaded.

LIBRARY=libmimalloc.so.3          # upstream's soname
LICENCE_SOURCE=LICENSE
FEATURES=(stats cxx purge_thread)

# The system's page size is asked at start-up. The largest that works is that of its
# own unit of memory, 64 KiB (MI_ARENA_SLICE_SIZE): the largest that any target has.
PAGES=any

# Upstream's CMake is not used: src/static.c includes every other source file, is
# upstream's own way to make one object of the library, and lets the compiler see
# all of it at once. fork.c includes it and adds the fork handlers. The defines are
# those that CMake gives to a release build of the shared library.
COMPILE_FLAGS=(
  -O2 -DNDEBUG -DMI_BUILD_RELEASE -DMI_CMAKE_BUILD_TYPE=release
  -DMI_MALLOC_OVERRIDE            # define malloc and free themselves, not only mi_malloc
  -DMI_SHARED_LIB -DMI_SHARED_LIB_EXPORT # export the mi_ functions; no heap collection at exit
  -fvisibility=hidden             # nothing else is exported
  -ftls-model=initial-exec        # the fast TLS model: a preloaded library has static TLS
                                  # (what MI_LOCAL_DYNAMIC_TLS=OFF means)
  -fstack-protector               # of what has a buffer: slow paths, measured
  -fno-builtin-malloc             # the compiler must not reason about our own malloc
  -g
)
# Left at upstream's defaults on purpose: MI_OPT_ARCH off (it would need AVX2 and
# BMI2); MI_SECURE, MI_GUARDED, MI_PADDING off (they cost on every allocation).

# Upstream's switch: the thread pointer is read by assembly, not by the compiler's
# builtin.
[ "$LIBC" != musl ] || COMPILE_FLAGS+=(-DMI_LIBC_MUSL=1)

# Leaves the position-independent objects in the array OBJECTS.
recipe_compile() {
  stage compile clean_env "${CC[@]}" -std=gnu11 "${cflags[@]}" -Werror=implicit -Werror=int-conversion -fPIC -Iinclude -Isrc \
    -c allocrun/fork.c -o mimalloc.o
  OBJECTS=(mimalloc.o)
}
