#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016 # stderr is set by run; the filters are jq's
# Does the harness work? Each benchmark in quick mode: what it keeps, prints and draws.
# No figure is held to a limit that depends on the machine's speed.
bats_require_minimum_version 1.5.0

bench=$BATS_TEST_DIRNAME
root=$(cd "$bench/../.." && pwd)
few="glibc,tcmalloc,balanced"

setup() { out=$BATS_TEST_TMPDIR/out; }

quick() {
  run --separate-stderr "$bench/alloc" "$@" --quick --out "$out"
  [ "$status" -eq 0 ] || { echo "$output"; echo "$stderr"; return 1; }
}

# json LETTER FILTER: the filter must be true.
json() {
  jq -e "$2" "$out/$1.json" >/dev/null || { echo "not so in $1.json: $2"; cat "$out/$1.json"; return 1; }
}

expect_picture() {
  [ "$(head -c 4 "$1" | tail -c 3)" = PNG ]
  [ "$(stat -c %s "$1")" -gt 10000 ]
}

# What is true of every benchmark that watches a process.
expect_sane() {
  json "$1" '.schema == 1 and .quick and .rounds == 1 and (.machine.cpus > 0)'
  json "$1" '.contenders | keys == ["balanced", "glibc", "tcmalloc"]'
  json "$1" '.contenders.glibc.library == "" and (.contenders.balanced.library | test("libjemalloc.so.2$"))'
  json "$1" '.contenders.balanced.environment.MALLOC_CONF | test("narenas:[0-9]+")'
  json "$1" '[.contenders[].median | .peak_mib >= .idle_1_mib and .idle_1_mib > 0.5] | all'
  json "$1" '[.contenders[].median | .wall_s > 0 and .cpu_s > 0 and .faults > 0] | all'
  json "$1" '[.contenders[].median | .op_p50_us > 0 and .op_p99_us >= .op_p50_us] | all'
  json "$1" '[.contenders.glibc.ratio | .peak_mib, .cpu_s, .wall_s] | . == [1, 1, 1]'
  expect_picture "$out/$1.png"
}

@test "bench (a): the encoder is measured, kept and drawn" {
  quick a --only "$few"
  expect_sane a
  json a '.goals | length == 4'
  json a '[.contenders[].median.first_p50_us | . > 0] | all'
}

@test "bench (b): the hand-over is measured, with its growth" {
  quick b --only "$few"
  expect_sane b
  json b '[.contenders[] | .ticks_mib | length == 5] | all'
  json b '[.contenders[].median | .growth_pct, .slope_kib | type == "number"] | all'
}

@test "bench (c): the peak is measured, with what comes back" {
  quick c --only "$few"
  expect_sane c
  json c '[.contenders[].median.back_1_pct | . > -20 and . < 120] | all'
  json c '[.contenders[].median.freed_mib | . > 50 and . < 100] | all'
}

@test "bench (d): the JSON front end is measured" {
  quick d --only "$few"
  expect_sane d
}

@test "bench (t): the tokenizer is measured" {
  quick t --only "$few"
  expect_sane t
}

@test "bench (e): the table is measured, with what a row costs" {
  quick e --only "$few"
  expect_sane e
  json e '[.contenders[].median.row_overhead_bytes | . > -20 and . < 400] | all'
}

@test "bench (f): the storm is measured" {
  quick f --only "$few"
  expect_sane f
}

@test "bench (h): churn is measured, with what is in use in the end" {
  quick h --only "$few"
  expect_sane h
  json h '[.contenders[].median | .request_us > 0 and .in_use_mib > 1 and .in_use_mib < .peak_mib] | all'
  json h '.goals | length == 1'
}

@test "bench (r): bursts are measured, by the pauses between them" {
  quick r --only "$few"
  expect_sane r
  json r '[.contenders[].median | .gap_100_first_p50_us > 0 and .gap_100_p50_us > 0 and .gap_100_mib > 1 and .gap_100_faults >= 0] | all'
}

@test "bench (g): starts are measured" {
  quick g --only "$few"
  json g '[.contenders[].median | .op_p50_us > 0 and .op_p99_us >= .op_p50_us and .faults > 0] | all'
  expect_picture "$out/g.png"
}

