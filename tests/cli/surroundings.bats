#!/usr/bin/env bats
# Bad input: where and how allocrun itself is started.
# shellcheck disable=SC2016,SC2154 # text for another shell; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

@test "PREFIX with spaces: said, and the command starts without a preload" {
  for folder in "with space" "with:colon"; do
    make_prefix "$BATS_TEST_TMPDIR/$folder/prefix"
    attempt "$other/bin/allocrun" -- "$show" -
    expect_system_malloc
    expect_err "a space or a colon"
    attempt "$other/bin/allocrun" --require preload -- "$show" -
    expect_refusal "preload is required" "a space or a colon"
    attempt "$other/bin/allocrun" --allocator system -- "$show" -
    expect_system_malloc
    expect_quiet
  done
}

@test "PREFIX with odd bytes: works" {
  make_prefix "$BATS_TEST_TMPDIR"/$'q"uote\'s\nline\xff'/prefix
  attempt "$other/bin/allocrun" --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_status 0
  expect_in "malloc" libjemalloc "$(shown malloc)"
  jq -e . "$BATS_TEST_TMPDIR/record" >/dev/null || fails "$ran" "a record in JSON" "$(cat "$BATS_TEST_TMPDIR/record")"
}

@test "relative argv[0], a link, a version in the name: the builds are found" {
  cd "$prefix/bin"
  attempt ./allocrun -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  cd "$prefix"
  attempt bin/allocrun -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  PATH=$prefix/bin:$PATH attempt allocrun -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  # A name that does not begin with "allocrun" stands for a server: shims.bats.
  ln -s "$allocrun" "$BATS_TEST_TMPDIR/allocrun-0.1"
  attempt "$BATS_TEST_TMPDIR/allocrun-0.1" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  for name in vllm '' / ../../x; do
    attempt "$programs/odd" "null-argument=$name" -- "$allocrun" -- "$show" -
    expect_malloc "$(library_of jemalloc)"
  done
}

@test "argv empty: refused" {
  attempt "$programs/odd" no-arguments -- "$allocrun"
  expect_refusal "no command"
}

@test "copied and moved tree: the builds are found beside the launcher" {
  make_prefix "$BATS_TEST_TMPDIR/one"
  mv "$other" "$BATS_TEST_TMPDIR/two"
  attempt "$BATS_TEST_TMPDIR/two/bin/allocrun" -- "$show" -
  expect_status 0
  expect_in "malloc" "$BATS_TEST_TMPDIR/two/lib/allocrun/" "$(shown malloc)"
}

@test "launcher replaced while it starts: the builds are found where it was" {
  make_prefix
  # As an upgrade leaves it: /proc/self/exe then ends with " (deleted)".
  attempt bash -c 'exec 5<"$1"; rm "$1"; shift; exec /proc/self/fd/5 "$@"' bash "$other/bin/allocrun" -- "$show" -
  expect_status 0
  expect_in "malloc" "$other/lib/allocrun/" "$(shown malloc)"
}

@test "launcher alone, without its tree: said, and the command starts" {
  cp "$allocrun" "$BATS_TEST_TMPDIR/allocrun"
  attempt "$BATS_TEST_TMPDIR/allocrun" -- "$show" -
  expect_system_malloc
  expect_err "its builds cannot be found"
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp "$allocrun" "$BATS_TEST_TMPDIR/bin"
  attempt "$BATS_TEST_TMPDIR/bin/allocrun" -- "$show" -
  expect_system_malloc
  expect_err "manifest.json is missing"
}

@test "deleted cwd: works" {
  mkdir "$BATS_TEST_TMPDIR/gone"
  attempt bash -c 'cd "$1" && rmdir "$1" && shift && exec "$@"' bash "$BATS_TEST_TMPDIR/gone" "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  expect_equal "cwd" none "$(shown cwd)"
  mkdir "$BATS_TEST_TMPDIR/gone"
  attempt bash -c 'cd "$1" && rmdir "$1" && shift && exec "$@"' bash "$BATS_TEST_TMPDIR/gone" "$allocrun" --explain
  expect_status 0
}

@test "100,000-byte environment: works, byte for byte" {
  big=$(head -c 100000 /dev/zero | tr '\0' x)
  BIG=$big launch -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable BIG "$big"
  LD_PRELOAD=$big launch -- "$programs/show-static" -
  expect_status 0
  expect_variable LD_PRELOAD "$big"
}

@test "10,000 variables: works" {
  attempt bash -c 'for i in {1..10000}; do export "V$i=$i"; done; exec "$@"' bash "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable V10000 10000
}

