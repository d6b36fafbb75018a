# shellcheck shell=bash disable=SC2034,SC2154 # sourced by allocator/build
# jemalloc, built to be preloaded.

LIBRARY=libjemalloc.so.2          # upstream's soname: tools and vLLM look for it
LICENCE_SOURCE=COPYING
FEATURES=(stats background_thread cxx)

CONFIGURE_FLAGS=(
  # The archive is the bare tree; without this the version would read 0.0.0.
  --with-version=5.3.1-0-g81034ce1f1373e37dc865038e1bc8eeecf559ce8

  # configure would take these from the build host: its page size, the
  # Hugepagesize of its /proc/meminfo, and the address width of its CPU.
  "--with-lg-page=$LG_PAGE"
  "--with-lg-hugepage=$LG_HUGEPAGE"
  "--with-lg-vaddr=$LG_VADDR"

  # Its C++ operators would make libstdc++ a dependency, which slim images lack.
  # operators/operators.c takes their place.
  --disable-cxx

  # gettid() came with glibc 2.30. Without it the same system call is made directly.
  je_cv_gettid=no

  --disable-doc                   # needs xsltproc, and is not shipped
)
# Left at upstream's defaults on purpose: no symbol prefix (it would rename malloc
# and MALLOC_CONF); initial-exec TLS (a preloaded library gets its static TLS at
# program start, and every allocation saves a call); stats (the audit and the agent
# read them); /etc/malloc.conf and MALLOC_CONF are read.

COMPILE_FLAGS=(
  -O3 -funroll-loops              # upstream's own, given here because CFLAGS replaces them
  -g0                             # upstream adds -g3; the symbol table is kept all the same
)

# Leaves the position-independent objects in the array OBJECTS.
recipe_compile() {
  stage configure jemalloc_configure
  stage "compile ($jobs jobs)" clean_env make "-j$jobs" lib/libjemalloc_pic.a
  OBJECTS=(src/*.pic.o)
}

jemalloc_configure() {
  clean_env autoconf
  clean_env ./configure "${CONFIGURE_FLAGS[@]}" CC="$CC" CFLAGS="${cflags[*]}"
}
