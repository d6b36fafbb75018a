# shellcheck shell=bash disable=SC2034,SC2154 # variables from helpers.bash, and for upstream.bats
# Builds the allocators' own test programs, from the pinned sources, with the compiler
# of a build's target and the flags that the manifest names for it. What is built stays
# in build/allocator-tests, keyed by all that decides it.
#
# jemalloc's unit tests come with a library of their own, in which everything can be
# reached (JEMALLOC_JET). Its integration tests, and mimalloc's tests, use the very
# library that is shipped, which is preloaded into them.

# shellcheck source=allocator/common.sh
. "$allocator_dir/common.sh"
sources_dir=$(realpath -m -- "${ALLOCRUN_SOURCES:-$repo_dir/build/sources}")

# The unit tests for targets other than this machine's: what depends on the machine,
# its page size or its libc. All of them, for each target, would take too long.
portable_units=(
  a0 arena_reset atomic background_thread base bin bit_util bitmap cache_bin ckh conf div
  edata_cache extent_quantize fb fork hash hpdata huge large_ralloc mallctl math mpsc_queue
  mtx nstime pa pack pages ph prng psset ql qr rb retained rtree sc SFMT size_classes slab
  spin stats sz tcache_max ticker tsd zero
)

# What a unit test may skip itself for: a build that we do not ship (debug, and checks
# that cost on every call), and what the kernel or libc of the machine lacks.
skip_reasons='^\((!config_debug|!config_log|!config_opt_safety_checks|!config_opt_size_checks|!opt_junk_alloc|!uaf_detection_enabled\(\))\)$'
skip_reasons+='|opt_process_madvise_max_batch|^\(!hpa_supported\(\)\)$'
skip_reasons_plain='^\(!config_prof\)$'
skip_reasons_prof='^\(config_prof\)$'

# The folder of the finished programs of WHAT (units, integration, tests) for a build,
# in $programs. It comes to be by one rename.
upstream_programs() {
  local id=$1 what=$2 cc cxx emulator last_flags dir scratch key
  use_target "$(target_of "$id")"
  key=$({
    "$cc" --version
    value_of "$id" source_sha256
    value_of "$id" flags
    value_of "$id" sha256
    cat -- "$tests_dir/upstream.bash"
  } | sha256sum | cut -c1-16)
  dir=$repo_dir/build/allocator-tests/$id/$what-$key
  if [ ! -d "$dir" ]; then
    rm -rf -- "$repo_dir/build/allocator-tests/$id/$what"-*
    mkdir -p -- "${dir%/*}"
    scratch=$(mktemp -d -- "$dir.tmp.XXXXXX")
    # In the background, where "set -e" holds whoever called.
    (
      set -e
      mkdir "$scratch/src"
      "build_$(value_of "$id" allocator)_$what" "$id" "$scratch"
      rm -rf -- "$scratch/src"
    ) >"$scratch.log" 2>&1 &
    if ! wait $!; then
      tail -n 30 -- "$scratch.log" >&2
      rm -rf -- "$scratch" "$scratch.log"
      return 1
    fi
    rm -- "$scratch.log"
    mv -- "$scratch" "$dir"
  fi
  programs=$dir
}

unpack_source() {
  local name=$1 into=$2
  lock_read "$name"
  verify_source "$name" "$sources_dir/$src_file"
  tar -xf "$sources_dir/$src_file" -C "$into" --no-same-owner --strip-components=1
}

# --- jemalloc -------------------------------------------------------------------

# Makes the current folder jemalloc's tree, configured as the build was, and sets
# compile to the compiler's command line. Names inside the library stay as they are in
# the source, without upstream's prefix "je_".
configure_jemalloc() {
  local id=$1 word configure_flags=() compile_flags=()
  unpack_source jemalloc .
  for word in $(value_of "$id" flags); do
    case $word in
      --* | *_cv_*=*) configure_flags+=("$word") ;;
      *) compile_flags+=("$word") ;;
    esac
  done
  autoconf
  ./configure "${configure_flags[@]}" CC="$cc" CFLAGS="${compile_flags[*]}"
  : >include/jemalloc/internal/private_namespace.h
  : >include/jemalloc/internal/private_namespace_jet.h
  compile=("$cc" -std=gnu11 -D_GNU_SOURCE -D_REENTRANT "${compile_flags[@]}" "${last_flags[@]}" -g0 -Iinclude -I. -Itest/include)
}

