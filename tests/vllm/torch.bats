#!/usr/bin/env bats
# PyTorch itself under allocrun: threads, forked and spawned workers.
# shellcheck disable=SC2154 # what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

setup_file() { install_vllm; }

teardown() {
  finish
}

# inference.py ends when its stdin is closed, and its workers with it.
finish() {
  local -a tree
  [ -e "$BATS_TEST_TMPDIR/pid" ] || return 0
  mapfile -t tree < <(tree_of "$(<"$BATS_TEST_TMPDIR/pid")")
  { exec 8>&-; } 2>/dev/null
  wait_until_gone 20 "${tree[@]}" || stop_tree "$(<"$BATS_TEST_TMPDIR/pid")"
  rm -f "$BATS_TEST_TMPDIR"/{pid,stdin}
}

# infer MODE [COMMAND...]: runs inference.py under the command (default: allocrun) and
# returns when its work is done; it stays until its stdin is closed.
infer() {
  local mode=$1 out=$BATS_TEST_TMPDIR/out fifo=$BATS_TEST_TMPDIR/stdin
  shift
  [ $# -gt 0 ] || set -- "$allocrun" --record "$BATS_TEST_TMPDIR/record.json" --
  mkfifo "$fifo"
  "$@" "$venv/bin/python" -B "$root/tests/vllm/inference.py" "$mode" \
    <"$fifo" >"$out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  pid=$!
  echo "$pid" >"$BATS_TEST_TMPDIR/pid"
  exec 8>"$fifo"
  eventually is_done_or_dead "$out" "$pid"
  grep -q "^done" "$out" || fails "$* python inference.py $mode" "done" "$(cat "$out" "$BATS_TEST_TMPDIR/err")"
}

is_done_or_dead() { grep -q "^done" "$1" || ! is_alive "$2"; }

# Every process of the tree: by the link map, and by the kernel's word on what is mapped.
expect_ours() {
  local library member maps
  library=$(our_library "$BATS_TEST_TMPDIR/record.json")
  prove --expect "$library" "$pid"
  while read -r member; do
    maps=$(<"/proc/${member%/*}/maps")
    expect_in "/proc/${member%/*}/maps" "$library" "$maps"
    expect_in "/proc/${member%/*}/maps" libtorch_cpu.so "$maps"
  done < <(tree_of "$pid" | grep -v "^$(tracker)/")
}

# The spawn method's own helper never loads torch.
tracker() { pgrep -P "$pid" -f multiprocessing.resource_tracker || echo none; }

@test "PyTorch: inference in many threads is served by ours" {
  infer threads
  expect_ours
}

@test "PyTorch: forked workers are served by ours" {
  infer fork
  expect_equal "processes" 3 "$(tree_of "$pid" | wc -l)"
  expect_ours
}

@test "PyTorch: spawned workers are served by ours" {
  infer spawn
  expect_equal "processes, with the resource tracker" 4 "$(tree_of "$pid" | wc -l)"
  expect_ours
}

# What vLLM's CPU image sets (docker/Dockerfile.cpu): the one is replaced, the other kept.
@test "PyTorch: of a tcmalloc and a libiomp5 in LD_PRELOAD, the tcmalloc gives way" {
  local tcmalloc iomp maps
  tcmalloc=$(ldconfig -p | awk '/libtcmalloc_minimal\.so\.4 .*=>/ { print $NF; exit }')
  iomp=$venv/lib/libiomp5.so
  infer threads env LD_PRELOAD="$tcmalloc:$iomp" "$allocrun" --record "$BATS_TEST_TMPDIR/record.json" --
  expect_ours
  maps=$(<"/proc/$pid/maps")
  expect_in "/proc/$pid/maps" "$(readlink -f "$iomp")" "$maps"
  expect_not_in "/proc/$pid/maps" libtcmalloc_minimal "$maps"
}

@test "PyTorch: the result is the same as without allocrun, and the proof sees the difference" {
  local ours
  infer threads
  ours=$(<"$BATS_TEST_TMPDIR/out")
  finish
  infer threads env ALLOCRUN=off "$allocrun" --
  expect_equal "what inference.py computed" "$(<"$BATS_TEST_TMPDIR/out")" "$ours"
  prove --expect glibc "$pid"
}
