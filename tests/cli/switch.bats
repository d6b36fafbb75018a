#!/usr/bin/env bats
# The kill switch: with ALLOCRUN=off the command is executed unchanged, whatever else is
# configured or broken.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# expect_unchanged ALLOCRUN-ARGUMENT...: show finds what it finds without allocrun.
expect_unchanged() {
  local one
  attempt "${inside[@]}" env "${variables[@]}" "$show" "$BATS_TEST_TMPDIR/without"
  expect_status 0
  attempt "${inside[@]}" env "${variables[@]}" "$allocrun" "$@" -- "$show" "$BATS_TEST_TMPDIR/with"
  expect_status 0
  expect_quiet
  for one in without with; do
    sed "s/^pid .*//; s,$BATS_TEST_TMPDIR/$one$,FILE," "$BATS_TEST_TMPDIR/$one" >"$BATS_TEST_TMPDIR/$one.lines"
  done
  expect_same_file "$BATS_TEST_TMPDIR/without.lines" "$BATS_TEST_TMPDIR/with.lines"
}

setup() { inside=(); }

@test "ALLOCRUN=off: a byte-identical environment" {
  for word in off Off OFF 0 no false; do
    variables=("ALLOCRUN=$word" "LD_PRELOAD=$libraries/libother.so: " "MALLOC_CONF=narenas:3" ALLOCRUN_PROFILE=memory $'ODD=\n\xff')
    expect_unchanged
  done
}

@test "ALLOCRUN=off: with broken options" {
  variables=(ALLOCRUN=off)
  expect_unchanged --profile nonsense --allocator none --conf ::: --numa x --require all --user nosuchuser
  expect_unchanged --no-such-option --policy /nowhere
  expect_unchanged --format xml --sysroot /nowhere
  expect_unchanged --verbose --record "$BATS_TEST_TMPDIR/record"
  [ ! -e "$BATS_TEST_TMPDIR/record" ] || fails "$ran" "no record" "a record"
}

@test "ALLOCRUN=off: with broken variables" {
  variables=(ALLOCRUN=off ALLOCRUN_PROFILE=nonsense ALLOCRUN_NUMA=x ALLOCRUN_CONF=::: ALLOCRUN_POLICY=/nowhere ALLOCRUN_REQUIRE=everything ALLOCRUN_PROFIL=x)
  expect_unchanged
}

@test "ALLOCRUN=off: with a broken default policy" {
  needs_mounts "for an /etc of its own"
  policy <<<'nonsense'
  inside=(in_etc)
  variables=(ALLOCRUN=off)
  expect_unchanged
}

@test "ALLOCRUN=off: with broken libraries, and for commands of any kind" {
  variables=(ALLOCRUN=off)
  make_prefix
  rm -r "${other:?}/lib"
  allocrun=$other/bin/allocrun expect_unchanged --require preload
  attempt env ALLOCRUN=off "$other/bin/allocrun" --require preload -- "$programs/show-static" -
  expect_status 0
  expect_quiet
}

@test "ALLOCRUN=off: exit codes of the command, and those of env where there is none" {
  attempt env ALLOCRUN=off "$allocrun" -- sh -c 'exit 3'
  expect_status 3
  attempt env ALLOCRUN=off "$allocrun" -- no-such-command-anywhere
  expect_status 127
  attempt env ALLOCRUN=off "$allocrun" -- /
  expect_status 126
  attempt env ALLOCRUN=off "$allocrun"
  expect_refusal "no command"
}

@test "ALLOCRUN=off: privileges asked for are not given up either, unchanged is unchanged" {
  variables=(ALLOCRUN=off)
  expect_unchanged --user nobody --no-new-privs --thp off --oom-score-adj 7
}

@test "ALLOCRUN=off: the command behind -- is found whatever stands before it" {
  attempt env ALLOCRUN=off "$allocrun" --numb 1 --thp -- "$show" -
  expect_system_malloc
  expect_quiet
}

@test "ALLOCRUN=off: explain says so" {
  attempt env ALLOCRUN=off "$allocrun" --explain -- true
  expect_status 0
  expect_out "executed unchanged"
  attempt env ALLOCRUN=off "$allocrun" --explain --format json -- true
  expect_status 0
  jq -e . <<<"$out" >/dev/null || fails "$ran" "JSON" "$out"
}

@test "ALLOCRUN=on or empty: as not set" {
  for word in on ''; do
    attempt env ALLOCRUN="$word" "$allocrun" -- "$show" -
    expect_malloc "$(library_of jemalloc)"
    expect_quiet
  done
}
