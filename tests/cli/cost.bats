#!/usr/bin/env bats
# What a launch costs, in figures that do not depend on the machine's load: system calls,
# opens, resident size. The times are tests/bench/launch's.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# calls NAME-PATTERN COMMAND...: how many system calls it makes up to the command's exec.
calls() {
  local pattern=$1
  shift
  strace -o "$BATS_TEST_TMPDIR/trace" "$@" >"$BATS_TEST_TMPDIR/.out" 2>&1 </dev/null
  awk -v pattern="$pattern" '/^execve\(/ { n++ } n < 2 && $0 ~ pattern { count++ } END { print count + 0 }' \
    "$BATS_TEST_TMPDIR/trace"
}

@test "cost: no more than 180 system calls up to the exec, with a record" {
  local count
  unset ALLOCRUN_RECORD
  count=$(calls '^[a-z]' "$allocrun" -- "$show" -)
  [ "$count" -gt 50 ] || fails "$allocrun -- $show -" "a trace of a launch" "$count calls"
  [ "$count" -le 180 ] || fails "$allocrun -- $show -" "180 system calls at the most" "$count"
}

# The captured machine, and the same with two CPUs in each list.
@test "cost: opens grow with nodes, not with CPUs" {
  local many=$root/tests/machines/cpus-512-nodes-16 few=$BATS_TEST_TMPDIR/few one two four node
  cp -a "$many" "$few"
  printf '0-31\n' >"$few/sys/devices/system/cpu/online"
  for node in "$few"/sys/devices/system/node/node*; do
    printf '%d-%d\n' $((2 * ${node##*node})) $((2 * ${node##*node} + 1)) >"$node/cpulist"
  done
  one=$(calls '^open' "$allocrun" --explain --sysroot "$many")
  two=$(calls '^open' "$allocrun" --explain --sysroot "$few")
  four=$(calls '^open' "$allocrun" --explain --sysroot "$root/tests/machines/one-socket-four-nodes")
  expect_equal "opens with 512 CPUs, as with 32" "$two" "$one"
  [ "$four" -lt "$one" ] || fails "opens" "fewer with 4 nodes than with 16" "$four and $one"
}

@test "cost: less than 4 MB resident, whatever it does" {
  local peak
  make -s -C "$root" build/bench/spawn
  # The launcher's peak, or that of the command when that is higher: both are small.
  peak=$("$root/build/bench/spawn" 3 launch "$allocrun" -q -- "$programs/show-static" /dev/null \; \
    list "$allocrun" --list | awk '/^(launch|list) / && $NF ~ /^[0-9]+$/ && $NF > most { most = $NF } END { print most + 0 }')
  [ "$peak" -gt 100 ] || fails "spawn" "a peak in KiB" "$peak"
  [ "$peak" -lt 4096 ] || fails "$allocrun" "less than 4096 KiB" "$peak KiB"
}
