#!/usr/bin/env bats
# Kind B: only the command's own loader knows whether the preload loads. Where something unusual
# is there it is asked before the start: another build, at last the system's malloc, never a start
# that fails; and what is required and not in force is a refusal.
# shellcheck disable=SC2154 # what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

# expect_next ALLOCATOR REASON: that build serves, and it is said why the first does not.
expect_next() {
  expect_malloc "$(library_of "$1")"
  expect_err "$(build_of "$1") is used; $(build_of jemalloc) cannot be:"
  expect_err "$2"
}

@test "kind B: LD_AUDIT leaves no static TLS: the next build, which needs none" {
  attempt env LD_AUDIT="$libraries/audit.so" "$allocrun" -- "$show" -
  expect_next mimalloc "cannot allocate memory in static TLS block (tried, for LD_AUDIT is set)"
  attempt env LD_AUDIT="$libraries/audit.so" "$allocrun" --allocator jemalloc -- "$show" -
  expect_system_malloc
  attempt env LD_AUDIT="$libraries/audit.so" "$allocrun" --allocator jemalloc --require preload -- "$show" -
  expect_refusal "preload is required and cannot be done" "static TLS"
  attempt env LD_AUDIT="$libraries/audit.so" "$allocrun" --explain -- "$show" -
  expect_out "$(build_of mimalloc)"
  expect_out "loads it, and it serves malloc"
}

@test "kind B: another preloaded library that crashes, ends or floods the program with one build: the next" {
  local way
  for way in crash exit flood; do
    attempt env PICKY="$way" PICKY_NAME=libjemalloc LD_PRELOAD="$libraries/picky.so" "$allocrun" -- "$show" -
    expect_next mimalloc "(tried, for $libraries/picky.so is preloaded too)"
    expect_variable LD_PRELOAD "$(preload_of mimalloc):$libraries/picky.so"
  done
}

@test "kind B: another preloaded library that bears no malloc of ours and hangs: a second for each, then the system's" {
  local way
  for way in hang hang-unseen; do
    attempt env PICKY="$way" LD_PRELOAD="$libraries/picky.so" "$allocrun" -- "$show" -
    expect_system_malloc
    expect_variable LD_PRELOAD "$libraries/picky.so"
    expect_err "$(build_of jemalloc), $(build_of mimalloc): it did not answer within a second"
  done
  expect_equal "processes left behind" "" "$(pgrep -f "$suite/prefix/lib/allocrun/probe" || true)"
}

@test "kind B: another preloaded library that does no harm stays, and ours serves" {
  attempt env LD_PRELOAD="$libraries/picky.so" "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable LD_PRELOAD "$(preload_of jemalloc):$libraries/picky.so"
}

@test "kind B: a file system that is mounted noexec" {
  needs_mounts "for a file system of its own"
  local folder=$BATS_TEST_TMPDIR/noexec library=$BATS_TEST_TMPDIR/noexec/libjemalloc.so.2
  mkdir "$folder"
  attempt in_mounts "mount -t tmpfs -o noexec none '$folder'; cp '$(library_of jemalloc)' '$library'" \
    "$allocrun" --allocator "$library,mimalloc" -- "$show" -
  expect_malloc "$(library_of mimalloc)"
  expect_err "$library cannot be:"
  expect_err "(tried, for it cannot be mapped: Operation not permitted)"
}

@test "kind B: real and effective user differ, so that the loader passes LD_PRELOAD over" {
  needs_root "to have two users"
  attempt setpriv --ruid "$nobody" "$allocrun" -- "$show" -
  expect_system_malloc
  expect_err "real and effective user or group differ: the loader ignores LD_PRELOAD"
  attempt setpriv --ruid "$nobody" "$allocrun" --require preload -- "$show" -
  expect_refusal "preload is required and cannot be done" "real and effective user"
  attempt setpriv --rgid "$nobody" --clear-groups "$allocrun" -- "$show" -
  expect_system_malloc
}

# What follows the dollar is replaced by the loader of glibc, and stays as it is with musl's.
@test "kind B: a folder whose name has what the loader replaces" {
  local name
  for name in "\$LIB" "\$ORIGIN" "\${PLATFORM}"; do
    make_prefix "$BATS_TEST_TMPDIR/$name/prefix"
    attempt "$other/bin/allocrun" -- "$show" -
    expect_system_malloc
    expect_err "tried, for its path has a \$"
  done
  make_prefix "$BATS_TEST_TMPDIR/\$1/prefix"
  attempt "$other/bin/allocrun" -- "$show" -
  expect_malloc "$(other_library jemalloc)"
}

@test "kind B: SIGCHLD is ignored, and stays so for the command" {
  attempt env LD_AUDIT="$libraries/audit.so" bash -c 'trap "" CHLD; exec "$@"' bash "$allocrun" -- grep SigIgn /proc/self/status
  expect_status 0
  expect_err "is used"
  expect_equal "bit of SIGCHLD" 1 "$((0x${out##*[[:space:]]} >> 16 & 1))"
}

@test "kind B: the trial needs what no process can be made for: the system's malloc" {
  needs_root "for a limit that a user meets"
  attempt "${as_nobody[@]}" prlimit --nproc=1 env LD_PRELOAD="$libraries/picky.so" "$allocrun" -- "$show" -
  expect_status 0
  expect_variable LD_PRELOAD "$libraries/picky.so"
  expect_err "whether it loads could not be tried: Resource temporarily unavailable"
}

@test "kind B: set_mempolicy that a filter says is not there is not a kernel without NUMA" {
  attempt "$programs/refuse" set_mempolicy=38 -- "$allocrun" --numa 0 --numa-strict -- "$show" -
  expect_status 0
  expect_err "a seccomp filter answers that there is no set_mempolicy"
}

@test "kind B: nothing unusual: no child, and --explain says that it loads" {
  attempt strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=process "$allocrun" -- "$programs/show" -
  expect_status 0
  expect_equal "forks" "" "$(grep -E '(clone3?|v?fork)\(' "$BATS_TEST_TMPDIR/trace" | grep -v CLONE_THREAD || true)"
  explain -- "$show" -
  expect_in "trial" "loads it, and it serves malloc" "$(of .trial)"
}
