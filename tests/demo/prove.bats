#!/usr/bin/env bats
# prove.py: it must see the allocator that really serves, and never claim what it
# could not see.
# shellcheck disable=SC2154 # what helpers.bash sets
bats_require_minimum_version 1.5.0

load ../vllm/helpers

setup() {
  jemalloc=$(echo "$root"/build/prefix/lib/allocrun/*/jemalloc-*-glibc/libjemalloc.so.2)
  mimalloc=$(echo "$root"/build/prefix/lib/allocrun/*/mimalloc-*-glibc/libmimalloc.so.*)
  [ -e "$jemalloc" ] || fails "$jemalloc" "built by make build" "not there"
  [ -e "$mimalloc" ] || fails "$mimalloc" "built by make build" "not there"
  started=()
}

# With their children: a shell that is killed leaves them behind.
teardown() {
  local pid member
  for pid in "${started[@]}"; do
    for member in $(tree_of "$pid"); do
      kill "${member%/*}" 2>/dev/null || true
    done
  done
}

# start COMMAND...: in the background until the test ends; its PID is in $pid.
start() {
  "$@" </dev/null >/dev/null 2>&1 3>&- &
  pid=$!
  started+=("$pid")
  eventually is_running_other_than "$pid" bash env
}

# is_running_other_than PID NAME...: past the programs that only lead to it.
is_running_other_than() {
  local name
  name=$(<"/proc/$1/comm")
  [[ " ${*:2} " != *" $name "* ]]
}

children_of() { cat "/proc/$1/task/$1/children"; }

has_children() { [ "$(children_of "$1" | wc -w)" -eq "$2" ]; }

# expect_proof STATUS PID ARGUMENT...: the output is in $output.
expect_proof() {
  local wanted=$1
  shift
  status=0
  output=$(timeout 60 "$python" -B "$root/tests/demo/prove.py" "$@" 2>&1) || status=$?
  [ "$status" -eq "$wanted" ] || fails "prove.py $*" "exit $wanted" "exit $status: $output"
}

# A program that does nothing, built by the given compiler and flags.
idle_program() {
  echo '#include <unistd.h>
int main(void) { for (;;) pause(); }' >"$BATS_TEST_TMPDIR/idle.c"
  "$@" -o "$BATS_TEST_TMPDIR/idle" "$BATS_TEST_TMPDIR/idle.c"
}

@test "prove: a plain process is served by glibc" {
  start sleep 60
  expect_proof 0 --expect glibc "$pid"
  expect_proof 1 --expect jemalloc "$pid"
  expect_in "prove.py --expect jemalloc" "sleep ($pid) is served by glibc, not jemalloc" "$output"
}

@test "prove: jemalloc with its options in force, not those of its environment" {
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=narenas:3,dirty_decay_ms:-1,background_thread:true,no_such_key:1 sleep 60
  expect_proof 0 --expect "$jemalloc" "$pid"
  expect_in "prove.py" "in force" "$output"
  expect_in "prove.py" "narenas:3,dirty_decay_ms:-1,muzzy_decay_ms:0,background_thread:true" "$output"
  expect_in "prove.py" "$(readelf -n "$jemalloc" | awk '/Build ID/ { print $3 }')" "$output"
}

@test "prove: mimalloc" {
  start env LD_PRELOAD="$mimalloc" sleep 60
  expect_proof 0 --expect mimalloc "$pid"
  expect_proof 1 --expect "$jemalloc" "$pid"
}

@test "prove: of two allocators the first serves, and the other is named" {
  start env LD_PRELOAD="$jemalloc:$mimalloc" sleep 60
  expect_proof 0 --expect jemalloc "$pid"
  expect_in "prove.py" "$pid: mimalloc is mapped too" "$output"
  start env LD_PRELOAD="$mimalloc:$jemalloc" sleep 60
  expect_proof 0 --expect mimalloc "$pid"
  expect_in "prove.py" "$pid: jemalloc is mapped too" "$output"
}

