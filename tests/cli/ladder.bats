#!/usr/bin/env bats
# Ladders (--require, --prefer, --off for each step) and precedence: command line over
# environment over policy file over built in.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

steps=(affinity mempolicy thp rlimits oom-score preload options user caps no-new-privs)

# expect_rung STEP RUNG
expect_rung() { expect_of "[.plan[] | select(.step == \"$1\").ladder] | unique | join(\" \")" "$2"; }

# setting NAME: "VALUE ORIGIN"
setting() { of ".settings[] | select(.name == \"$1\") | .value + \" \" + .why"; }

@test "ladder by default: preferred, the three that give up privileges required" {
  explain -- "$show"
  for name in "${steps[@]}"; do
    case $name in
      user|caps|no-new-privs) expect_rung "$name" require ;;
      *) expect_rung "$name" prefer ;;
    esac
  done
}

@test "ladder of each step: --require, --prefer, --off" {
  for name in "${steps[@]}"; do
    for rung in require prefer off; do
      explain "--$rung" "$name" -- "$show"
      expect_rung "$name" "$rung"
      [ "$rung" != off ] || expect_step "$name" off
    done
  done
}

@test "ladder of several steps at once, the last word counts" {
  explain --off thp,rlimits --require preload,thp --prefer preload -- "$show"
  expect_rung rlimits off
  expect_rung thp require
  expect_rung preload prefer
}

@test "ladder: a step that is off is not tried, even when it could not be done" {
  launch --off preload -- "$programs/show-static" -
  expect_status 0
  expect_quiet
  launch --numa 7 --off mempolicy,affinity -- "$show" -
  expect_status 0
  expect_quiet
  launch --off user --user nosuchuser -- "$show" -
  expect_status 0
  expect_quiet
}

@test "ladder: nothing to do is no refusal" {
  launch --require affinity,mempolicy,thp,rlimits,oom-score,preload,options,user,caps,no-new-privs -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

@test "ladder: a required step that fails stops the start before anything is executed" {
  launch --require preload -- "$programs/show-static" "$BATS_TEST_TMPDIR/executed"
  expect_refusal "preload is required and cannot be done" "statically linked"
  [ ! -e "$BATS_TEST_TMPDIR/executed" ] || fails "$ran" "nothing executed" "the command ran"
  launch --explain --require preload -- "$programs/show-static"
  expect_status 125
  expect_out "required: the command would not be started"
}

@test "ladder precedence: command line over environment over policy file" {
  printf '[launch]\nrequire = preload,thp\noff = rlimits\n' >"$BATS_TEST_TMPDIR/policy"
  export ALLOCRUN_POLICY=$BATS_TEST_TMPDIR/policy
  explain -- "$show"
  expect_rung preload require
  expect_rung thp require
  expect_rung rlimits off
  ALLOCRUN_OFF=preload explain -- "$show"
  expect_rung preload off
  expect_rung thp require
  ALLOCRUN_OFF=preload ALLOCRUN_REQUIRE=rlimits explain --prefer preload -- "$show"
  expect_rung preload prefer
  expect_rung rlimits require
}

@test "precedence of values: command line over environment over policy file over built in" {
  printf '[launch]\nprofile = memory\n' >"$BATS_TEST_TMPDIR/policy"
  explain
  expect_equal "built in" "balanced built in" "$(setting profile)"
  explain --policy "$BATS_TEST_TMPDIR/policy"
  expect_equal "policy file" "memory $BATS_TEST_TMPDIR/policy:2" "$(setting profile)"
  ALLOCRUN_PROFILE=latency explain --policy "$BATS_TEST_TMPDIR/policy"
  expect_equal "environment" "latency ALLOCRUN_PROFILE" "$(setting profile)"
  ALLOCRUN_PROFILE=latency explain --policy "$BATS_TEST_TMPDIR/policy" --profile debug
  expect_equal "command line" "debug --profile" "$(setting profile)"
  explain --profile debug --profile throughput
  expect_equal "the last of two" "throughput --profile" "$(setting profile)"
}

@test "precedence of every key" {
  values=(
    "allocator mimalloc system jemalloc" "numa off gpu interleave" "thp off on advised" "numa-strict yes no yes"
    "memlock 4096 8192 inherit" "core 0 hard inherit" "oom-score-adj 1 2 3" "user root nobody daemon"
    "keep-caps none all chown" "no-new-privs yes no yes" "conf narenas:1 narenas:2 narenas:3"
    "mimalloc purge_delay=1 purge_delay=2 purge_delay=3" "glibc arena_max=1 arena_max=2 arena_max=3"
    "purge-thread idle_ms:1001 idle_ms:1002 idle_ms:1003" "record /tmp/1 /tmp/2 /tmp/3" "children drop a,b keep"
  )
  unset ALLOCRUN_RECORD
  for row in "${values[@]}"; do
    read -r key first second third <<<"$row"
    name=ALLOCRUN_${key^^}
    printf '[launch]\n%s = %s\n' "$key" "$first" >"$BATS_TEST_TMPDIR/policy"
    explain --policy "$BATS_TEST_TMPDIR/policy"
    expect_equal "$key in the policy" "$first $BATS_TEST_TMPDIR/policy:2" "$(setting "$key")"
    attempt env "${name//-/_}=$second" "$allocrun" --explain --format json --policy "$BATS_TEST_TMPDIR/policy"
    json=$out
    expect_equal "$key in the environment" "$second ${name//-/_}" "$(setting "$key")"
    attempt env "${name//-/_}=$second" "$allocrun" --explain --format json --policy "$BATS_TEST_TMPDIR/policy" "--$key=$third"
    json=$out
    expect_equal "$key on the command line" "$third --$key" "$(setting "$key")"
  done
  # No key is forgotten here.
  keys=$("$allocrun" --help | sed -n '/^Options (/,/^$/s/^  --\([a-z-]*\).*/\1/p' | sort)
  expect_equal "keys of --help" "$(printf '%s\n' "${values[@]%% *}" profile require prefer off | sort)" "$keys"
}

@test "precedence: auto on the command line takes the profile's choice" {
  printf '[launch]\nallocator = mimalloc\n' >"$BATS_TEST_TMPDIR/policy"
  explain --policy "$BATS_TEST_TMPDIR/policy" --allocator auto
  expect_of .build.id "$(build_of jemalloc)"
}
