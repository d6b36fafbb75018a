#!/usr/bin/env bats
# Bad input: /proc and /sys. What cannot be read is "unknown", and the plan is still safe.
# The machines are folders made by the test or kept in tests/machines.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# expect_unknown MACHINE: nothing is known, nothing is done that needs knowledge.
expect_unknown() {
  explain --sysroot "$1"
  expect_quiet
  expect_of '.facts | [.cpus_usable, .cpus_allowed, .memory_total, .uid] | unique | join(" ")' ""
  expect_of '.facts | "\(.numa_nodes) \(.gpus)"' "0 0"
  for one in affinity mempolicy thp oom-score caps; do
    expect_step "$one" "nothing to do"
  done
  launch --explain --sysroot "$1"
  expect_status 0
  expect_out "CPUs       unknown"
}

# A machine whose files are those of the first argument, changed by "CHANGE FILE".
make_machine() {
  machine=$BATS_TEST_TMPDIR/machine
  rm -rf "$machine"
  cp -a "$root/tests/machines/$1" "$machine"
}

# change_all COMMAND: over every file of $machine, named by {}.
change_all() { find "$machine/proc" "$machine/sys" -type f -exec bash -c "$1" {} \;; }

@test "/proc and /sys missing: unknown, and a plan that is still safe" {
  mkdir "$BATS_TEST_TMPDIR/machine"
  expect_unknown "$BATS_TEST_TMPDIR/machine"
  mkdir -p "$BATS_TEST_TMPDIR/machine"/{proc,sys}
  expect_unknown "$BATS_TEST_TMPDIR/machine"
}

@test "/proc and /sys empty files: unknown, and a plan that is still safe" {
  make_machine hgx-8gpu-two-socket
  find "$machine/proc" "$machine/sys" -type f -exec truncate -s 0 {} +
  # The GPUs are folders, and folders are still there.
  explain --sysroot "$machine"
  expect_of .facts.cpus_usable null
  expect_step affinity "nothing to do"
  expect_step mempolicy "nothing to do"
}

@test "/proc and /sys 1 MB long: unknown, and a plan that is still safe" {
  head -c 1000000 /dev/zero | tr '\0' 9 >"$BATS_TEST_TMPDIR/digits"
  head -c 1000000 /dev/zero | tr '\0' '\n' >"$BATS_TEST_TMPDIR/lines"
  for kind in digits lines; do
    make_machine hgx-8gpu-two-socket
    find "$machine/proc" "$machine/sys" -type f -exec cp "$BATS_TEST_TMPDIR/$kind" {} \;
    explain --sysroot "$machine"
    expect_of .facts.cpus_usable null
    expect_of .facts.memory_total null
    expect_step affinity "nothing to do"
    expect_step mempolicy "nothing to do"
  done
}

@test "/proc and /sys binary: unknown, and a plan that is still safe" {
  for kind in zero urandom; do
    make_machine hgx-8gpu-two-socket
    head -c 5000 "/dev/$kind" >"$BATS_TEST_TMPDIR/bytes"
    find "$machine/proc" "$machine/sys" -type f -exec cp "$BATS_TEST_TMPDIR/bytes" {} \;
    explain --sysroot "$machine"
    expect_of .facts.cpus_usable null
    expect_of .facts.memory_total null
    expect_step affinity "nothing to do"
    expect_step mempolicy "nothing to do"
  done
}

@test "/proc and /sys truncated: no crash, wherever they are cut" {
  for percent in 1 30 60 90 99; do
    make_machine hgx-8gpu-two-socket
    while read -r file; do
      truncate -s $(($(stat -c %s "$file") * percent / 100)) "$file"
    done < <(find "$machine/proc" "$machine/sys" -type f)
    explain --sysroot "$machine"
    expect_quiet
  done
}

@test "/proc and /sys with one file missing, empty, a folder, a FIFO, a loop: no crash" {
  for name in hgx-8gpu-two-socket cgroup-v1-quota; do
    make_machine "$name"
    while read -r file; do
      mv "$file" "$BATS_TEST_TMPDIR/kept"
      expect_explained "without ${file#"$machine"}"
      mkdir "$file"
      expect_explained "with a folder ${file#"$machine"}"
      rmdir "$file"
      mkfifo "$file"
      expect_explained "with a FIFO ${file#"$machine"}"
      rm "$file"
      ln -s "$file" "$file"
      expect_explained "with a loop ${file#"$machine"}"
      rm "$file"
      mv "$BATS_TEST_TMPDIR/kept" "$file"
    done < <(find "$machine/proc" "$machine/sys" -type f)
  done
}

expect_explained() {
  "$allocrun" --explain --format json --sysroot "$machine" >"$BATS_TEST_TMPDIR/plan" 2>"$BATS_TEST_TMPDIR/said" ||
    fails "--explain $1" "status 0" "status $?: $(<"$BATS_TEST_TMPDIR/said")"
}

@test "hostile values: no crash, nothing absurd in the plan" {
  for value in -1 0 99999999999999999999 18446744073709551615 0-4294967295 1,2,3- ',,' '0-1023,' nan $'\e[31m' %s%n; do
    make_machine hgx-8gpu-two-socket
    while read -r file; do
      printf '%s\n' "$value" >"$file"
    done < <(find "$machine/proc" "$machine/sys" -type f)
    explain --sysroot "$machine"
    expect_step affinity "nothing to do"
    launch --explain --sysroot "$machine"
    expect_status 0
    expect_equal "escapes on stdout" "" "$(grep $'\e' <<<"$out" || true)"
  done
}

@test "links out of the captured machine are not followed" {
  make_machine laptop-one-node
  rm "$machine/proc/meminfo"
  ln -s /proc/meminfo "$machine/proc/meminfo"
  explain --sysroot "$machine"
  expect_of .facts.memory_total null
  ln -sf ../../../../../../../../proc/meminfo "$machine/proc/meminfo"
  explain --sysroot "$machine"
  expect_of .facts.memory_total null
}

@test "every captured machine: explained, nothing tried there" {
  for machine in "$root"/tests/machines/*/; do
    explain --sysroot "$machine"
    expect_quiet
    expect_of '[.plan[].outcome | select(. == "done" or . == "degraded")] | length' 0
    launch --explain --sysroot "$machine"
    expect_status 0
    expect_out "Plan, not tried here"
    expect_out "(captured)"
  done
}

@test "captured 8-GPU server: its GPUs' node, planned and not tried" {
  machine=$root/tests/machines/hgx-8gpu-two-socket
  attempt env CUDA_VISIBLE_DEVICES=0,1,2,3 "$allocrun" --explain --format json --sysroot "$machine"
  expect_status 0
  json=$out
  expect_step affinity planned
  expect_equal "CPUs" "CPUs 0-55,112-167" "$(step affinity value)"
  expect_step mempolicy planned
  expect_equal "memory" "preferred 0" "$(step mempolicy value)"
  explain --sysroot "$machine" --numa off
  expect_step affinity "nothing to do"
}

@test "captured quota: the arenas follow it" {
  explain --sysroot "$root/tests/machines/cgroup-v1-quota"
  expect_of .facts.cpus_usable 3
  expect_in MALLOC_CONF narenas:3 "$(of .environment.MALLOC_CONF)"
}