@test "prove: an allocator that is mapped, but was loaded too late, does not serve" {
  start "$python" -c 'import ctypes, sys, time; ctypes.CDLL(sys.argv[1]); time.sleep(60)' "$mimalloc"
  eventually grep -q libmimalloc "/proc/$pid/maps"
  expect_proof 0 --expect glibc "$pid"
  expect_in "prove.py" "$pid: mimalloc is mapped too" "$output"
}

@test "prove: static programs are named, and prove nothing" {
  for flags in -static -static-pie; do
    idle_program gcc "$flags"
    start "$BATS_TEST_TMPDIR/idle"
    expect_proof 1 --expect glibc "$pid"
    expect_in "prove.py" "a static program brings its own malloc" "$output"
    expect_in "prove.py" "nothing to prove" "$output"
  done
}

@test "prove: a static child does not stop the proof of its parent" {
  idle_program gcc -static
  start env LD_PRELOAD="$jemalloc" sh -c "'$BATS_TEST_TMPDIR/idle' & wait"
  eventually has_children "$pid" 1
  eventually grep -q idle "/proc/$(children_of "$pid" | tr -d ' ')/comm"
  expect_proof 0 --expect jemalloc "$pid"
}

@test "prove: a musl program is served by musl" {
  idle_program musl-gcc
  start "$BATS_TEST_TMPDIR/idle"
  expect_proof 0 --expect musl "$pid"
}

@test "prove: a program that is not position-independent" {
  idle_program gcc -no-pie
  start env LD_PRELOAD="$jemalloc" "$BATS_TEST_TMPDIR/idle"
  expect_proof 0 --expect jemalloc "$pid"
}

@test "prove: the whole tree, and one that differs fails it" {
  start env LD_PRELOAD="$jemalloc" sh -c 'env -u LD_PRELOAD sleep 60 & sleep 60 & wait'
  eventually has_children "$pid" 2
  local -a children
  read -ra children < <(children_of "$pid"; echo)
  eventually grep -q sleep "/proc/${children[0]}/comm"
  eventually grep -q sleep "/proc/${children[1]}/comm"
  expect_proof 1 --expect jemalloc "$pid"
  expect_in "prove.py" "sleep (${children[0]}) is served by glibc" "$output"
  expect_equal "lines about what differs" 1 "$(grep -c 'is served by' <<<"$output")"
}

says_narenas_7() {
  "$python" -B "$root/tests/demo/prove.py" --format json "$1" | grep -q narenas:7
}

@test "prove: the environment is read where libc has it, not where a title overwrote it" {
  start env LD_PRELOAD="$jemalloc" "$python" -c 'import os, time; os.environ["MALLOC_CONF"] = "narenas:7"; time.sleep(60)'
  eventually says_narenas_7 "$pid"
}

@test "prove: control characters in a name do not reach the terminal" {
  local name=$BATS_TEST_TMPDIR/$'sl\e[31mee\np'
  cp "$(command -v sleep)" "$name"
  start "$name" 60
  expect_proof 0 --expect glibc "$pid"
  expect_in "prove.py" 'sl\x1b[31mee\np' "$output"
  [[ "$output" != *$'\e'* ]] || fails "prove.py" "no escape character" "$output"
}

@test "prove: what may not be read is unknown, and unknown is not good enough" {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to be someone else"
  start sleep 60
  cp "$root/tests/demo/prove.py" "$BATS_TEST_TMPDIR/prove.py"
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
  status=0
  output=$(setpriv --reuid 65534 --clear-groups "$python" -B - --expect glibc "$pid" <"$BATS_TEST_TMPDIR/prove.py" 2>&1) || status=$?
  expect_equal "exit of prove.py as nobody" 1 "$status"
  expect_in "prove.py as nobody" "$pid: may not be read by this user" "$output"
}

@test "prove: processes that come and go meanwhile" {
  start env LD_PRELOAD="$jemalloc" sh -c 'while :; do /bin/true; done'
  for _ in 1 2 3 4 5; do
    expect_proof 0 --expect jemalloc "$pid"
  done
}

@test "prove: no such process" {
  true &
  pid=$!
  wait "$pid"
  expect_proof 2 "$pid"
  expect_in "prove.py" "no process $pid" "$output"
}
