#!/usr/bin/env bats
# Explain = apply: what --explain prints is what a launch records, and does not do.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# expect_same_plan [VARIABLE=VALUE]... -- [OPTION]... -- COMMAND...: the parts of the plan
# are the same in --explain and in the record of a launch, which ends with $wanted.
expect_same_plan() {
  local variables=() record=$BATS_TEST_TMPDIR/record.json
  while [ "$1" != -- ]; do
    variables+=("$1")
    shift
  done
  shift
  rm -f "$record"
  attempt "${before[@]}" env "${variables[@]}" "$allocrun" --explain --format json --record "$record" "$@"
  expect_status 0
  jq -S "$compared" <<<"$out" >"$BATS_TEST_TMPDIR/explained"
  [ ! -e "$record" ] || fails "$ran" "no record" "$(<"$record")"
  attempt "${before[@]}" env "${variables[@]}" "$allocrun" --record "$record" "$@"
  expect_status "${wanted:-0}"
  jq -S "$compared" <"$record" >"$BATS_TEST_TMPDIR/recorded"
  expect_same_file "$BATS_TEST_TMPDIR/explained" "$BATS_TEST_TMPDIR/recorded"
}

setup() {
  before=()
  compared='{plan, environment, settings, warnings, build, profile, framework, policy_problem, command, facts}'
}

@test "explain = apply: by default" {
  expect_same_plan -- -- "$show" /dev/null
}

@test "explain = apply: every profile" {
  for profile in balanced memory latency throughput embedding debug; do
    expect_same_plan -- --profile "$profile" -- "$show" /dev/null
  done
}

@test "explain = apply: every allocator, with options and variables" {
  expect_same_plan -- --allocator mimalloc --mimalloc purge_delay=9 -- "$show" /dev/null
  expect_same_plan MIMALLOC_PURGE_DELAY=3 -- --allocator mimalloc -- "$show" /dev/null
  expect_same_plan GLIBC_TUNABLES=glibc.rtld.nns=4 -- --allocator system -- "$show" /dev/null
  expect_same_plan -- --allocator "$libraries/libother.so" -- "$show" /dev/null
  expect_same_plan MALLOC_CONF=narenas:3,nonsense -- --conf tcache_max:1024 -- "$show" /dev/null
  expect_same_plan LD_PRELOAD="$libraries/libtcmalloc_minimal.so.4:$libraries/libgomp.so.1::" -- -- "$show" /dev/null
}

@test "explain = apply: process state" {
  expect_same_plan -- --thp off --core hard --memlock 4096 --oom-score-adj 500 --numa 0 -- "$show" /dev/null
  expect_same_plan -- --off thp,preload,options,rlimits,oom-score,affinity,mempolicy,user,caps,no-new-privs -- "$show" /dev/null
}

@test "explain = apply: what is refused and gone on without" {
  before=("${without_sys_resource[@]}")
  needs_root "to have capabilities that can be dropped"
  expect_same_plan -- --memlock unlimited --oom-score-adj -999 --numa 7 --prefer user --user nosuchuser -- "$show" /dev/null
  before=("$programs/refuse" set_mempolicy prctl:41 prlimit64 --)
  expect_same_plan -- --numa 0 --thp off --memlock 4096 -- "$show" /dev/null
}

@test "explain = apply: privileges" {
  needs_root "to change the user"
  expect_same_plan -- --user nobody -- "$show" -
  expect_same_plan -- --user 4242:4243 --keep-caps net_bind_service --no-new-privs -- "$show" -
  expect_same_plan -- --keep-caps none -- "$show" -
}

@test "explain = apply: a library that the user cannot read, with a long path" {
  needs_root "to change the user"
  make_prefix "$BATS_TEST_TMPDIR/$(printf 'a%.0s' {1..200})/$(printf 'b%.0s' {1..200})/prefix"
  chmod 700 "$other"
  allocrun=$other/bin/allocrun expect_same_plan -- --user nobody -- "$show" -
}

@test "explain = apply: commands that nothing is preloaded into" {
  expect_same_plan -- -- "$programs/show-static" /dev/null
  expect_same_plan -- -- "$programs/show-musl" /dev/null
}

@test "explain = apply: a policy file" {
  printf '[launch]\nthp = off\nconf = narenas:3\nrequire = preload\noff = rlimits\n' >"$BATS_TEST_TMPDIR/policy"
  expect_same_plan -- --policy "$BATS_TEST_TMPDIR/policy" -- "$show" /dev/null
  expect_same_plan ALLOCRUN_POLICY="$BATS_TEST_TMPDIR/policy" ALLOCRUN_THP=on -- -- "$show" /dev/null
}

