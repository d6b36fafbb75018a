#!/usr/bin/env bats
# Bad input: the command line. Every refusal is 125 and one line, and runs nothing.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# expect_nothing_executed: what `touch` would have made is not there.
mark() { echo "$BATS_TEST_TMPDIR/executed"; }
expect_nothing_executed() { [ ! -e "$(mark)" ] || fails "$ran" "nothing executed" "the command ran"; }

@test "no command: refused" {
  launch
  expect_refusal "no command"
  launch --
  expect_refusal "no command"
  launch --profile memory
  expect_refusal "no command"
}

@test "unknown option: refused, the nearest is named" {
  launch --numb=1 -- touch "$(mark)"
  expect_refusal "'--numb'" "did you mean '--numa'?"
  launch --alocator jemalloc -- touch "$(mark)"
  expect_refusal "'--alocator'" "did you mean '--allocator'?"
  launch --requires preload -- touch "$(mark)"
  expect_refusal "'--requires'" "did you mean '--require'?"
  launch --xyzzy -- touch "$(mark)"
  expect_refusal "'--xyzzy'" "--help"
  launch -x -- touch "$(mark)"
  expect_refusal "'-x'"
  launch -qx -- touch "$(mark)"
  expect_refusal "'-x'"
  expect_nothing_executed
}

@test "unknown option: an ambiguous abbreviation is refused" {
  launch --nu -- touch "$(mark)"
  expect_refusal "'--nu'"
  launch --p=memory -- touch "$(mark)"
  expect_refusal "'--p'"
  expect_nothing_executed
}

@test "option without its value: refused" {
  for option in --numa --profile --allocator --policy --format --sysroot --record; do
    launch "$option"
    expect_refusal "'$option' wants a value"
  done
}

@test "option with a value that it does not take: refused, and not called unknown" {
  for option in --explain --list --quiet --verbose --help --version; do
    launch "$option=yes" -- touch "$(mark)"
    expect_refusal "'$option'"
    expect_no_err "unknown option"
  done
  expect_nothing_executed
}

@test "unknown profile: refused, the nearest is named" {
  launch --profile throughputt -- touch "$(mark)"
  expect_refusal "no profile 'throughputt'" "did you mean 'throughput'?" "--profile"
  launch --profile zzzzzzzz -- touch "$(mark)"
  expect_refusal "no profile 'zzzzzzzz'" balanced memory latency throughput embedding debug
  expect_nothing_executed
}

# An image whose variable is misspelt would start over and over, and never serve.
@test "kind F: a variable whose value means nothing: said, not heeded, and the command starts" {
  local variable
  for variable in PROFILE=memry OFF=thpp PREFER=all CONF=narenas:two ALLOCATOR=jemaloc NUMA=gpus POLICY=/nowhere OOM_SCORE_ADJ=x; do
    attempt env "ALLOCRUN_$variable" "$allocrun" -- "$show" -
    expect_malloc "$(library_of jemalloc)"
    expect_one_line
    expect_err "ALLOCRUN_${variable%%=*}"
  done
  # What was to stop a start stops it.
  for variable in USER=::: KEEP_CAPS=everything NO_NEW_PRIVS=perhaps REQUIRE=preloads; do
    attempt env "ALLOCRUN_$variable" "$allocrun" -- touch "$(mark)"
    expect_refusal "ALLOCRUN_${variable%%=*}"
  done
  expect_nothing_executed
}

@test "unknown allocator: refused, the nearest is named" {
  launch --allocator jemaloc -- touch "$(mark)"
  expect_refusal "'jemaloc'" "did you mean 'jemalloc'?"
  launch --allocator tcmalloc -- touch "$(mark)"
  expect_refusal "'tcmalloc'"
  launch --allocator jemalloc,mimaloc -- touch "$(mark)"
  expect_refusal "'mimaloc'" "did you mean 'mimalloc'?"
  launch --allocator jemalloc,,system -- touch "$(mark)"
  expect_refusal "empty"
  launch --allocator '' -- touch "$(mark)"
  expect_refusal
  launch --allocator jemalloc- -- touch "$(mark)"
  expect_refusal "'jemalloc-'"
  expect_nothing_executed
}

@test "unknown step: refused, the nearest is named" {
  for option in --require --prefer --off; do
    launch "$option" preloads -- touch "$(mark)"
    expect_refusal "$option" "'preloads'" "did you mean 'preload'?"
    launch "$option" thp,mempolcy -- touch "$(mark)"
    expect_refusal "'mempolcy'" "did you mean 'mempolicy'?"
    launch "$option" thp, -- touch "$(mark)"
    expect_refusal "empty"
  done
  attempt env ALLOCRUN_REQUIRE=thpp "$allocrun" -- touch "$(mark)"
  expect_refusal "ALLOCRUN_REQUIRE" "did you mean 'thp'?"
  expect_nothing_executed
}

@test "unknown key of --conf, --mimalloc, --glibc: refused, the nearest is named" {
  launch --conf dirty_decay:1 -- touch "$(mark)"
  expect_refusal "--conf" "'dirty_decay'" "did you mean 'dirty_decay_ms'?"
  launch --mimalloc purge_dely=1 -- touch "$(mark)"
  expect_refusal "--mimalloc" "did you mean 'purge_delay'?"
  launch --glibc arena_maxx=1 -- touch "$(mark)"
  expect_refusal "--glibc" "did you mean 'arena_max'?"
  expect_nothing_executed
}