@test "an environment with no room for one variable more: the command starts without" {
  # Without allocrun in between the command starts: that is what must not change.
  attempt "$programs/odd" full -- "$show" -
  expect_system_malloc
  attempt "$programs/odd" full -- "$allocrun" -- "$show" -
  expect_system_malloc
  expect_err "no room"
  expect_no_variable LD_PRELOAD
}

@test "an environment with no room for one variable more: the record speaks of the process as it is" {
  attempt "$programs/odd" full -- "$allocrun" --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_system_malloc
  expect_equal "preload in the record" refused "$(jq -r '[.plan[] | select(.step == "preload").outcome] | unique[]' "$BATS_TEST_TMPDIR/record")"
}

@test "an environment with no room, and preload required: 125" {
  attempt "$programs/odd" full -- "$allocrun" --require preload -- "$show" -
  expect_refusal "preload is required"
}

@test "an environment with no room, and --user: without the preload, and with the user's own HOME" {
  needs_root "to change the user"
  attempt "$programs/odd" full -- "$allocrun" --user nobody -- "$show" -
  expect_system_malloc
  expect_no_variable LD_PRELOAD
  expect_variable HOME "$(getent passwd nobody | cut -d: -f6)"
}

@test "a variable twice in the environment: the loader's one counts" {
  attempt "$programs/odd" twice=LD_PRELOAD -- "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable LD_PRELOAD "$(preload_of jemalloc):/second/libgomp.so.1"
}

@test "closed stdin, stdout, stderr: stay closed, and nothing is written into another file" {
  : >"$BATS_TEST_TMPDIR/file"
  for closed in '0<&-' '1>&-' '2>&-' '1>&- 2>&-' '0<&- 1>&- 2>&-'; do
    # A warning to be written, and a record: their files must not get a standard number.
    attempt bash -c "exec $closed 9>>'$BATS_TEST_TMPDIR/file'; exec \"\$@\"" bash "$allocrun" --verbose --record "$BATS_TEST_TMPDIR/record" --allocator /nowhere/lib.so -- "$show" "$BATS_TEST_TMPDIR/with"
    expect_status 0
    attempt bash -c "exec $closed 9>>'$BATS_TEST_TMPDIR/file'; exec \"\$@\"" bash "$show" "$BATS_TEST_TMPDIR/without"
    expect_status 0
    expect_equal "descriptors with $closed" "$(shown fd "$BATS_TEST_TMPDIR/without")" "$(shown fd "$BATS_TEST_TMPDIR/with")"
    jq -e '.record == 2' "$BATS_TEST_TMPDIR/record" >/dev/null ||
      fails "$ran" "a record and nothing else" "$(cat "$BATS_TEST_TMPDIR/record")"
    expect_equal "bytes in a foreign file" "" "$(<"$BATS_TEST_TMPDIR/file")"
  done
}

@test "closed stdout: explain, list, help fail, and write nowhere" {
  for mode in --explain --list --help --version; do
    attempt bash -c 'exec 1>&-; exec "$@"' bash "$allocrun" "$mode"
    expect_status 125
    expect_one_line
  done
}

@test "a policy file that would get descriptor 1 is not written into" {
  printf '[launch]\nprofile = memory\n' >"$BATS_TEST_TMPDIR/policy"
  cp "$BATS_TEST_TMPDIR/policy" "$BATS_TEST_TMPDIR/before"
  attempt bash -c 'exec 0<&- 1>&- 2>&-; exec "$@"' bash "$allocrun" --verbose --policy "$BATS_TEST_TMPDIR/policy" -- true
  expect_status 0
  expect_same_file "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/policy"
}

@test "no free descriptor: the command starts" {
  attempt bash -c 'ulimit -n 3; exec "$@"' bash "$allocrun" -- "$programs/show-static" -
  expect_status 0
}

@test "/proc and /sys not there: the command starts under its allocator" {
  needs_mounts "to take /proc and /sys away"
  attempt in_mounts 'mount -t tmpfs none /proc; mount -t tmpfs none /sys' "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
}

@test "a bare root without /proc, /dev, /etc: a static command starts" {
  needs_root "to change the root"
  mkdir -p "$BATS_TEST_TMPDIR/bare"
  make_prefix "$BATS_TEST_TMPDIR/bare/opt/allocrun"
  cp "$programs/show-static" "$BATS_TEST_TMPDIR/bare/show"
  attempt chroot "$BATS_TEST_TMPDIR/bare" /opt/allocrun/bin/allocrun -- /show -
  expect_status 0
  expect_equal "malloc" static "$(shown malloc)"
  expect_err "statically linked"
}
