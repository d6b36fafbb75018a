#!/usr/bin/env bats
# A seccomp filter that ends the process for a call where others refuse it (systemd's SystemCallFilter=
# without SystemCallErrorNumber=): what starts bare starts with allocrun, and what allocrun would have
# done there counts as refused.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() {
  ulimit -c 0
}

refuse() { bounded "$programs/refuse" "$@"; }

# calls_of COMMAND...: the system calls that it and what it starts make, name and number.
calls_of() {
  local name
  strace -f -qq -o "$BATS_TEST_TMPDIR/calls" "$@" >/dev/null
  sed -E 's/^[0-9]+ +//' "$BATS_TEST_TMPDIR/calls" | grep -oE '^[a-z0-9_]+\(' | tr -d '(' | sort -u | {
    echo '#include <sys/syscall.h>'
    while read -r name; do
      echo "$name __NR_$name"
    done
  } | gcc -E -P - | grep -E ' [0-9]+$' | sort
}

# expect_unharmed LEAST COMMAND...: each call of `allocrun $options -- COMMAND` that COMMAND alone does not make
# ends neither; LEAST: so many there are.
expect_unharmed() {
  local least=$1 name number n=0
  shift
  calls_of "$@" >"$BATS_TEST_TMPDIR/bare"
  # shellcheck disable=SC2086 # words
  calls_of "$allocrun" $options -- "$@" | comm -13 "$BATS_TEST_TMPDIR/bare" - >"$BATS_TEST_TMPDIR/ours"
  while read -r name number; do
    # The C library's own malloc and the trial itself cannot do without: allocrun(8).
    case $name in getrandom|clone|wait4) continue ;; esac
    attempt refuse "$number=kill" -- "$@"
    expect_status 0
    # shellcheck disable=SC2086 # words
    attempt refuse "$number=kill" -- "$allocrun" $options -- "$@"
    [ "$status" -eq 0 ] || fails "$* where $name ends the process" "status 0 as without allocrun" "$(attempt_result)"
    n=$((n + 1))
  done <"$BATS_TEST_TMPDIR/ours"
  [ "$n" -ge "$least" ] || fails "calls tried" "$least or more" "$n"
}

@test "kind P: each system call of a launch ends the process: what starts bare starts" {
  options="--record auto"
  expect_unharmed 10 /bin/true
  options="--numa 0 --thp off --oom-score-adj 100 --core 0 --record $BATS_TEST_TMPDIR/record --verbose"
  expect_unharmed 10 /bin/true
  options="--allocator mimalloc"
  expect_unharmed 10 /bin/true
}

@test "kind P: and a server with threads, long enough for the purge thread" {
  options=
  expect_unharmed 6 python3 -c '
import threading, time
def work():
    blocks = [bytes(5000) for _ in range(20000)]
    del blocks
    time.sleep(0.3)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()'
}

@test "kind P: all that systemd's ~@resources ends for, at once" {
  local filter=(get_mempolicy=kill set_mempolicy=kill sched_setaffinity=kill)
  attempt refuse "${filter[@]}" -- "$allocrun" --numa 0 -- grep -m 1 -o libjemalloc /proc/self/maps
  expect_status 0
  expect_err "going on without mempolicy: "
  attempt refuse "${filter[@]}" -- "$allocrun" --numa 0 --require mempolicy -- "$show" -
  expect_refusal "mempolicy is required and cannot be done: "
  attempt refuse "${filter[@]}" -- "$allocrun" --explain --format json --numa 0 -- "$show"
  expect_status 0
  json=$out
  expect_step mempolicy refused
}

@test "kind P: a call that the allocator makes: not preloaded, said once; required: 125" {
  attempt refuse sched_getaffinity=kill -- "$allocrun" -- "$show" -
  expect_status 0
  expect_malloc /lib/x86_64-linux-gnu/libc.so.6
  expect_one_line
  expect_err "a seccomp filter ends whatever calls sched_getaffinity"
  attempt refuse sched_getaffinity=kill -- "$allocrun" --require preload -- "$show" -
  expect_refusal "preload is required and cannot be done: " "a seccomp filter ends whatever calls sched_getaffinity"
}

@test "kind P: an option of prctl alone: the others go on" {
  # PR_SET_THP_DISABLE is 41.
  attempt refuse prctl:41=kill -- "$allocrun" --thp off -- "$show" -
  expect_status 0
  expect_malloc "$(library_of jemalloc)"
  expect_err "going on without thp: "
}

@test "the trial of a filter is one child, leaves none and no signal; without a filter there is none" {
  attempt strace -f -qq -e trace=clone,fork,vfork,wait4 -o "$BATS_TEST_TMPDIR/forks" "$allocrun" -- /bin/true
  expect_status 0
  expect_equal "without a filter" "" "$(<"$BATS_TEST_TMPDIR/forks")"
  attempt strace -f -qq -e trace=clone,fork,vfork -o "$BATS_TEST_TMPDIR/forks" \
    "$programs/refuse" mbind -- "$allocrun" -- /bin/true
  expect_status 0
  expect_equal "with one" 1 "$(grep -c clone "$BATS_TEST_TMPDIR/forks")"
  # SIGCHLD is signal 17, bit 16.
  attempt refuse mbind -- python3 -c '
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
os.execv(sys.argv[1], sys.argv[1:])' "$allocrun" -- grep -E '^(SigPnd|ShdPnd)' /proc/self/status
  expect_status 0
  expect_no_out 1
}