@test "malformed --conf: refused" {
  for conf in narenas narenas: :2 narenas:two narenas=2 narenas:2,tcache:maybe narenas:-1 thp:sometimes; do
    launch --conf "$conf" -- touch "$(mark)"
    expect_refusal "--conf" "bad value '$conf'"
  done
  expect_nothing_executed
}

@test "value out of range: refused" {
  refusals=(
    "--numa 0-" "--numa 9-1" "--numa gpus" "--numa 0,,1" "--numa 99999" "--thp always" "--numa-strict=maybe"
    "--memlock 1.5G" "--memlock -1" "--memlock 99999999999999999999" "--memlock 9000000T" "--core big"
    "--oom-score-adj 1001" "--oom-score-adj -1001" "--oom-score-adj 5x" "--oom-score-adj x"
    "--user :4" "--user a:b:c" "--user a/b" "--user name:" "--keep-caps fly" "--keep-caps sys_nice,,sys_admin"
    "--no-new-privs=perhaps" "--format xml"
  )
  for refusal in "${refusals[@]}"; do
    read -ra words <<<"$refusal"
    launch "${words[@]}" -- touch "$(mark)"
    expect_refusal "${words[0]%%=*}"
  done
  for option in --record --user --numa --thp --conf=x --memlock --profile; do
    [[ "$option" == *=* ]] || { launch "$option=" -- touch "$(mark)"; expect_refusal "$option"; }
  done
  expect_nothing_executed
}

@test "unknown values: the nearest is named" {
  launch --thp advise -- true
  expect_refusal "did you mean 'advised'?"
  launch --numa interleaved -- true
  expect_refusal "did you mean 'interleave'?"
}

@test "two modes: refused" {
  launch --explain --list
  expect_refusal "--explain and --list exclude each other"
  launch --list --help
  expect_refusal "exclude each other"
}

@test "--sysroot: only to look at, never to launch by another machine's facts" {
  launch --sysroot "$root/tests/machines/hgx-8gpu-two-socket" -- touch "$(mark)"
  expect_refusal "--sysroot"
  launch --sysroot / -- touch "$(mark)"
  expect_refusal "--sysroot"
  launch --explain --sysroot "$BATS_TEST_TMPDIR/none"
  expect_refusal "--sysroot" "No such file"
  expect_nothing_executed
}

@test "--tune and --capture: options and words that do not belong there" {
  launch --tune -- touch "$(mark)"
  expect_refusal "--tune takes no command ('touch')"
  launch --tune --pid 1
  expect_refusal "--pid goes with --check"
  launch --tune --numa off
  expect_refusal "--numa goes with a launch"
  launch --dry-run -- touch "$(mark)"
  expect_refusal "--dry-run goes with --tune"
  launch --capture "$BATS_TEST_TMPDIR/captured" touch "$(mark)"
  expect_refusal "--capture takes no command ('touch')"
  # The switch is for commands: here it would hide what is wrong.
  attempt env ALLOCRUN=off "$allocrun" --tune --speed
  expect_refusal "unknown option '--speed'"
  [ ! -e "$BATS_TEST_TMPDIR/captured" ] || fails "a refusal" "no folder" "one"
  expect_nothing_executed
}

@test "a refusal is one line without control characters, whatever the input" {
  launch --profile $'two\nlines\e[31m' -- touch "$(mark)"
  expect_refusal "two"
  expect_no_err $'\e'
  launch $'--op\ntion' -- touch "$(mark)"
  expect_refusal
  launch -- $'no\nsuch\e[31mcommand'
  expect_status 127
  expect_one_line
  expect_no_err $'\e'
}

@test "a misspelt variable is said, and nothing is refused" {
  attempt env ALLOCRUN_PROFIL=memory "$allocrun" -- "$show" -
  expect_status 0
  expect_err "ALLOCRUN_PROFIL means nothing to allocrun (did you mean ALLOCRUN_PROFILE?)"
  attempt env ALLOCRUN=maybe "$allocrun" -- "$show" -
  expect_status 0
  expect_err "ALLOCRUN=maybe means nothing"
  # Kubernetes' variables for a service named allocrun.
  attempt env ALLOCRUN_PORT=tcp://10.0.0.1:80 ALLOCRUN_SERVICE_HOST=10.0.0.1 "$allocrun" -- "$show" -
  expect_status 0
  expect_quiet
}

@test "an empty variable is one that is not set" {
  attempt env ALLOCRUN_PROFILE= ALLOCRUN_NUMA= ALLOCRUN_CONF= ALLOCRUN_REQUIRE= ALLOCRUN= "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

@test "the command's own options are its own" {
  launch -- "$show" - --profile nonsense --explain -x --
  expect_status 0
  expect_equal "arguments" "$(printf '%s\n' "$show" - --profile nonsense --explain -x --)" "$(shown arg)"
  launch "$show" - --profile nonsense
  expect_status 0
  expect_equal "arguments without --" "$(printf '%s\n' "$show" - --profile nonsense)" "$(shown arg)"
}
