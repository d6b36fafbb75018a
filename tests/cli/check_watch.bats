#!/usr/bin/env bats
# allocrun --check --watch: what grows.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

teardown() {
  local pid
  for pid in "${started[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}
started=()

# It has to heed both signals, which it does once it watches.
catches_interrupts() {
  local mask
  mask=$(sed -n 's/^SigCgt:\s*//p' "/proc/$1/status")
  (( (0x$mask & 0x4002) == 0x4002 ))
}

@test "--watch looks for as long as it is told" {
  sleep 60 3>&- &
  started+=($!)
  launch --check --pid "$!" --watch 1 --only process-found --format json
  expect_status 0
  expect_equal "watched" 1 "$(jq .processes.watched_seconds <<<"$out")"
  launch --check --pid "$!" --watch 1 --only process-found
  expect_out "1 of PID $!, watched for 1 s"
}

@test "--watch: an interrupt ends it with a whole report" {
  sleep 60 3>&- &
  local server=$! signal
  started+=("$server")
  for signal in INT TERM; do
    "$allocrun" --check --pid "$server" --watch 3600 --format json >"$BATS_TEST_TMPDIR/report" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    local audit=$!
    started+=("$audit")
    eventually catches_interrupts "$audit"
    kill -"$signal" "$audit"
    status=0
    wait "$audit" || status=$?
    [ "$status" -le 3 ] || fails "--watch, SIG$signal" "status 0 to 3" "$status: $(cat "$BATS_TEST_TMPDIR/err")"
    expect_equal "exit code" "$status" "$(jq .exit_code "$BATS_TEST_TMPDIR/report")"
    [ "$(jq .processes.watched_seconds "$BATS_TEST_TMPDIR/report")" -lt 3600 ] || fails "watched" "less" "all"
  done
}

@test "--watch: a process that ends meanwhile ends nothing else" {
  sleep 0.3 3>&- &
  launch --check --pid "$!" --watch 1 --format json
  [[ $status -le 3 ]] || fails "$ran" "status 0 to 3" "$(attempt_result)"
  jq -e .findings <<<"$out" >/dev/null || fails "$ran" "JSON" "$(attempt_result)"
}
