#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# The purge thread and our patches under ThreadSanitizer: our sources as they are shipped, built once more with
# every access instrumented (tsan/overlay.sh). STORMS (2) of ROUNDS (6) make it longer. This machine alone: no
# emulator runs the sanitizer, and valgrind's helgrind knows neither atomics nor futexes.

load helpers

setup_file() {
  local own=$tests_dir/tsan prefix=$repo_dir/build/tsan/prefix
  [ "$(id -u)" -eq 0 ] || fail 'needs root: a memory limit is played in mounts of our own'
  # The same with the step lock left out, for a sanitizer that sees nothing finds nothing.
  { cat -- "$own/overlay.sh"; echo 'tsan_break'; } >"$BATS_FILE_TMPDIR/broken.sh"
  tsan_build "$prefix" "$own/overlay.sh" jemalloc mimalloc
  tsan_build "$prefix-broken" "$BATS_FILE_TMPDIR/broken.sh" mimalloc
  tsan_program "$prefix" jemalloc jemalloc -DWITH_JEMALLOC
  tsan_program "$prefix" mimalloc mimalloc
  tsan_program "$prefix-broken" mimalloc broken
}

# The smallest of a recipe: its plain build for this machine.
tsan_build() {
  local prefix=$1 overlay=$2 names=() name
  shift 2
  for name in "$@"; do
    names+=("$name-$("$allocator_dir/fetch" --list "$name" | cut -d' ' -f2)-$(uname -m)-glibc")
  done
  "$allocator_dir/build" --prefix "$prefix" --work "$prefix-work" --overlay "$overlay" "${names[@]}" >&2
}

tsan_program() {
  local library
  library=$(echo "$1"/lib/allocrun/*/"$2"-*/lib*.so*)
  gcc -std=gnu17 -Wall -Wextra -Werror -O1 -g -fsanitize=thread -pthread -I"$allocator_dir/purge" "${@:4}" \
    -o "$BATS_FILE_TMPDIR/$3" "$tests_dir/tsan/storm.c" "$library" -Wl,-rpath,"${library%/*}"
}

# A group of 1 GiB by both versions, in use what the storm says.
# shellcheck disable=SC2016 # for the other shell
play_limit='
  mount -t tmpfs tmpfs /sys/fs/cgroup
  cd /sys/fs/cgroup
  mkdir memory
  echo $((1 << 30)) | tee memory.max >memory/memory.limit_in_bytes
  printf "anon 1\ninactive_file 1048576\n" >memory.stat
  printf "cache 1\ntotal_inactive_file 1048576\n" >memory/memory.stat
  echo 0 | tee memory.current >memory/memory.usage_in_bytes
  exec "$@" "$PWD/memory.current" "$PWD/memory/memory.usage_in_bytes"'

# What the sanitizer says of each process goes into a file of its own, for a child that ends by _exit
# tells nobody. A process namespace: what hangs leaves nobody behind. storm PROGRAM SEED FORKS OPTIONS
storm() {
  export ALLOCRUN_PURGE=window_ms:100,idle_ms:50,heap_mb:1
  export JE_MALLOC_CONF=dirty_decay_ms:5000,muzzy_decay_ms:0,narenas:2,oversize_threshold:1048576
  export TSAN_OPTIONS=die_after_fork=0:exitcode=0:history_size=7:$4
  TSAN_OPTIONS+=:suppressions=$tests_dir/tsan/suppressions:log_path=$BATS_TEST_TMPDIR/log
  run timeout --signal=KILL 900 unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    bash -euc "$play_limit" - "$BATS_FILE_TMPDIR/$1" "$2" "${ROUNDS:-6}" "$3"
  assert_status 0
  assert_equal "${lines[-1]}" ok "$output"
}
storms() {
  local i log
  for ((i = 1; i <= ${STORMS:-2}; i++)); do
    storm "$1" "$i" "$2" "$3"
    for log in "$BATS_TEST_TMPDIR"/log.*; do
      [ ! -e "$log" ] || fail "seed $i:" "$(cat "$log")"
    done
  done
}

@test "tsan: jemalloc: no race, with commands, forks, arenas and a limit at once" {
  storms jemalloc "${ROUNDS:-6}" detect_deadlocks=0
}
@test "tsan: mimalloc: the same" { storms mimalloc "${ROUNDS:-6}" detect_deadlocks=0; }
# A fork takes more locks than the search for deadlocks has room for.
@test "tsan: jemalloc and mimalloc: locks are taken in one order" {
  storms jemalloc 0 detect_deadlocks=1
  storms mimalloc 0 detect_deadlocks=1
}
@test "tsan: it sees a race where the step lock is left out" {
  storm broken 1 0 detect_deadlocks=0
  grep -h 'SUMMARY: .*data race' "$BATS_TEST_TMPDIR"/log.* | grep -q ' allocrun/'
}
