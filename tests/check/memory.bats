#!/usr/bin/env bats
# allocrun --check: the memory verdict on servers that leak, fragment, share and map.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

# grow KIND MIB SPEED [FILE]: programs/grow.c under our jemalloc.
grow() { start env LD_PRELOAD="$jemalloc" "$programs/grow" "$@"; }

# A file that may become a GiB, on a file system that is no memory itself.
make_place() {
  file=$BATS_TEST_TMPDIR/mapped
  [ "$(stat -f -c %T "$BATS_TEST_TMPDIR")" != tmpfs ] || file=$(mktemp -p /var/tmp)
  [ "$(stat -f -c %T "$file" 2>/dev/null || echo other)" != tmpfs ] || skip "needs a file system on a disk"
}

remove_place() { rm -f "${file:-}"; }

# The counters of jemalloc are found through a table that bundled builds carry.
has_counters() { readelf -sW "$jemalloc" | grep -q ' allocrun_layout$'; }

@test "memory: a leak is growth of anonymous memory, and no other" {
  grow leak 3000 50
  check --pid "$pid" --watch 2 --only memory-verdict --fail-on warn
  expect_status 1
  expect_finding memory-verdict warn "anonymous memory grew by "
  expect_not_in observed "not the allocator" "$(finding memory-verdict "$pid" observed)"
  expect_match observed 'in [2-9] s; anonymous ' "$(finding memory-verdict "$pid" observed)"
}

@test "memory: under glibc a leak is named as well" {
  start "$programs/grow" leak 3000 50
  check --pid "$pid" --watch 2 --only memory-verdict
  expect_finding memory-verdict warn "anonymous memory grew by "
}

@test "memory: growth of shared memory is not the allocator's" {
  grow shared 3000 50
  check --pid "$pid" --watch 2 --only memory-verdict
  expect_finding memory-verdict warn "not the allocator: shared memory grew by "
}

@test "memory: growth of anonymous memory that the program maps is not the allocator's" {
  has_counters || skip "the bundled jemalloc has no allocrun_layout: its counters cannot be found"
  grow maps 3000 50
  check --pid "$pid" --watch 2 --only memory-verdict
  expect_finding memory-verdict warn "not the allocator: anonymous memory grew by "
}

@test "memory: growth of mapped files is not the allocator's" {
  make_place
  grow file 3000 50 "$file"
  check --pid "$pid" --watch 2 --only memory-verdict
  remove_place
  expect_finding memory-verdict warn "not the allocator: mapped files grew by "
}

@test "memory: what does not grow is said to be there, and where" {
  make_place
  grow shared 300 0
  eventually is_done
  check --pid "$pid" --watch 1 --only memory-verdict
  expect_finding memory-verdict ok "mostly not the allocator: "
  expect_in observed "shared 300" "$(finding memory-verdict "$pid" observed)"
  expect_equal "shared MiB" 300 $(($(process .memory.shared) >> 20))
  grow file 300 0 "$file"
  eventually is_done
  check --pid "$pid" --watch 1 --only memory-verdict
  remove_place
  expect_finding memory-verdict ok "mostly not the allocator: "
  expect_in observed "file 30" "$(finding memory-verdict "$pid" observed)"
}

@test "memory: what the allocator keeps after most was freed is retention" {
  grow fragments 500 0
  eventually is_done
  check --pid "$pid" --only memory-verdict,options-in-force
  # Nothing is claimed where its counters cannot be found.
  if ! has_counters; then
    expect_finding memory-verdict unknown "the allocator's share is not known"
    expect_process .memory.allocator_resident null
    skip "the bundled jemalloc has no allocrun_layout: its counters cannot be found"
  fi
  expect_status 2
  expect_finding memory-verdict fail "the allocator holds "
  expect_in observed "of what is in use" "$(finding memory-verdict "$pid" observed)"
  expect_in fix "memory" "$(finding memory-verdict "$pid" fix)"
  # An eighth of 500 MiB is in use, and nearly all of it is held.
  (($(process .memory.allocator_live) < 120 << 20)) ||
    fails "allocator_live" "an eighth of 500 MiB, and little more" "$(process .memory)"
  (($(process .memory.allocator_resident) > 400 << 20)) ||
    fails "allocator_resident" "nearly 500 MiB" "$(process .memory)"
}