# 40,000 rows: every figure is there and of its kind; which is how fast is the machine's.
@test "bench (pool): the pool and the usual scheme are measured, kept and drawn" {
  run --separate-stderr "$bench/pool" 256 --quick --only 'list,malloc-jemalloc,pmr,pool,pool-prepared' --out "$out"
  [ "$status" -eq 0 ] || { echo "$output"; echo "$stderr"; return 1; }
  json pool-256 '.schema == 1 and .quick and .rounds == 1'
  json pool-256 '.contenders | keys == ["list", "malloc-jemalloc", "pmr", "pool", "pool-prepared"]'
  json pool-256 '[.contenders[].median | .insert_ns > 0 and .walk_ns > 0 and .evict_map_10_ns > 0 and .refill_ns > 0] | all'
  json pool-256 '.contenders.pool.median | .metadata_bytes < 16.3 and .resident_after_ratio < 1.5 and .sum_ns > 0 and .gather_ns > 0 and .dirty_mask_ns > 0 and .pause_worst_us > 0'
  json pool-256 '.contenders.list.median.resident_after_ratio > 1.5'
  json pool-256 '.goals | length == 17'
  expect_picture "$out/pool-256.png"
  run "$bench/pool" --quick --only pool --out "$out"
  [[ $status -eq 0 && -e $out/pool-64.json && -e $out/pool-4096.json ]]
  run "$bench/pool" --scan --quick --only 'list,pool' --out "$out"
  json scan-8 '[.contenders[].median.walk_ns > 0] | all'
  run "$bench/pool" --shards --quick --out "$out"
  json shards-8-2 '[.contenders[].median | .lookups_per_s > 0 and .held_worst_us > 0] | all'
  run "$bench/pool" 256 --quick --only nobody --out "$out"
  [ "$status" -ne 0 ]
}

@test "bench: every contender of the table runs" {
  quick f
  json f '[.contenders | keys[]] as $names | ["glibc", "glibc-2-arenas", "glibc-pinned", "jemalloc-debian",
    "tcmalloc", "mimalloc-debian", "never", "own-thread", "balanced", "memory", "latency", "throughput", "embedding"] - $names == []'
}

@test "bench: options, a library and a command are contenders too" {
  library=$(find "$root/build/prefix/lib/allocrun" -name 'libjemalloc.so.2' | head -n 1)
  quick f --only glibc --conf one=narenas:1 --conf mi=purge_delay=10 --library two="$library" \
    --contender "three=env LD_PRELOAD=$library MALLOC_CONF=narenas:3 nice"
  json f '.contenders.one.environment.MALLOC_CONF | test("narenas:1,")'
  json f '.contenders.mi.environment.MIMALLOC_PURGE_DELAY == "10"'
  json f '.contenders.two.library == .contenders.one.library'
  json f '.contenders.three.environment.MALLOC_CONF == "narenas:3"'
}

@test "bench: what is kept can be shown again, with an overview" {
  quick e f --only "$few"
  expect_picture "$out/alloc.png"
  local first=$output
  run --separate-stderr "$bench/alloc" --report --out "$out"
  [ "$status" -eq 0 ]
  [ "$output" = "$first" ]
}

@test "bench: a library that is not mapped is an error, not a figure" {
  run "$bench/alloc" f --quick --out "$out" --only glibc --library gone=/nowhere/libjemalloc.so
  [ "$status" -ne 0 ]
  [[ $output == *"gone"* ]]
  [ ! -e "$out/f.json" ]
}

@test "bench: unknown benchmarks, contenders and parameters are refused" {
  run "$bench/alloc" z --quick --out "$out"
  [ "$status" -ne 0 ]
  run "$bench/alloc" f --quick --out "$out" --only nobody
  [ "$status" -ne 0 ]
  run "$root/build/bench/programs/storm" thread=1
  [ "$status" -ne 0 ]
}

@test "bench: fork has each heap with and without the thread" {
  run "$bench/fork" --starts 1 --rounds 1 --forks 2
  [ "$status" -eq 0 ]
  [ "$(grep -c '^jemalloc, thread .*[1-9]' <<<"$output")" -eq 2 ]
  [ "$(grep -c '^mimalloc: the thread adds ' <<<"$output")" -eq 2 ]
}
