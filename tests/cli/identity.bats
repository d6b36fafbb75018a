#!/usr/bin/env bats
# Kind D: an allocator is what defines malloc, whatever its file is called.
# shellcheck disable=SC2154 # what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

@test "kind D: a command with a malloc of its own is left alone, and that is said once" {
  local name
  attempt "$programs/own"
  expect_status 7
  for name in auto jemalloc mimalloc; do
    launch --allocator "$name" -- "$programs/own"
    expect_status 7
    expect_equal "what is said" "allocrun: no allocator is preloaded: $programs/own has a malloc of its own, and is left alone" "$err"
  done
  launch --allocator system -- "$programs/own"
  expect_status 7
  expect_equal "what is said" "" "$err"
  launch --require preload -- "$programs/own"
  expect_refusal "preload is required" "has a malloc of its own"
}

@test "kind D: a child with a malloc of its own gets no memory from ours" {
  local name
  for name in jemalloc mimalloc; do
    launch --allocator "$name" -- sh -c "$programs/own"
    expect_status 7
  done
}

@test "kind D: the check does not fail a command that was left alone" {
  mkfifo "$BATS_TEST_TMPDIR/input"
  "$allocrun" --record "$BATS_TEST_TMPDIR/record" -- "$programs/own" wait <"$BATS_TEST_TMPDIR/input" 3>&- 2>/dev/null &
  local server=$!
  exec {input}>"$BATS_TEST_TMPDIR/input"
  eventually grep -qx own "/proc/$server/comm"
  launch --check --pid "$server" --only preload-effective,options-in-force --format json
  exec {input}>&-
  wait "$server" || true
  expect_status 0
  expect_in "observed" "a malloc of its own" "$(jq -r '.findings[] | select(.id == "preload-effective") | .observed' <<<"$out")"
}

@test "kind D: LD_PRELOAD with an allocator under another name, or behind a link: taken out" {
  ln -s "$libraries/libjemalloc.so.2" "$BATS_TEST_TMPDIR/libmymem.so"
  cp "$libraries/libtcmalloc_minimal.so.4" "$BATS_TEST_TMPDIR/libfast.so"
  local library
  for library in libmymem.so libfast.so; do
    attempt env LD_PRELOAD="$BATS_TEST_TMPDIR/$library" "$allocrun" -- "$show" -
    expect_malloc "$(library_of jemalloc)"
    expect_variable LD_PRELOAD "$(preload_of jemalloc)"
    expect_err "$library is taken out of LD_PRELOAD"
    attempt env LD_PRELOAD="$BATS_TEST_TMPDIR/$library" "$allocrun" --allocator system -- "$show" -
    expect_system_malloc
    # Found as the loader finds it.
    attempt env LD_LIBRARY_PATH="$BATS_TEST_TMPDIR" LD_PRELOAD="$library" "$allocrun" -- "$show" -
    expect_variable LD_PRELOAD "$(preload_of jemalloc)"
  done
}

@test "kind D: LD_PRELOAD with an allocator's name and no malloc: kept" {
  cp "$libraries/libother.so" "$BATS_TEST_TMPDIR/libtcmalloc.so"
  attempt env LD_PRELOAD="$BATS_TEST_TMPDIR/libtcmalloc.so" "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable LD_PRELOAD "$(preload_of jemalloc):$BATS_TEST_TMPDIR/libtcmalloc.so"
}

@test "kind D: LD_PRELOAD with a malloc that hands on to the next: kept, behind ours" {
  attempt env LD_PRELOAD="$libraries/wrapper.so" "$allocrun" -- "$show" -
  expect_status 0
  expect_in "LD_PRELOAD" "wrapper.so" "$(variable LD_PRELOAD)"
}

@test "kind D: a library of a library with a malloc: not a second one beside it" {
  gcc -shared -fPIC -DWITH_MALLOC -Wl,-soname,libinner.so -o "$BATS_TEST_TMPDIR/libinner.so" "$BATS_TEST_DIRNAME/targets/empty.c"
  gcc -shared -fPIC -Wl,--no-as-needed -Wl,-rpath,"$BATS_TEST_TMPDIR" -o "$BATS_TEST_TMPDIR/libouter.so" "$BATS_TEST_DIRNAME/targets/empty.c" "$BATS_TEST_TMPDIR/libinner.so"
  gcc -Wl,--no-as-needed -Wl,-rpath,"$BATS_TEST_TMPDIR" -o "$BATS_TEST_TMPDIR/program" "$BATS_TEST_DIRNAME/targets/show.c" \
    "$BATS_TEST_TMPDIR/libouter.so" -ldl
  launch -- "$BATS_TEST_TMPDIR/program" -
  expect_status 0
  expect_err "the command links libinner.so itself; two allocators are never loaded together"
  expect_no_variable LD_PRELOAD
}

@test "kind D: --allocator with a library that defines no malloc: not preloaded" {
  launch --allocator "$libraries/libother.so" -- "$show" -
  expect_system_malloc
  expect_err "$libraries/libother.so defines no malloc"
}
