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

# Every process of the tree: by the audit, and by the kernel's word on what is mapped.
expect_ours() {
  local library member maps
  library=$(our_library "$BATS_TEST_TMPDIR/record.json")
  check "$pid" --only preload-effective,options-in-force
  expect_equal "exit of --check: $json" 0 "$status"
  expect_served_by "$library"
  expect_equal "where the options were read" proved "$(values 'p["options_evidence"]' | sort -u)"
  while read -r member; do
    maps=$(<"/proc/${member%/*}/maps")
    expect_in "/proc/${member%/*}/maps" "$library" "$maps"
    expect_in "/proc/${member%/*}/maps" libtorch_cpu.so "$maps"
  done < <(tree_of "$pid" | grep -v "^$(tracker)/")
}

# expect_preload STATUS WORDS: what the audit finds in the process that was started.
expect_preload() {
  check "$pid" --only preload-effective,options-in-force
  expect_equal "preload-effective" "$1" "$(values 'p["checks"]["preload-effective"]["status"]')"
  expect_in "preload-effective" "$2" "$(values 'p["checks"]["preload-effective"]["observed"]')"
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

@test "PyTorch: the result is the same as without allocrun, and the audit sees the difference" {
  local ours
  infer threads
  ours=$(<"$BATS_TEST_TMPDIR/out")
  finish
  infer threads env ALLOCRUN=off "$allocrun" --
  expect_equal "what inference.py computed" "$(<"$BATS_TEST_TMPDIR/out")" "$ours"
  expect_preload skip "the kill switch, ALLOCRUN=off"
  expect_equal "what serves malloc" glibc "$(values 'p["allocator"]')"
}

@test "PyTorch: under plain glibc the check fails, and names what is missing" {
  infer threads env
  expect_preload fail "malloc is glibc's own; its environment has no LD_PRELOAD"
  expect_equal "exit of --check" 2 "$status"
}

@test "PyTorch: a foreign jemalloc is named, and nothing is proved of it" {
  local foreign
  foreign=$(ldconfig -p | awk '/libjemalloc\.so\.2 .*=>/ { print $NF; exit }')
  [ -n "$foreign" ] || fails "ldconfig -p" "libjemalloc.so.2 (tests/require vllm)" "none"
  infer threads env LD_PRELOAD="$foreign" MALLOC_CONF=narenas:3
  expect_preload warn "jemalloc ($(readlink -f "$foreign")), which is none of allocrun's builds"
  # Debian's library is stripped: its options can only be assumed, and that is said.
  expect_equal "exit of --check" 3 "$status"
  expect_equal "evidence" assumed "$(values 'p["options_evidence"]')"
  expect_in options-in-force "assumed from its environment: narenas:3" \
    "$(values 'p["checks"]["options-in-force"]["observed"]')"
}

@test "PyTorch: a tcmalloc is named" {
  local tcmalloc
  tcmalloc=$(ldconfig -p | awk '/libtcmalloc_minimal\.so\.4 .*=>/ { print $NF; exit }')
  infer threads env LD_PRELOAD="$tcmalloc"
  expect_preload warn "tcmalloc ($(readlink -f "$tcmalloc")), which is none of allocrun's builds"
  expect_equal "exit of --check" 3 "$status"
}

@test "PyTorch: workers that were started without the environment are named" {
  infer spawn env -i PATH="$PATH" "$allocrun" -- env -u LD_PRELOAD
  check "$pid" --only preload-effective
  expect_equal "exit of --check" 2 "$status"
  expect_equal "processes on glibc" 4 "$(values 'p["allocator"]' | grep -c glibc)"
  expect_equal "the server fails, its children warn" $'fail\nwarn\nwarn\nwarn' \
    "$(values 'p["checks"]["preload-effective"]["status"]' | sort)"
}
