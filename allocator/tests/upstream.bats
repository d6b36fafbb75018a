#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# The allocators' own test suites, for every build of the manifest.
#
# What does not run, and why:
#   jemalloc, targets other than this machine's: the unit tests in portable_units
#     (upstream.bash) only; the rest does not depend on the machine.
#   jemalloc, aarch64 with musl: no unit tests; its machine and its libc each have theirs.
#   jemalloc while profiling, other machines: minutes in the emulator; acceptance.bats samples
#     every kilobyte there.
#   jemalloc, integration/smallocx: a function that only an experimental build exports.
#   jemalloc, integration/cpp: tests upstream's own operators; ours have acceptance.bats.
#   jemalloc, stress and analyze: measurements, nothing that could fail.
#   mimalloc, main-override and test-wrong: nothing that they would check by themselves.

load helpers
load upstream

# With pages of 64 KiB small sizes reach further than caches do; and what hooks of its own
# purge cannot be counted beside a thread that purges.
skip_reasons+='|^\((opt_tcache_max < SC_(SMALL_MAX|LARGE_MIN)CLASS|is_background_thread_enabled\(\))\)$'

setup_file() {
  export ALLOCRUN_SOURCES="${ALLOCRUN_SOURCES:-$repo_dir/build/sources}"
  "$allocator_dir/fetch"
}

# Says how many tests there were; each of them has to pass.
run_all() {
  local id=$1 reasons=$skip_reasons test count=0
  case $(value_of "$id" variant) in
    prof) reasons+="|$skip_reasons_prof" ;;
    *) reasons+="|$skip_reasons_plain" ;;
  esac
  shift
  for test in "$programs"/*; do
    [[ $test != *.sh ]] || continue
    run_jemalloc_test "$id" "$test" "$@"
    assert_jemalloc_passed "${test##*/}" "$reasons"
    count=$((count + 1))
  done
  tests_run=$count
}

units_native() {
  local programs tests_run
  upstream_programs "$1" units
  run_all "$1" env
  [ "$tests_run" -ge 112 ] || fail "only $tests_run unit tests"
}
@test "jemalloc: its unit tests, built with the flags of each build" { each_build --where "$is_jemalloc and $runs_here" units_native; }

units_elsewhere() {
  local programs tests_run emulator
  upstream_programs "$1" units
  use_target "$(target_of "$1")"
  run_all "$1" env "${emulator[@]}"
  assert_equal "$tests_run" "${#portable_units[@]}" 'unit tests'
}
@test "jemalloc: those that depend on machine or libc, for the other targets" {
  each_build --where "$is_jemalloc and .variant == \"\" and ($runs_here | not) and (.machine == \"$(uname -m)\" or .libc == \"glibc\")" units_elsewhere
}

# They are linked with the library, which musl's loader also looks for by its name.
preload_linked() {
  preload "$1"
  preloaded=(env LD_LIBRARY_PATH="$(dirname -- "$(library_of "$1")")" "${preloaded[@]:1}")
}

finds_only_ours() {
  run env LD_TRACE_LOADED_OBJECTS=1 "${preloaded[@]:1}" "$programs/malloc"
  assert_equal "$(grep -o '/[^ ]*/libjemalloc[^ ]*' <<<"$output" | sort -u)" "$(library_of "$1")" 'libraries of that name'
}
integration() {
  local programs tests_run preloaded settings
  upstream_programs "$1" integration
  preload_linked "$1"
  # A program that finds a library of its own would prove nothing of ours; where the machine
  # has one too, as with the distribution's package, ours is before it.
  ! env "${emulator[@]}" "$programs/malloc" >/dev/null 2>&1 || finds_only_ours "$1"
  for settings in "${@:2}"; do
    MALLOC_CONF=$settings run_all "$1" "${preloaded[@]}"
    assert_equal "$tests_run" 14 'integration tests'
  done
}
integration_plain() { integration "$1" ''; }
@test "jemalloc: its integration tests, in the shipped library" { each_build --where "$is_jemalloc" integration_plain; }

integration_configured() { integration "$1" dirty_decay_ms:0,muzzy_decay_ms:0 dirty_decay_ms:-1,muzzy_decay_ms:-1 background_thread:true; }
@test "jemalloc: the same with no decay, at-once decay, background threads" { each_build --where "$is_jemalloc and $runs_here" integration_configured; }

integration_profiled() { integration "$1" prof:true prof:true,prof_active:false; }
@test "jemalloc: the same while profiling" { each_build --where "$is_jemalloc and $has_prof and $is_own_machine" integration_profiled; }

# A test of mimalloc's; its library is the shipped one.
passes() {
  local id=$1 test=$2
  shift 2
  preload_linked "$id"
  run timeout --signal=KILL 600 "${preloaded[@]}" "$programs/$test" "$@"
  [ "$status" -eq 0 ] || fail "$test: status $status" "$output"
}
mimalloc_tests() {
  local programs preloaded load=(32 50 20) # threads, scale, rounds
  ! is_emulated "$1" || load=(8 20 5)
  upstream_programs "$1" tests
  passes "$1" test-api
  assert_contains "$output" 'failed   : 0'
  passes "$1" test-api-fill
  assert_contains "$output" 'failed   : 0'
  passes "$1" test-stress "${load[@]}"
  passes "$1" test-stress-malloc "${load[@]}"
  passes "$1" test-stress-subprocs "${load[@]}"
  MIMALLOC_ARENA_EAGER_COMMIT=0 MIMALLOC_PAGE_COMMIT_ON_DEMAND=0 passes "$1" test-stress-heaps "${load[@]}"
}
@test "mimalloc: test-api, test-api-fill and the stress tests, in the shipped library" { each_build --where '.allocator == "mimalloc"' mimalloc_tests; }
