#!/usr/bin/env bats
# Pure exec: what the command sees is what it would have seen without allocrun, but for
# the variables of the allocator.
# shellcheck disable=SC2016,SC2154 # text for another shell; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

# compare SHELL-TEXT: runs it with "$@" = show FILE, without and with allocrun, and
# compares all that show found. The text may bring the process into any state.
compare() {
  local text=$1 one
  shift
  for one in without with; do
    run_in=()
    [ "$one" = without ] || run_in=("$allocrun" "${options[@]}" --)
    attempt bash -c "$text" compare "${run_in[@]}" "$show" "$BATS_TEST_TMPDIR/$one" "$@"
    expect_status 0
    grep -Ev '^(pid|malloc) |^env (_ALLOCRUN_[A-Z_]*|LD_PRELOAD|MALLOC_CONF|ALLOCRUN_PURGE|GLIBC_TUNABLES|USER|LOGNAME|_)=' "$BATS_TEST_TMPDIR/$one" |
      sed "s,$BATS_TEST_TMPDIR/$one\$,FILE,; s,pipe:\[[0-9]*\],a pipe," >"$BATS_TEST_TMPDIR/$one.lines"
  done
  expect_same_file "$BATS_TEST_TMPDIR/without.lines" "$BATS_TEST_TMPDIR/with.lines"
}

setup() { options=(); }

@test "PID is kept" {
  attempt sh -c 'echo $$; exec "$@"' sh "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_equal "PID" "$(sed -n 1p <<<"$out")" "$(shown pid)"
}

@test "argv is kept byte for byte" {
  compare 'exec "$@" "" " " "a b" "*" "$(printf "new\nline")" "$(printf "\377\376\200")" "\\x41" -- --numa "" --'
  expect_equal "arguments" 13 "$(shown arg "$BATS_TEST_TMPDIR/with" | wc -l)"
  expect_in "arguments" '\xff\xfe\x80' "$(shown arg "$BATS_TEST_TMPDIR/with")"
}

@test "environment is kept byte for byte, but for the allocator's" {
  compare 'exec env -i "EMPTY=" "NEW=$(printf "a\nb")" "BYTES=$(printf "\377\200")" "=odd" "A=B=C" "Path=/x" PATH=/usr/bin:/bin "$@"'
  expect_equal "variables" 10 "$(grep ^env "$BATS_TEST_TMPDIR/with" | grep -vc _ALLOCRUN_)"
  expect_in "variables" 'BYTES=\xff\x80' "$(cat "$BATS_TEST_TMPDIR/with")"
}

@test "an empty environment stays as empty as can be" {
  compare 'exec env -i "$@"'
  expect_equal "variables" "$(printf '%s\n' ALLOCRUN_PURGE LD_PRELOAD MALLOC_CONF _ALLOCRUN_CHILDREN _ALLOCRUN_SET_{ALLOCRUN_PURGE,LD_PRELOAD,MALLOC_CONF})" \
    "$(shown env "$BATS_TEST_TMPDIR/with" | cut -d= -f1 | sort)"
}

@test "signal mask is kept" {
  compare 'exec env --block-signal=USR1,TERM,PIPE,RTMIN "$@"'
  expect_in "mask" "blocked 10" "$(cat "$BATS_TEST_TMPDIR/with")"
}

@test "ignored signals stay ignored, others at their default" {
  compare 'exec env --ignore-signal=USR2,HUP,PIPE,CHLD "$@"'
  expect_in "ignored" "ignored 12" "$(cat "$BATS_TEST_TMPDIR/with")"
  compare 'exec env --default-signal "$@"'
  expect_equal "ignored" "" "$(shown ignored "$BATS_TEST_TMPDIR/with")"
}

@test "pending signals stay pending, also where warnings meet a closed pipe" {
  options=(--allocator /nowhere/lib.so)
  compare "exec '$programs/odd' pending=10 -- \"\$@\""
  expect_in "pending" "pending 10" "$(cat "$BATS_TEST_TMPDIR/with")"
  compare "exec '$programs/odd' pending=13 broken-pipe=2 -- \"\$@\""
  expect_in "pending" "pending 13" "$(cat "$BATS_TEST_TMPDIR/with")"
}

