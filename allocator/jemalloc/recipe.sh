# shellcheck shell=bash disable=SC2034,SC2154 # sourced by allocator/build
# jemalloc, built to be preloaded.

LIBRARY=libjemalloc.so.2          # upstream's soname: tools and vLLM look for it
LICENCE_SOURCE=COPYING
VARIANTS=('' prof)                # prof: with heap profiling, for the debug profile
PAGES=fixed                       # the page size is compiled in
FEATURES=(stats background_thread cxx purge_thread)

CONFIGURE_FLAGS=(
  # The archive is the bare tree; without this the version would read 0.0.0.
  --with-version=5.3.1-0-g81034ce1f1373e37dc865038e1bc8eeecf559ce8

  # A build machine that does not exist: configure takes every target for a
  # cross build, and so runs nothing of what it compiles. Nothing of this machine's
  # CPU or kernel gets in, and native and cross builds take the same path.
  --build=x86_64-nowhere-linux-gnu
  "--host=$TRIPLET"

  # configure would take these from the build host: its page size, the
  # Hugepagesize of its /proc/meminfo, and the address width of its CPU.
  "--with-lg-page=$LG_PAGE"
  "--with-lg-hugepage=$LG_HUGEPAGE"
  "--with-lg-vaddr=$LG_VADDR"

  # What it would run a program for, and does not know of a cross build.
  je_cv_asm_volatile=yes
  je_cv_int128=yes

  # What any compiler that can build it has. (For aarch64-musl configure's own test
  # fails, because it links without runtime/getauxval.c.)
  je_cv_c11_atomics=yes
  je_cv_gcc_atomic_atomics=yes
  je_cv_gcc_u8_atomic_atomics=yes
  je_cv_gcc_sync_atomics=yes
  je_cv_gcc_u8_sync_atomics=yes

  # What depends on the age of the headers. gettid() came with glibc 2.30: without
  # it the same system call is made directly. The other two are for huge pages that
  # jemalloc manages itself (hpa), which is off.
  je_cv_gettid=no
  je_cv_madv_collapse=no
  je_cv_process_madvise=no

  # Its C++ operators would make libstdc++ a dependency, which slim images lack.
  # operators/operators.c takes their place.
  --disable-cxx

  --disable-doc                   # needs xsltproc, and is not shipped
)
# Left at upstream's defaults on purpose: no symbol prefix (it would rename malloc
# and MALLOC_CONF); initial-exec TLS (a preloaded library gets its static TLS at
# program start, and every allocation saves a call); stats (the audit and the agent
# read them); /etc/malloc.conf and MALLOC_CONF are read.

# musl has pthread_getname_np from 1.2.3 on. Only prof asks for it, for threads' names.
[ "$LIBC" != musl ] || CONFIGURE_FLAGS+=(je_cv_pthread_getname_np=no)

case $variant in
  prof)
    FEATURES+=(prof)
    # Stacks are unwound by libgcc's unwinder, which understands programs without
    # frame pointers, as nearly all are. It is linked in: libgcc_s is not in every
    # image. (configure would look for it with the build's own libc: told instead.)
    CONFIGURE_FLAGS+=(--enable-prof ac_cv_lib_gcc__Unwind_Backtrace=yes)
    RUNTIME+=(find_object)
    RUNTIME_LIBS=(-lgcc_eh)
    TOOL=jeprof                   # reads the profiles; lies beside the manifest
    TOOL_SOURCE=bin/jeprof
    ;;
esac

COMPILE_FLAGS=(
  -O2 -funroll-loops              # measured: README.md
  -fstack-protector               # of what has a buffer: slow paths, measured as well
  -fvisibility=hidden             # upstream's own; nothing else is exported
  -g
)

# Leaves the position-independent objects in the array OBJECTS.
recipe_compile() {
  stage configure jemalloc_configure
  stage compile jemalloc_compile
  OBJECTS=(jemalloc.o)
}

jemalloc_configure() {
  clean_env autoconf
  clean_env ./configure "${CONFIGURE_FLAGS[@]}" CC="${CC[*]}" CFLAGS="${cflags[*]}"
}

# All of it as one source file, so that the compiler sees the whole library, and in
# half the time. (A macro that two files defined differently would be an error.)
#
# Upstream's Makefile compiles everything twice: once to list the internal names, which
# a header then puts "je_" before, and once more with that header. With the header
# empty, the names are changed in the object.
jemalloc_compile() {
  local source
  : >include/jemalloc/internal/private_namespace.h
  {
    # The flush of a thread's cache has a buffer, and is no slow path.
    printf '#include "jemalloc/internal/%s.h"\n' jemalloc_preamble jemalloc_internal_includes
    echo '__attribute__((no_stack_protector)) __typeof__(arena_ptr_array_flush) arena_ptr_array_flush;'
    # zone.c is for macOS; what comes after them is ours: a table for allocrun --check --pid, and
    # the purge thread.
    for source in src/*.c allocrun/{layout,options,policy,limit,heap,purge}.c; do
      [ "$source" = src/zone.c ] || printf '#include "%s"\n' "$source"
    done
  } >jemalloc.c
  clean_env "${CC[@]}" -std=gnu11 -D_GNU_SOURCE -D_REENTRANT "${cflags[@]}" -Werror -fPIC -DPIC \
    -Iinclude -I. -c jemalloc.c -o jemalloc.o
  jemalloc_prefix_names
  [ "$variant" != prof ] || jemalloc_teach_jeprof
}

# (The hooks of its tests are the only internal names that upstream exports.)
jemalloc_prefix_names() {
  readelf -sW jemalloc.o |
    awk '$5 == "GLOBAL" && $6 == "HIDDEN" && $7 != "UND" { print $8, "je_" $8 }' >names
  "${CROSS}objcopy" --redefine-syms=names --wildcard --localize-symbol='test_hooks_*' jemalloc.o
}

# jeprof leaves the allocator's own frames out, by their names: ours are without "je_"
# in the debug information, and our operators are not those of libstdc++.
jemalloc_teach_jeprof() {
  sed -i -e "s/^\( *\)'je_\([a-z_]*\)',$/&\n\1'\2',/" \
    -e "s/^\( *\)'operator new\[\]',$/&\n\1'new_plain', 'new_plain_quiet', 'new_aligned', 'new_aligned_quiet',/" \
    bin/jeprof
}
