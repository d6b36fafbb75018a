#!/usr/bin/env bats
# Bad input: a kernel or container that refuses. Each step has its ladder: preferred, the
# command starts without it and that is said; required, it does not start; off, not tried.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

refuse() { bounded "$programs/refuse" "$@"; }

# expect_ladder STEP TEXT CALL OPTION...: over the three rungs of STEP when CALL is refused.
expect_ladder() {
  local name=$1 text=$2 call=$3
  shift 3
  attempt refuse "$call" -- "$allocrun" --prefer "$name" "$@" --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "allocrun: going on without $name: "
  expect_err "$text"
  json=$(<"$BATS_TEST_TMPDIR/record")
  expect_step "$name" refused
  expect_in "detail in the record" "$text" "$(step "$name" detail)"
  attempt refuse "$call" -- "$allocrun" --require "$name" "$@" --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_refusal "$name is required and cannot be done: " "$text"
  attempt refuse "$call" -- "$allocrun" --off "$name" "$@" --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  json=$(<"$BATS_TEST_TMPDIR/record")
  expect_step "$name" off
  # Explain has tried it too.
  attempt refuse "$call" -- "$allocrun" --explain --format json --prefer "$name" "$@" -- "$show"
  json=$out
  expect_step "$name" refused
}

@test "set_mempolicy refused by seccomp: the ladder of mempolicy" {
  expect_ladder mempolicy "a container's seccomp profile blocks set_mempolicy" set_mempolicy --numa 0
  expect_ladder mempolicy "a seccomp filter answers" set_mempolicy=38 --numa 0
}

@test "set_mempolicy not refused: the policy is in force" {
  launch --numa 0 -- "$show" -
  expect_status 0
  expect_quiet
  expect_equal "policy: preferred (1), node 0" "1 0x1" "$(shown mempolicy)"
  launch --numa 0 --numa-strict -- "$show" -
  expect_equal "policy: bind (2), node 0" "2 0x1" "$(shown mempolicy)"
  # Where even asking is blocked, the call's own answer has to do.
  attempt refuse get_mempolicy -- "$allocrun" --numa 0 --require mempolicy -- cat /proc/self/numa_maps
  expect_status 0
  expect_out " prefer:0 "
}

@test "prctl for THP refused: the ladder of thp" {
  # PR_SET_THP_DISABLE is 41.
  expect_ladder thp "Operation not permitted" prctl:41 --thp off
  expect_ladder thp "Invalid argument" prctl:41=22 --thp off
}

@test "prctl for no_new_privs refused: the ladder of no-new-privs" {
  # PR_SET_NO_NEW_PRIVS is 38.
  needs_root "to install a filter without no_new_privs"
  expect_ladder no-new-privs "Operation not permitted" prctl:38 --no-new-privs
}

@test "setrlimit refused: the ladder of rlimits" {
  expect_ladder rlimits "not permitted" prlimit64 --core hard --memlock 4096
}

@test "capset refused: the ladder of caps" {
  needs_root "to have capabilities"
  expect_ladder caps "not permitted" capset --keep-caps none
}

@test "setresuid and setgroups refused: the ladder of user" {
  needs_root "to change the user"
  expect_ladder user "CAP_SETUID" setresuid --user nobody --keep-caps all
  expect_ladder user "CAP_SETUID" setgroups --user nobody --keep-caps all
}

@test "a user refused half way: nothing of that user is left, no group and no variable" {
  needs_root "to change the user"
  attempt refuse setresuid -- env -u LOGNAME HOME=/root USER=root "$allocrun" --prefer user --user nobody --keep-caps all -- "$show" -
  expect_status 0
  expect_variable HOME /root
  expect_variable USER root
  expect_no_variable LOGNAME
  expect_equal "ids" "0 0 0 0" "$(shown ids)"
}

@test "sched_setaffinity refused: the ladder of affinity" {
  [ "$(nproc)" -gt 1 ] || skip "one CPU: there is nothing to choose"
  needs_mounts "to show nodes that the machine does not have"
  fake_nodes
  for rung in prefer require off; do
    attempt in_mounts "mount --bind '$nodes' /sys/devices/system/node" "$programs/refuse" sched_setaffinity -- "$allocrun" --numa 0 "--$rung" affinity -- "$show" -
    case $rung in
      prefer) expect_malloc "$(library_of jemalloc)"; expect_err "going on without affinity: CPU affinity: Operation not permitted" ;;
      require) expect_refusal "affinity is required and cannot be done" "Operation not permitted" ;;
      off) expect_malloc "$(library_of jemalloc)"; expect_quiet ;;
    esac
  done
}

# fake_nodes: a /sys/devices/system/node in $nodes with CPU 0 on node 0, CPU 1 on node 1.
fake_nodes() {
  nodes=$BATS_TEST_TMPDIR/nodes
  mkdir -p "$nodes"/node{0,1}
  for name in online possible has_cpu has_memory has_normal_memory; do
    echo 0-1 >"$nodes/$name"
  done
  for id in 0 1; do
    echo "$id" >"$nodes/node$id/cpulist"
    printf 'Node %s MemTotal:  1048576 kB\nNode %s MemFree:  524288 kB\n' "$id" "$id" >"$nodes/node$id/meminfo"
  done
  echo '10 20' >"$nodes/node0/distance"
  echo '20 10' >"$nodes/node1/distance"
}

@test "affinity not refused: in force" {
  [ "$(nproc)" -gt 1 ] || skip "one CPU: there is nothing to choose"
  needs_mounts "to show nodes that the machine does not have"
  fake_nodes
  attempt in_mounts "mount --bind '$nodes' /sys/devices/system/node" "$allocrun" --numa 0 -- grep -E '^(Cpus_allowed_list|Mems)' /proc/self/status
  expect_status 0
  expect_out "$(printf 'Cpus_allowed_list:\t0')"
}

@test "nodes that the kernel does not have: said, and the next choice taken" {
  needs_mounts "to show nodes that the machine does not have"
  [ ! -e /sys/devices/system/node/node1 ] || skip "node 1 is there"
  fake_nodes
  mount_nodes="mount --bind '$nodes' /sys/devices/system/node"
  attempt in_mounts "$mount_nodes" "$allocrun" --numa 1 -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "mempolicy"
  attempt in_mounts "$mount_nodes" "$allocrun" --numa 1 --require mempolicy -- "$show" -
  expect_refusal "mempolicy is required and cannot be done"
}

@test "nodes asked for that the machine does not have: the ladder" {
  launch --numa 7 -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "nodes 7 are asked for (--numa), and this machine has"
  launch --numa 7 --require mempolicy -- "$show" -
  expect_refusal "mempolicy is required" "nodes 7"
  launch --numa 7 --require affinity -- "$show" -
  expect_refusal "affinity is required" "nodes 7"
  launch --numa 7 --off mempolicy,affinity -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

@test "without /proc the privileges asked for are still given up" {
  needs_mounts "to take /proc away"
  needs_root "to change the user"
  attempt in_mounts 'mount -t tmpfs none /proc' "$allocrun" --user nobody --no-new-privs -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_equal "ids" "65534 65534 65534 65534" "$(shown ids)"
}
