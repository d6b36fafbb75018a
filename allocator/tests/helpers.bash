# shellcheck shell=bash disable=SC2034,SC2154 # variables are for the files that load this
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

# --- the builds of the manifest -------------------------------------------------

# The ids of the builds for which a jq condition holds; all of them without one.
ids() { jq -r ".builds[] | select(${1:-true}) | .id" "$manifest"; }
value_of() { jq -r --arg id "$1" ".builds[] | select(.id == \$id) | .$2" "$manifest"; }
library_of() { printf '%s/%s\n' "$libdir" "$(value_of "$1" file)"; }
target_of() { jq -r --arg id "$1" '.builds[] | select(.id == $id) | "\(.machine)-\(.libc)"' "$manifest"; }
targets() { jq -r '[.builds[] | "\(.machine)-\(.libc)"] | unique[]' "$manifest"; }

# Conditions for each_build.
is_jemalloc='.allocator == "jemalloc"'
is_glibc='.libc == "glibc"'
has_prof='(.features | index("prof"))'
is_own_machine=".machine == \"$(uname -m)\""
runs_here="$is_own_machine and .libc == \"glibc\"" # with this machine's own programs

# Runs "FUNCTION ID" for every build, or for those that a condition names, two at a
# time, each in a folder of its own. All are run; the failed ones are shown whole.
#   each_build [--where CONDITION] [--one-by-one] FUNCTION
# A prefix without any build of the kind proves nothing here: manifest.bats says which
# builds there must be.
each_build() {
  local where=true slots=2 id dir failed=0
  while [ $# -gt 1 ]; do
    case $1 in
      --where) where=$2; shift ;;
      --one-by-one) slots=1 ;;
    esac
    shift
  done
  ids >/dev/null # the manifest can be read
  [ -n "$(ids)" ] || fail "the manifest $manifest names no build"
  dir=$(mktemp -d -- "$BATS_TEST_TMPDIR/builds.XXXXXX")
  for id in $(ids "$where"); do
    while [ "$(jobs -rp | wc -l)" -ge "$slots" ]; do wait -n || true; done
    mkdir "$dir/$id"
    one_build "$1" "$id" "$dir/$id" >"$dir/$id.log" 2>&1 3>&1 &
  done
  wait
  for id in $(ids "$where"); do
    [ ! -e "$dir/$id.passed" ] || continue
    failed=$((failed + 1))
    echo "build $id:"
    cat -- "$dir/$id.log"
  done
  [ "$failed" -eq 0 ] || fail "$failed builds failed"
}

# In the background, so that "set -e" holds in FUNCTION whoever called each_build.
one_build() {
  set -e
  trap 'echo "failed: $BASH_COMMAND (${BASH_SOURCE[0]##*/}, line $LINENO)" >&2' ERR
  cd -- "$3"
  "$1" "$2"
  : >"$3.passed"
}

# --- compilers and emulators ------------------------------------------------------

# Sets, for a target: cc, cxx (empty where there is no C++ library), last_flags that
# its programs need after all others, and emulator, the command before a program of
# another machine (empty for our own).
use_target() {
  local machine=${1%-*} libc=${1##*-} sysroot=/usr/${1%-*}-linux-gnu
  emulator=() cxx='' last_flags=()
  case $libc-$machine in
    glibc-*) cc=$machine-linux-gnu-gcc cxx=$machine-linux-gnu-g++ ;;
    "musl-$(uname -m)") cc=musl-gcc ;;
    musl-*) sysroot=$("$allocator_dir/build" --sysroot --target "$1" --work "$repo_dir/build/allocator-tests" 2>/dev/null) cc=$sysroot/cc ;;
  esac
  # Or programs ask for a function of glibc's at their start.
  [ "$1" != aarch64-musl ] || last_flags=(-mno-outline-atomics)
  [ "$machine" = "$(uname -m)" ] || emulator=("qemu-$machine-static" -L "$sysroot")
}
is_emulated() { [ "$(value_of "$1" machine)" != "$(uname -m)" ]; }