@test "explain = apply: the variables are those that the command finds" {
  explain --conf narenas:3 -- "$show" -
  launch --conf narenas:3 -- "$show" -
  expect_variable LD_PRELOAD "$(of .environment.LD_PRELOAD)"
  expect_variable MALLOC_CONF "$(of .environment.MALLOC_CONF)"
}

@test "explain runs nothing, and changes nothing in its own process" {
  launch --explain --user nobody --thp off -- touch "$BATS_TEST_TMPDIR/executed"
  expect_status 0
  [ ! -e "$BATS_TEST_TMPDIR/executed" ] || fails "$ran" "nothing executed" "the command ran"
  attempt strace -o "$BATS_TEST_TMPDIR/trace" "$allocrun" --explain --user nobody --thp off --oom-score-adj 5 -- true
  expect_status 0
  expect_equal "changes in the process that prints" "" \
    "$(grep -E '^(setresuid|setgroups|capset|setrlimit|set_mempolicy|sched_setaffinity|prctl\(PR_SET_THP)' "$BATS_TEST_TMPDIR/trace" || true)"
}

@test "explain writes no record" {
  needs_mounts "for a /run of its own"
  attempt in_mounts 'mount -t tmpfs none /run; unset ALLOCRUN_RECORD; "$@"; exec find /run' "$allocrun" --explain -- true
  expect_status 0
  expect_equal "files in /run" /run "$(tail -n 1 <<<"$out")"
}

@test "explain without a command: the plan for an ordinary program" {
  launch --explain
  expect_status 0
  expect_out "none given"
  explain
  expect_of .build.id "$(build_of jemalloc)"
}

@test "explain exits as the launch would: 0, 125, 126, 127" {
  launch --explain -- "$show"
  expect_status 0
  launch --explain --require preload -- "$programs/show-static"
  expect_status 125
  launch --explain --require user --user nosuchuser -- "$show"
  expect_status 125
  attempt "$programs/refuse" set_mempolicy -- "$allocrun" --explain --format json --numa 0 --require mempolicy -- "$show"
  expect_status 125
  launch --explain -- /
  expect_status 126
  launch --explain -- no-such-command-anywhere
  expect_status 127
  expect_out "No such file or directory"
}

@test "explain says where every value comes from" {
  printf '[launch]\nthp = off\n' >"$BATS_TEST_TMPDIR/policy"
  attempt env ALLOCRUN_OOM_SCORE_ADJ=5 "$allocrun" --explain --policy "$BATS_TEST_TMPDIR/policy" --profile memory -- "$show"
  expect_status 0
  expect_match "$ran" "profile +memory +--profile" "$out"
  expect_match "$ran" "thp +off +$BATS_TEST_TMPDIR/policy:2" "$out"
  expect_match "$ran" "oom-score-adj +5 +ALLOCRUN_OOM_SCORE_ADJ" "$out"
  expect_match "$ran" "core +inherit +built in" "$out"
  expect_match "$ran" "allocator +jemalloc,mimalloc,system +profile memory" "$out"
}

@test "explain has colours on a terminal alone" {
  launch --explain -- true
  expect_equal "escapes in a file" "" "$(grep $'\e' <<<"$out" || true)"
  attempt script -qec "'$allocrun' --explain -- true" /dev/null
  expect_in "on a terminal" $'\e[1m' "$out"
}

@test "explain: nothing hostile reaches the terminal" {
  escape=$'\e[31m'
  printf '[launch]\nthp = off\n' >"$BATS_TEST_TMPDIR/po${escape}licy"
  make_prefix "$BATS_TEST_TMPDIR/pre${escape}fix"
  cp "$show" "$BATS_TEST_TMPDIR/sh${escape}ow"
  attempt env LD_PRELOAD="/x$escape/libtcmalloc.so:/y$escape/liby.so" MALLOC_CONF="x$escape" CUDA_VISIBLE_DEVICES="$escape" \
    "$other/bin/allocrun" --explain --policy "$BATS_TEST_TMPDIR/po${escape}licy" --record "/z$escape" -- "$BATS_TEST_TMPDIR/sh${escape}ow" "$escape"
  expect_status 0
  expect_equal "escapes on stdout" "" "$(grep $'\e' <<<"$out" || true)"
  attempt "$other/bin/allocrun" --list
  expect_equal "escapes of --list" "" "$(grep $'\e' <<<"$out" || true)"
}

@test "--verbose prints the plan as carried out, --quiet no warnings" {
  launch --verbose -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "Plan, as carried out"
  expect_err "LD_PRELOAD = $(library_of jemalloc)"
  launch --quiet -- "$programs/show-static" -
  expect_status 0
  expect_quiet
  # What was refused is no warning.
  launch --quiet --require preload -- "$programs/show-static" -
  expect_refusal "preload is required"
}