@test "memory: what was freed just now is due to go back, and is no retention" {
  has_counters || skip "the bundled jemalloc has no allocrun_layout: its counters cannot be found"
  # When jemalloc's thread wakes in the midst of a step of the decay (a 200th of it), what was
  # freed since the step began goes back at once: then this process is no example, and the next
  # one is looked at. A longer decay would not do: more than a minute is not due.
  local try
  for try in 1 2 3 4 5; do
    start env LD_PRELOAD="$jemalloc" MALLOC_CONF=background_thread:true,dirty_decay_ms:60000 "$programs/grow" freed 500 0
    eventually is_done
    check --pid "$pid" --only memory-verdict
    expect_status 0
    expect_finding memory-verdict ok " MiB of it are due to go back within 60 s"
    # Whatever was given back: all that is held and not in use is dirty, but for the allocator's own.
    (($(process '.memory | .allocator_resident - .allocator_live - .allocator_dirty') < 32 << 20)) ||
      fails "allocator_dirty" "what is resident and not in use" "$(process .memory)"
    (($(process .memory.allocator_dirty) <= 400 << 20)) || break
  done
  (($(process .memory.allocator_dirty) > 400 << 20)) ||
    fails "allocator_dirty" "seven eighths of 500 MiB, in one of $try processes" "$(process .memory)"
  # Where nothing takes it back, it stays.
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=background_thread:false,dirty_decay_ms:60000 "$programs/grow" freed 500 0
  eventually is_done
  check --pid "$pid" --only memory-verdict
  expect_status 2
  expect_finding memory-verdict fail "the allocator holds "
  expect_not_in observed "due to go back" "$(finding memory-verdict "$pid" observed)"
  # So it does where that takes days.
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=background_thread:true,dirty_decay_ms:9000000000 "$programs/grow" freed 500 0
  eventually is_done
  check --pid "$pid" --only memory-verdict
  expect_finding memory-verdict fail "the allocator holds "
  # And where it is given back at once, it is gone.
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=background_thread:true,dirty_decay_ms:0 "$programs/grow" freed 500 0
  eventually is_done
  check --pid "$pid" --only memory-verdict
  expect_finding memory-verdict ok "the allocator has "
  (($(process .memory.anonymous) < 200 << 20)) || fails "anonymous" "an eighth of 500 MiB" "$(process .memory)"
}

@test "memory: anonymous memory that the allocator does not know of is not the allocator's" {
  grow maps 600 0
  eventually is_done
  check --pid "$pid" --only memory-verdict
  if ! has_counters; then
    expect_finding memory-verdict unknown "the allocator's share is not known"
    skip "the bundled jemalloc has no allocrun_layout: its counters cannot be found"
  fi
  expect_finding memory-verdict warn "not the allocator: "
  # Less of it is no finding, and said all the same.
  grow maps 450 0
  eventually is_done
  check --pid "$pid" --only memory-verdict
  expect_finding memory-verdict ok "mostly not the allocator: "
}

@test "memory: blocks that are in use are neither" {
  grow leak 400 0
  eventually is_done
  check --pid "$pid" --only memory-verdict
  expect_status 0
  expect_in observed "anonymous 4" "$(finding memory-verdict "$pid" observed)"
  if ! has_counters; then
    skip "the bundled jemalloc has no allocrun_layout: its counters cannot be found"
  fi
  expect_finding memory-verdict ok "the allocator has "
}

@test "memory: of somebody else's allocator nothing is claimed" {
  start "$programs/grow" fragments 300 0
  eventually is_done
  check --pid "$pid" --only memory-verdict
  expect_status 3
  expect_finding memory-verdict unknown "the allocator's share is not known"
  expect_process .memory.allocator_resident null
}
