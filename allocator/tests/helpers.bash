# shellcheck shell=bash
# What the tests of the bundled builds share.

tests_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
allocator_dir=$(dirname -- "$tests_dir")
repo_dir=$(dirname -- "$allocator_dir")
prefix=$(realpath -m -- "${ALLOCRUN_PREFIX:-$repo_dir/build/prefix}")
libdir=$prefix/lib/allocrun
manifest=$libdir/manifest.json

# The tests decide what is preloaded and configured, not the caller's environment.
unset LD_PRELOAD MALLOC_CONF GLIBC_TUNABLES "${!MIMALLOC_@}"

# A failed comparison shows both sides.
fail() { printf '%s\n' "$@" >&2; return 1; }
assert_equal() { [ "$1" = "$2" ] || fail "${3:-values differ}" "  expected: $2" "  observed: $1"; }
assert_contains() { [[ $1 == *"$2"* ]] || fail "${3:-text is missing}" "  expected somewhere: $2" "  observed: $1"; }
assert_lacks() { [[ $1 != *"$2"* ]] || fail "${3:-text is there}" "  not expected: $2" "  observed: $1"; }
# After bats' "run": the exit status, with the command's output when it is another.
assert_status() {
  # shellcheck disable=SC2154 # set by run
  [ "$status" -eq "$1" ] || fail "command: ${BATS_RUN_COMMAND:-}" "  expected status: $1" "  observed status: $status" "$output"
}

ids() { jq -r '.builds[].id' "$manifest"; }
value_of() { jq -r --arg id "$1" ".builds[] | select(.id == \$id) | .$2" "$manifest"; }
library_of() { printf '%s/%s\n' "$libdir" "$(value_of "$1" file)"; }

# Runs "FUNCTION ID" for every build in the manifest. Called plainly, never after
# "if" or before "||": there bash would ignore a failure in the middle of FUNCTION.
each_build() {
  local id count=0
  for id in $(ids); do
    echo "build $id:" # shown when the test fails
    "$1" "$id"
    count=$((count + 1))
  done
  [ "$count" -gt 0 ] || fail "the manifest $manifest names no build"
}

# Runs COMMAND with the build's library preloaded, bounded in time. A library that
# the loader could not preload is a failure even when the command is happy.
with_build() {
  local id=$1 lib
  shift
  lib=$(library_of "$id")
  run timeout --kill-after=5 "${SECONDS_ALLOWED:-120}" env LD_PRELOAD="$lib" EXPECT_LIBRARY="$lib" "$@"
  [ "$status" -ne 124 ] || fail "command: $*" "  hangs with $id" "$output"
  [ "$status" -eq 0 ] || fail "command: $*" "  status $status with $id" "$output"
  assert_lacks "$output" 'ERROR: ld.so'
}

# Builds the test programs into DIR, once for a file of tests.
compile_programs() {
  local out=$1 source
  for source in "$tests_dir"/programs/*.c; do
    gcc -std=gnu17 -Wall -Wextra -Werror -O1 -fno-builtin -pthread -o "$out/$(basename -- "$source" .c)" "$source"
  done
  g++ -std=c++17 -Wall -Wextra -Werror -O1 -fno-builtin -o "$out/operators" "$tests_dir/programs/operators.cpp"
  g++ -std=c++17 -Wall -Wextra -O1 -fPIC -shared -o "$out/plugin.so" "$tests_dir/programs/cxx_plugin.cpp"
  g++ -std=c++17 -Wall -Wextra -O1 -fPIC -shared -static-libstdc++ -static-libgcc \
    -o "$out/plugin_static.so" "$tests_dir/programs/cxx_plugin.cpp"
}
