#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# PyTorch inference under every build that it can load, with background threads on:
# random shapes in many threads, in forked workers and in spawned ones.

load helpers

setup_file() {
  "$repo_dir/tests/vllm/setup"
}
setup() {
  export MALLOC_CONF=background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0
}

# The same sums as without us.
inference() {
  local id=$1 mode=$2 python=$repo_dir/build/vllm/venv/bin/python expected
  expected=$("$python" -B "$repo_dir/tests/vllm/inference.py" "$mode" </dev/null)
  assert_contains "$expected" 'done'
  with_build "$id" "$python" -B "$repo_dir/tests/vllm/inference.py" "$mode" </dev/null
  assert_equal "$(grep ^done <<<"$output")" "$(grep ^done <<<"$expected")" 'what was computed'
}
in_threads() { inference "$1" threads; }
@test "pytorch: inference in many threads" { each_build --where "$runs_here" in_threads; }

in_forked_workers() { inference "$1" fork; }
@test "pytorch: inference in forked workers" { each_build --where "$runs_here" in_forked_workers; }

in_spawned_workers() { inference "$1" spawn; }
@test "pytorch: inference in spawned workers" { each_build --where "$runs_here" in_spawned_workers; }