# Each test of a folder becomes a program with the objects given, two at a time.
# -O1: the tests' own code is not what is tested.
link_jemalloc_tests() {
  local define=$1 out=$2 tests=$3 source
  shift 3
  for source in test/src/*.c; do
    "${compile[@]}" -O1 "$define" -c "$source" -o "${source%.c}.o"
  done
  # What each of them includes first, parsed once: most of the time of a compilation.
  "${compile[@]}" -O1 "$define" -pthread test/include/test/jemalloc_test.h
  # shellcheck disable=SC2016 # for the other shell
  xargs -P2 -I{} sh -c 'out=$1; shift; name=$(basename {} .c); "$@" -o "$out/$name" {} -pthread -lm' \
    - "$out" "${compile[@]}" -O1 "$define" test/src/*.o "$@" <<<"$tests"
  for source in $tests; do
    [ ! -e "${source%.c}.sh" ] || cp -- "${source%.c}.sh" "$out/"
  done
}

tests_of_makefile() { make -s --eval="print: ; @printf '%s\n' \$($1)" print; }

build_jemalloc_units() {
  local id=$1 dir=$2 compile source tests
  cd -- "$dir/src"
  configure_jemalloc "$id"
  # As the recipe does it: all of the library as one source file.
  for source in src/*.c; do
    [ "$source" = src/zone.c ] || printf '#include "%s"\n' "$source"
  done >jet.c
  "${compile[@]}" -DJEMALLOC_JET -c jet.c -o jet.o
  if [ "$(target_of "$id")" = "$(uname -m)-glibc" ]; then
    tests=$(tests_of_makefile TESTS_UNIT)
  else
    tests=$(printf 'test/unit/%s.c\n' "${portable_units[@]}")
  fi
  link_jemalloc_tests -DJEMALLOC_UNIT_TEST "$dir" "$tests" jet.o
}

# Without the preload, and with the tree gone, there is no library that they would find.
build_jemalloc_integration() {
  local id=$1 dir=$2 compile source library
  cd -- "$dir/src"
  configure_jemalloc "$id"
  library=$(library_of "$id")
  # test_hooks: what tests can hang into a library that is built for it. Ours is not.
  for source in nstime malloc_io ticker test_hooks; do
    "${compile[@]}" -O1 -DJEMALLOC_INTEGRATION_TEST -c "src/$source.c" -o "$source.o"
  done
  link_jemalloc_tests -DJEMALLOC_INTEGRATION_TEST "$dir" "$(tests_of_makefile TESTS_INTEGRATION)" ./*.o "$library"
}

# Runs one of jemalloc's tests as its test.sh does: with the settings of the file
# beside it. Status 1 means that something in it was skipped.
run_jemalloc_test() {
  local id=$1 test=$2 settings
  shift 2
  settings=$(
    unset MALLOC_CONF
    enable_fill=1 enable_prof=0 # what the .sh files ask for
    [ "$(value_of "$id" variant)" != prof ] || enable_prof=1
    # shellcheck source=/dev/null
    [ ! -e "$test.sh" ] || . "$test.sh"
    printf '%s' "${MALLOC_CONF:-}"
  )
  MALLOC_CONF=$settings${MALLOC_CONF:+${settings:+,}$MALLOC_CONF} \
    run timeout --signal=KILL 300 "$@" "$test" "$PWD" "$PWD"
}

# Nothing failed, and what was skipped was skipped for a reason that we know.
assert_jemalloc_passed() {
  local test=$1 reasons=$2 reason
  [ "$status" -le 1 ] || fail "$test: status $status" "$output"
  assert_contains "$output" 'fail: 0/' "$test"
  while IFS= read -r reason; do
    [[ $reason =~ $reasons ]] || fail "$test skips itself: $reason"
  done < <(sed -n 's/.*: Test skipped: //p' <<<"$output")
  [ "$status" -eq 0 ] || assert_contains "$output" 'Test skipped' "$test"
}

# --- mimalloc -------------------------------------------------------------------

build_mimalloc_tests() {
  local id=$1 dir=$2 test tree
  unpack_source mimalloc "$dir/src"
  tree=$dir/src/$src_subdir
  for test in api api-fill stress stress-heaps stress-subprocs; do
    "$cc" -std=gnu11 -O2 -DNDEBUG -pthread -I"$tree/include" -o "$dir/test-$test" "$tree/test/test-$test.c" "$(library_of "$id")" "${last_flags[@]}"
  done
  "$cc" -std=gnu11 -O2 -DNDEBUG -pthread -DUSE_STD_MALLOC=1 -I"$tree/include" -o "$dir/test-stress-malloc" "$tree/test/test-stress.c" "${last_flags[@]}"
}
