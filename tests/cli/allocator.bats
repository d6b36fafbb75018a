#!/usr/bin/env bats
# The allocators, proved from the other side: what is mapped into the running command, and
# whose malloc it calls.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# expect_mapped FILE ALLOCRUN-ARGUMENT...: FILE and no other allocator is mapped into the
# running command, and serves its malloc.
expect_mapped() {
  local file=$1
  shift
  launch "$@" -- "$show" -
  expect_malloc "$file"
  launch "$@" -- cat /proc/self/maps
  expect_status 0
  expect_equal "allocators in /proc/self/maps" "$file" "$(grep -oE '/[^ ]*(malloc|libother)[^ ]*\.so.*' <<<"$out" | sort -u)"
}

@test "allocator auto: the profile's first choice" {
  expect_mapped "$(library_of jemalloc)"
  expect_mapped "$(library_of jemalloc)" --allocator auto
}

@test "allocator jemalloc, mimalloc" {
  expect_mapped "$(library_of jemalloc)" --allocator jemalloc
  expect_mapped "$(library_of mimalloc)" --allocator mimalloc
}

@test "allocator NAME-VERSION, and the whole name that --list shows" {
  for name in jemalloc mimalloc; do
    id=$(build_of "$name")
    expect_mapped "$(library_of "$name")" --allocator "${id%-*-*}"
    expect_mapped "$(library_of "$name")" --allocator "$id"
  done
}

@test "allocator NAME-VERSION that is not bundled: said, system's malloc" {
  launch --allocator jemalloc-9.9.9 -- "$show" -
  expect_system_malloc
  expect_err "no allocator is preloaded: jemalloc-9.9.9: no such build is bundled"
  # A part of a version is no version.
  id=$(build_of jemalloc)
  version=${id#jemalloc-}
  launch --allocator "jemalloc-${version%%.*}" -- "$show" -
  expect_system_malloc
  launch --allocator jemalloc-9.9.9 --require preload -- "$show" -
  expect_refusal "jemalloc-9.9.9"
}

@test "allocator system" {
  launch --allocator system -- "$show" -
  expect_system_malloc
  launch --allocator system -- cat /proc/self/maps
  expect_equal "allocators in /proc/self/maps" "" "$(grep -E 'jemalloc|mimalloc|tcmalloc' <<<"$out" || true)"
  launch --allocator system --require preload -- "$show" -
  expect_system_malloc
}

@test "allocator /PATH.so: a foreign build" {
  cp "$(library_of jemalloc)" "$BATS_TEST_TMPDIR/libjemalloc.so"
  expect_mapped "$BATS_TEST_TMPDIR/libjemalloc.so" --allocator "$BATS_TEST_TMPDIR/libjemalloc.so"
  # Its name says whose options it takes.
  launch --allocator "$BATS_TEST_TMPDIR/libjemalloc.so" --conf narenas:3 -- "$show" -
  expect_in MALLOC_CONF narenas:3 "$(variable MALLOC_CONF)"
  cp "$(library_of mimalloc)" "$BATS_TEST_TMPDIR/custom.so"
  launch --allocator "$BATS_TEST_TMPDIR/custom.so" -- "$show" -
  expect_malloc "$BATS_TEST_TMPDIR/custom.so"
  expect_no_variable MALLOC_CONF
}

@test "allocator /PATH.so in a profile of the policy file" {
  cp "$(library_of jemalloc)" "$BATS_TEST_TMPDIR/libjemalloc.so"
  printf '[profile ours]\nallocator = %s,mimalloc\n[launch]\nprofile = ours\n' "$BATS_TEST_TMPDIR/libjemalloc.so" >"$BATS_TEST_TMPDIR/policy"
  expect_mapped "$BATS_TEST_TMPDIR/libjemalloc.so" --policy "$BATS_TEST_TMPDIR/policy"
  expect_mapped "$BATS_TEST_TMPDIR/libjemalloc.so" --policy "$BATS_TEST_TMPDIR/policy" --allocator auto
}

@test "allocator /PATH.so with a space or colon: said" {
  mkdir "$BATS_TEST_TMPDIR/a b"
  cp "$(library_of jemalloc)" "$BATS_TEST_TMPDIR/a b/libjemalloc.so"
  launch --allocator "$BATS_TEST_TMPDIR/a b/libjemalloc.so" -- "$show" -
  expect_system_malloc
  expect_err "a space or a colon"
}

@test "allocators in order: what stands behind system is not reached" {
  launch --allocator system,jemalloc --require preload -- "$show" -
  expect_system_malloc
  expect_quiet
}

@test "allocators in order: the first that fits, system ends the list" {
  expect_mapped "$(library_of mimalloc)" --allocator mimalloc,jemalloc
  launch --allocator jemalloc-9.9.9,mimalloc -- "$show" -
  expect_malloc "$(library_of mimalloc)"
  expect_err "jemalloc-9.9.9"
  launch --allocator jemalloc-9.9.9,system,mimalloc -- "$show" -
  expect_system_malloc
  expect_mapped "$(library_of mimalloc)" --allocator "/nowhere/libx.so,$(build_of mimalloc)"
  cp "$(library_of jemalloc)" "$BATS_TEST_TMPDIR/libjemalloc.so"
  expect_mapped "$BATS_TEST_TMPDIR/libjemalloc.so" --allocator "jemalloc-9.9.9,$BATS_TEST_TMPDIR/libjemalloc.so"
  expect_mapped "$BATS_TEST_TMPDIR/libjemalloc.so" --allocator "/nowhere/libx.so,$BATS_TEST_TMPDIR/libjemalloc.so"
}

@test "a long-running command: the allocator in its /proc/PID/maps, from outside" {
  "$allocrun" -- sleep 60 </dev/null >/dev/null 2>&1 3>&- &
  echo "$!" >"$BATS_TEST_TMPDIR/pid"
  pid=$!
  eventually grep -q sleep "/proc/$pid/comm"
  eventually grep -qF "$(library_of jemalloc)" "/proc/$pid/maps"
  expect_in "its environment" "MALLOC_CONF=" "$(tr '\0' '\n' <"/proc/$pid/environ")"
  expect_equal "its threads, before it allocates much" 0 "$(($(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l) > 2))"
}

teardown() {
  [ ! -e "$BATS_TEST_TMPDIR/pid" ] || kill "$(<"$BATS_TEST_TMPDIR/pid")" 2>/dev/null || true
}
