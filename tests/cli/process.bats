#!/usr/bin/env bats
# Resource limits, oom score, transparent hugepages: read back from the command.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# expect_limit NAME SOFT HARD: in the command's /proc/self/limits.
expect_limit() {
  local value
  value=$(sed -nE "s/^$1 +([^ ]+) +([^ ]+) .*/\1 \2/p" <<<"$out")
  [ "$value" = "$2 $3" ] || fails "$ran: $1" "$2 $3" "$value"
}

# limits LIMIT [OPTION]...: of a command launched where prlimit(1) has set LIMIT.
limits() {
  local limit=$1
  shift
  attempt "${before[@]}" prlimit "$limit" "$allocrun" "$@" -- cat /proc/self/limits
  expect_status 0
}

setup() { before=(); }

@test "--memlock: by default the soft limit goes up to the hard one" {
  limits --memlock=4096:65536
  expect_limit "Max locked memory" 65536 65536
  expect_quiet
  limits --memlock=4096:65536 --memlock inherit
  expect_limit "Max locked memory" 4096 65536
  limits --memlock=4096:65536 --off rlimits
  expect_limit "Max locked memory" 4096 65536
}

@test "--memlock SIZE: with units" {
  for size in 16384 16K 16KiB 16k; do
    limits --memlock=4096:65536 --memlock "$size"
    expect_limit "Max locked memory" 16384 65536
  done
  limits --memlock=4096:65536 --memlock 0
  expect_limit "Max locked memory" 0 65536
}

@test "--memlock above the hard limit without the right: said, and the command starts" {
  needs_root "to give up a right"
  before=("${without_sys_resource[@]}")
  limits --memlock=4096:65536 --memlock unlimited
  expect_limit "Max locked memory" 4096 65536
  expect_err "going on without rlimits: locked memory: not permitted: above the hard limit, which needs CAP_SYS_RESOURCE"
  attempt "${before[@]}" prlimit --memlock=4096:65536 "$allocrun" --require rlimits --memlock 1G -- true
  expect_refusal "rlimits is required and cannot be done: locked memory"
}

@test "--core: inherited by default, hard, a size" {
  limits --core=0:1048576
  expect_limit "Max core file size" 0 1048576
  limits --core=0:1048576 --core hard
  expect_limit "Max core file size" 1048576 1048576
  limits --core=0:1048576 --core 4K
  expect_limit "Max core file size" 4096 1048576
  limits --core=0:unlimited --core unlimited
  expect_limit "Max core file size" unlimited unlimited
}

@test "--oom-score-adj: set, and inherited by default" {
  launch --oom-score-adj 123 -- cat /proc/self/oom_score_adj
  expect_out_is 123
  expect_quiet
  launch -- cat /proc/self/oom_score_adj
  expect_out_is "$(cat /proc/self/oom_score_adj)"
  attempt choom -n 77 -- "$allocrun" --off oom-score --oom-score-adj 5 -- cat /proc/self/oom_score_adj
  expect_out_is 77
}

@test "--oom-score-adj below the current one without the right: said, and the command starts" {
  needs_root "to give up a right"
  attempt "${without_sys_resource[@]}" choom -n 10 -- "$allocrun" --oom-score-adj -900 -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "going on without oom-score: "
  expect_err "not permitted: going below the current value needs CAP_SYS_RESOURCE"
  attempt "${without_sys_resource[@]}" "$allocrun" --require oom-score --oom-score-adj -900 -- "$show" -
  expect_refusal "oom-score is required"
}

# expect_thp STATE: what the kernel says of the command: 0 allowed, 1 off, 3 only where advised.
expect_thp() { expect_equal "$ran: PR_GET_THP_DISABLE" "$1" "$(shown thp-disable)"; }

# host_thp WORD COMMAND...: COMMAND finds enabled=WORD in /sys; the kernel is not touched.
host_thp() {
  local all="always madvise never" file=$BATS_TEST_TMPDIR/enabled word=$1
  shift
  echo "${all/$word/[$word]}" >"$file"
  in_mounts "mount --bind '$file' /sys/kernel/mm/transparent_hugepage/enabled" "$@"
}

needs_thp() { [ -e /sys/kernel/mm/transparent_hugepage/enabled ] || skip "a kernel without transparent hugepages"; }

@test "--thp off: for the process, and the allocator does not ask" {
  needs_thp
  launch --thp off -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  expect_thp 1
  expect_in MALLOC_CONF thp:never "$(variable MALLOC_CONF)"
  launch --thp off -- grep THP_enabled /proc/self/status
  expect_out_is "$(printf 'THP_enabled:\t0')"
  # And for its children.
  launch --thp off -- sh -c 'grep THP_enabled /proc/self/status & wait'
  expect_out_is "$(printf 'THP_enabled:\t0')"
}

@test "--thp inherit: as it was, whatever that was" {
  needs_thp
  launch --thp inherit -- "$show" -
  expect_thp 0
  launch --thp off -- "$allocrun" --thp inherit -- "$show" -
  expect_thp 1
}

@test "--thp on: allowed again, and the allocator asks" {
  needs_thp
  needs_mounts "to show another setting of the host"
  attempt host_thp madvise "$allocrun" --thp off -- "$allocrun" --thp on -- "$show" -
  expect_status 0
  expect_thp 0
  expect_in MALLOC_CONF thp:always "$(variable MALLOC_CONF)"
}

@test "--thp on where the host has them off: said, and the command starts" {
  needs_thp
  needs_mounts "to show another setting of the host"
  attempt host_thp never "$allocrun" --thp on -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "going on without thp"
  expect_err "enabled=never"
  attempt host_thp never "$allocrun" --thp on --require thp -- "$show" -
  expect_refusal "thp is required"
}

@test "--thp advised: only where advised, on kernels that can; else said" {
  needs_thp
  needs_mounts "to show another setting of the host"
  attempt host_thp always "$allocrun" --thp advised -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  # 6.18 and later.
  if [ "$(printf '6.18\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.18 ]; then
    expect_thp 3
    expect_quiet
  else
    expect_thp 0
    expect_err "this kernel cannot (6.18 and later can)"
  fi
  # An old kernel's answer, whatever kernel this is.
  attempt host_thp always "$programs/refuse" prctl:41=22 -- "$allocrun" --thp advised -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_thp 0
  expect_err "this kernel cannot (6.18 and later can)"
}

@test "--thp advised where the host does that already: nothing to do" {
  needs_thp
  needs_mounts "to show another setting of the host"
  attempt host_thp madvise "$allocrun" --thp advised --require thp -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  expect_thp 0
}

@test "host settings are never written" {
  before_it=$(cat /sys/kernel/mm/transparent_hugepage/{enabled,defrag} 2>/dev/null || true)
  attempt strace -f -e trace=openat,open,creat,truncate -o "$BATS_TEST_TMPDIR/trace" "$allocrun" --thp on --numa 0 --oom-score-adj 10 --memlock hard -- "$programs/show-static" -
  expect_status 0
  expect_equal "files opened for writing" "/proc/self/oom_score_adj" "$(sed -nE 's/.*"([^"]+)", .*O_(WRONLY|RDWR).*/\1/p' "$BATS_TEST_TMPDIR/trace" | sort -u)"
  expect_equal "host settings" "$before_it" "$(cat /sys/kernel/mm/transparent_hugepage/{enabled,defrag} 2>/dev/null || true)"
}
