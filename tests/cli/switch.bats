#!/usr/bin/env bats
# The kill switch: with ALLOCRUN=off the command is executed unchanged, whatever else is
# configured or broken, but for privileges that somebody asked to give up.
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
  expect_unchanged --profile nonsense --allocator none --conf ::: --numa x --require all
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

@test "kind P: ALLOCRUN=off is for the allocator: what gives up privileges is done, nothing else" {
  needs_root "to give privileges up"
  attempt env ALLOCRUN=off "$allocrun" --user nobody --no-new-privs --oom-score-adj 7 --record "$BATS_TEST_TMPDIR/record" -- \
    grep -hE '^(Uid|CapEff|CapBnd|NoNewPrivs)|^7$' /proc/self/status /proc/self/oom_score_adj
  expect_status 0
  expect_out $'Uid:\t65534\t65534'
  expect_out $'CapEff:\t0000000000000000'
  expect_out $'NoNewPrivs:\t1'
  expect_no_out $'\n7'
  expect_quiet
  [ ! -e "$BATS_TEST_TMPDIR/record" ] || fails "$ran" "no record" "a record"
  attempt env ALLOCRUN=off "$allocrun" --user nobody -- "$show" -
  expect_system_malloc
  expect_no_variable LD_PRELOAD
  attempt env ALLOCRUN=off "$allocrun" --user nosuchuser -- "$show" -
  expect_refusal "user is required" "nosuchuser"
  attempt env ALLOCRUN=off ALLOCRUN_USER=nobody ALLOCRUN_CONF=::: "$allocrun" -- "$show" -
  expect_status 0
  expect_in "ids" "65534 65534" "$(shown ids)"
  attempt env ALLOCRUN=off ALLOCRUN_KEEP_CAPS=nonsense "$allocrun" -- "$show" -
  expect_refusal "ALLOCRUN_KEEP_CAPS"
}

@test "kind P: ALLOCRUN=off: what a policy file gives up is given up" {
  needs_mounts "for an /etc of its own"
  policy <<<$'[launch]\nuser = nobody\nallocator = mimalloc'
  attempt in_etc env ALLOCRUN=off "$allocrun" -- "$show" -
  expect_system_malloc
  expect_in "ids" "65534 65534" "$(shown ids)"
}

@test "kind P: below a setuid program no ALLOCRUN_* of its caller counts" {
  needs_root "to make one"
  make_prefix
  chmod u+s "$other/bin/allocrun"
  chmod 755 "$BATS_TEST_TMPDIR"
  printf '[launch]\noom-score-adj = 9\n' >"$BATS_TEST_TMPDIR/policy"
  attempt "${as_nobody[@]}" env ALLOCRUN_RECORD="$BATS_TEST_TMPDIR/record" ALLOCRUN_ALLOCATOR="$libraries/libjemalloc.so.2" \
    ALLOCRUN_POLICY="$BATS_TEST_TMPDIR/policy" ALLOCRUN_MEMLOCK=nonsense ALLOCRUN_NO_NEW_PRIVS=yes "$other/bin/allocrun" -- \
    grep -hE '^(Uid|NoNewPrivs)|^9$' /proc/self/status /proc/self/oom_score_adj
  expect_status 0
  expect_out $'Uid:\t65534\t0'
  expect_out $'NoNewPrivs:\t0'
  expect_no_out $'\n9'
  expect_err "are not heeded: started with more rights than its caller has (AT_SECURE)"
  [ ! -e "$BATS_TEST_TMPDIR/record" ] || fails "$ran" "no record" "a record"
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