# The command that runs COMMAND with the build's library preloaded, in the array
# preloaded. On another machine's build COMMAND has to be a program of that machine.
# The emulator takes the place of limits that it does not hand on: GUEST_SPACE, in MiB.
preload() {
  local id=$1 lib
  shift
  lib=$(library_of "$id")
  use_target "$(target_of "$id")"
  preloaded=(env LD_PRELOAD="$lib" EXPECT_LIBRARY="$lib")
  if [ ${#emulator[@]} -gt 0 ]; then
    preloaded+=(EMULATED=1 "${emulator[@]}")
    [ -z "${GUEST_SPACE:-}" ] || preloaded+=(-R "${GUEST_SPACE}M")
  fi
  preloaded+=("$@")
}

# Runs COMMAND with the build's library preloaded, bounded in time. A library that
# the loader could not preload is a failure even when the command is happy.
with_build() {
  local id=$1 preloaded
  preload "$@"
  shift
  run timeout --signal=KILL "${SECONDS_ALLOWED:-1200}" "${preloaded[@]}"
  [ "$status" -ne 137 ] || fail "command: $*" "  hangs with $id, or was killed" "$output"
  [ "$status" -eq 0 ] || fail "command: $*" "  status $status with $id" "$output"
  assert_lacks "$output" 'ERROR: ld.so'
  assert_lacks "$output" 'Error loading shared library'
}

# Builds the test programs of a target into DIR, once for a file of tests.
compile_programs() {
  local target=$1 out=$2 source cc cxx emulator last_flags
  local warnings=(-Wall -Wextra -Werror)
  use_target "$target"
  mkdir -p -- "$out"
  "$cc" -std=gnu17 "${warnings[@]}" -O1 -fPIC -shared -o "$out/libearly.so" "$tests_dir/programs/libraries/early.c" "${last_flags[@]}"
  "$cc" -std=gnu17 "${warnings[@]}" -O1 -fPIC -shared -o "$out/c_plugin.so" "$tests_dir/programs/libraries/c_plugin.c"
  for source in "$tests_dir"/programs/*.c; do
    # -g: heap profiles are read by function names and lines.
    "$cc" -std=gnu17 "${warnings[@]}" -O1 -g -fno-builtin -pthread -o "$out/$(basename -- "$source" .c)" "$source" \
      -L"$out" -Wl,--as-needed,-rpath,"$out" -learly "${last_flags[@]}"
  done
  [ -n "$cxx" ] || return 0
  "$cxx" -std=c++17 "${warnings[@]}" -O1 -fno-builtin -o "$out/operators" "$tests_dir/programs/operators.cpp"
  "$cxx" -std=c++17 "${warnings[@]}" -O1 -fPIC -shared -o "$out/plugin.so" "$tests_dir/programs/libraries/cxx_plugin.cpp"
  "$cxx" -std=c++17 "${warnings[@]}" -O1 -fPIC -shared -static-libstdc++ -static-libgcc \
    -o "$out/plugin_static.so" "$tests_dir/programs/libraries/cxx_plugin.cpp"
}

# --- cgroups ----------------------------------------------------------------------

# The folder of a new cgroup that is limited to so many MiB, of the first version or
# the second, below our own or as near to it as the kernel lets us.
make_cgroup() {
  local parent cgroup
  while read -r parent; do
    cgroup=$(mktemp -d -- "$parent/allocrun-test.XXXXXX" 2>/dev/null) || continue
    if echo $(($1 << 20)) 2>/dev/null >"$cgroup/memory.limit_in_bytes" ||
      echo $(($1 << 20)) 2>/dev/null >"$cgroup/memory.max"; then
      printf '%s\n' "$cgroup"
      return 0
    fi
    rmdir -- "$cgroup"
  done < <(cgroup_parents)
  fail 'no cgroup with a memory limit can be made here'
}

# Where a memory cgroup could be made: our own of each hierarchy, then those above it.
cgroup_parents() {
  local controllers path mount
  while IFS=: read -r _ controllers path; do
    case ,$controllers, in
      *,memory,*) mount=/sys/fs/cgroup/memory ;;
      ,,) mount=/sys/fs/cgroup ;;
      *) continue ;;
    esac
    [ -d "$mount$path" ] || path=/
    while :; do
      echo "$mount${path%/}"
      [ "$path" != / ] || break
      path=$(dirname -- "$path")
    done
  done </proc/self/cgroup
}

in_cgroup() {
  # shellcheck disable=SC2016 # for the other shell
  exec bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$@"
}

remove_cgroup() {
  local pid tries
  for ((tries = 0; tries < 100; tries++)); do
    while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done <"$1/cgroup.procs"
    ! rmdir -- "$1" 2>/dev/null || return 0
    sleep 0.05
  done
  fail "the cgroup $1 does not go away"
}

oom_kills() {
  local file=$1/memory.events
  [ -e "$file" ] || file=$1/memory.oom_control
  sed -n 's/^oom_kill //p' "$file"
}