@test "open descriptors are kept, and none is added" {
  touch "$BATS_TEST_TMPDIR/file"
  compare "exec 3<'$BATS_TEST_TMPDIR/file' 7>>'$BATS_TEST_TMPDIR/file' 40<>'$BATS_TEST_TMPDIR/file'; exec \"\$@\""
  expect_in "descriptors" "fd 40 " "$(cat "$BATS_TEST_TMPDIR/with")"
  options=(--record "$BATS_TEST_TMPDIR/record.json" --user root)
  compare "exec 3<'$BATS_TEST_TMPDIR/file'; exec \"\$@\""
}

@test "working directory and umask are kept" {
  compare 'umask 077; cd /proc/self; cd /usr/share; exec "$@"'
  expect_in "cwd" "cwd /usr/share" "$(cat "$BATS_TEST_TMPDIR/with")"
}

@test "argv[0] of the command is the name that --argv0 gives, switched off, too" {
  launch --argv0 "-a name" -- "$show" - one
  expect_equal "arguments" "-a name - one" "$(shown arg | paste -sd' ')"
  expect_malloc "$(library_of jemalloc)"
  attempt env ALLOCRUN=off "$allocrun" --argv0 other -- "$show" - one
  expect_equal "arguments" "other - one" "$(shown arg | paste -sd' ')"
  launch --check --argv0 x
  expect_refusal "--argv0 goes with a launch, not with --check"
}

@test "argv[0] of the command is the word that was given" {
  cd "$programs"
  PATH=$programs:$PATH launch -- show -
  expect_equal "argv[0]" show "$(shown arg | head -n 1)"
}

@test "never forks on the launch path: traced" {
  attempt strace -f -o "$BATS_TEST_TMPDIR/trace" "$allocrun" --user root --keep-caps all --record "$BATS_TEST_TMPDIR/record" -- "$programs/show-static" -
  expect_status 0
  expect_equal "forks" "" "$(grep -E '(clone3?|v?fork)\(' "$BATS_TEST_TMPDIR/trace" || true)"
  expect_equal "execs" 2 "$(grep -c ' execve(' "$BATS_TEST_TMPDIR/trace")"
}

@test "never forks on the launch path: where no process can be made" {
  needs_root "to be a user with a limit"
  attempt "${as_nobody[@]}" bash -c 'ulimit -u 0; exec "$@"' bash "$allocrun" -- "$programs/show-static" -
  expect_status 0
  attempt "${as_nobody[@]}" bash -c 'ulimit -u 0; exec "$@"' bash "$allocrun" --conf background_thread:false -- "$show" -
  expect_malloc "$(library_of jemalloc)"
}

@test "stderr a closed pipe: the command starts all the same" {
  attempt "$programs/odd" broken-pipe=2 -- "$allocrun" -- "$programs/show-static" -
  expect_status 0
  attempt "$programs/odd" broken-pipe=2 -- "$allocrun" --verbose -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  # With the signal ignored, the write itself fails.
  attempt env --ignore-signal=PIPE "$programs/odd" broken-pipe=2 -- "$allocrun" --verbose -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_equal "ignored" 13 "$(shown ignored)"
}

@test "stderr full: the command starts all the same" {
  attempt bash -c 'exec "$@" 2>/dev/full' bash "$allocrun" --verbose -- "$show" -
  expect_malloc "$(library_of jemalloc)"
}

@test "stdout a closed pipe or full: explain fails and says so" {
  attempt "$programs/odd" broken-pipe=1 -- "$allocrun" --explain
  expect_status 125
  expect_one_line
  for mode in --explain --list --help --version; do
    attempt bash -c 'exec "$@" >/dev/full' bash "$allocrun" "$mode"
    expect_status 125
    expect_one_line
    expect_err "No space left"
  done
}

@test "launched twice: one allocator, one entry, the same options" {
  launch -- "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  launch -- sh -c "exec '$allocrun' -- '$show' -"
  expect_malloc "$(library_of jemalloc)"
  expect_variable LD_PRELOAD "$(preload_of jemalloc)"
  launch -- sh -c "exec '$allocrun' --allocator mimalloc -- '$show' -"
  expect_malloc "$(library_of mimalloc)"
  expect_variable LD_PRELOAD "$(preload_of mimalloc)"
}

@test "children inherit the allocator and its options" {
  launch --conf narenas:3 -- sh -c "'$show' - & wait"
  expect_malloc "$(library_of jemalloc)"
  expect_in "MALLOC_CONF" narenas:3 "$(variable MALLOC_CONF)"
}
