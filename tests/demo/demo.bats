#!/usr/bin/env bats
# The demo itself, with the server that needs nothing installed.
# shellcheck disable=SC2154 # what helpers.bash sets
bats_require_minimum_version 1.5.0

load ../vllm/helpers

# servers: the demo servers that this very run has started and that run now.
servers() { pgrep -f "tests/demo/server\.py" | while read -r pid; do is_of_this_run "$pid" && echo "$pid"; done || true; }
is_of_this_run() { tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -qx "BATS_RUN_TMPDIR=$BATS_RUN_TMPDIR"; }

@test "demo python: starts, proves every process, stops" {
  expect_ok "$root/tests/demo/demo" python
  expect_in "demo python" "bin/allocrun -- " "$output"
  expect_equal "processes served by jemalloc" 4 "$(grep -c ' ok  *preload-effective: jemalloc-' <<<"$output")"
  expect_equal "processes whose options are proved" 4 "$(grep -c ' ok  *options-in-force: proved: narenas:' <<<"$output")"
  expect_in "demo python" "proved: 4 of 4 processes run on jemalloc-" "$output"
  expect_in "demo python" "all 4 processes are gone" "$output"
}

@test "demo python: the same server without allocrun fails the check" {
  expect_ok "$root/tests/demo/demo" python
  expect_in "demo python" "fail: 1 failure, 1 ok; preload-effective" "${output##*started without allocrun}"
  expect_in "demo python" "malloc is glibc's own; its environment has no LD_PRELOAD" "$output"
}

@test "demo vllm: every process of the real tree is proved; without allocrun the check fails and names it" {
  expect_ok "$root/tests/demo/demo" vllm
  expect_in "demo vllm" "proved: 4 of 4 processes run on jemalloc-" "$output"
  expect_in "demo vllm" "all 4 processes are gone" "$output"
  expect_in "demo vllm" "fail: 1 failure, 1 ok; preload-effective" "${output##*started without allocrun}"
  expect_in "demo vllm" "malloc is glibc's own; its environment has no LD_PRELOAD" "${output##*started without allocrun}"
}

@test "demo python: fails when the proof fails" {
  local status=0
  output=$(ALLOCRUN=off timeout 300 "$root/tests/demo/demo" python 2>&1) || status=$?
  expect_equal "exit of ALLOCRUN=off demo python: $output" 1 "$status"
  expect_in "ALLOCRUN=off demo python" "the kill switch, ALLOCRUN=off" "$output"
  expect_in "ALLOCRUN=off demo python" "not every process is proved" "$output"
}

@test "demo python: leaves nothing behind when it is stopped half way" {
  local before pid
  before=$(servers)
  "$root/tests/demo/demo" python >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  pid=$!
  eventually grep -q healthy "$BATS_TEST_TMPDIR/out"
  kill -TERM "$pid"
  local status=0
  wait "$pid" || status=$?
  expect_equal "exit of the demo: $(<"$BATS_TEST_TMPDIR/out")" 143 "$status"
  expect_equal "servers left" "$before" "$(servers)"
}

@test "demo: an unknown server is refused" {
  local status=0
  output=$("$root/tests/demo/demo" perl 2>&1) || status=$?
  expect_equal "exit of demo perl" 1 "$status"
  expect_in "demo perl" "no server 'perl': SERVER=vllm or SERVER=python" "$output"
}
