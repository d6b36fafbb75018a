#!/usr/bin/env bats
# allocrun --stat: what the allocators of real processes hold. 10 s in all on a busy machine.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

# stat_json [OPTION]...: in $json.
stat_json() {
  launch --stat --format json "$@"
  json=$out
}

# of_process JQ-FILTER [PID]
of_process() { jq -r --argjson pid "${2:-$pid}" ".processes[] | select(.pid == \$pid) | $1" <<<"$json"; }

# figure NAME: what the program itself was told by mallctl.
figure() { sed -n "s/^$1 //p" "$printed"; }

# near NAME OURS THEIRS: within a page for each arena.
near() {
  local arenas most
  arenas=$(of_process .heap.arenas)
  most=$((4096 * arenas))
  (($2 - $3 <= most && $3 - $2 <= most)) || fails "$1 in $arenas arenas" "$3, within $most" "$2"
}

@test "stat: right against mallctl within a page for each arena" {
  local name
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=dirty_decay_ms:-1,narenas:4 "$programs/figures"
  eventually is_done
  stat_json --classes "$pid"
  expect_status 0
  for name in allocated active metadata resident retained; do
    near "$name" "$(of_process ".heap.$name")" "$(figure "$name")"
  done
  near dirty "$(of_process .heap.dirty)" $(($(figure pdirty) * 4096))
  near muzzy "$(of_process .heap.muzzy)" $(($(figure pmuzzy) * 4096))
  # Something is there to be right about, and free as well.
  (($(of_process .heap.allocated) > 40 << 20 && $(of_process .heap.dirty) > 1 << 20)) ||
    fails "the heap" "some 50 MB in use, and garbage" "$(of_process .heap)"
  # The bin of size class 16, which is 512 bytes.
  expect_equal "blocks of 512" "$(figure curregs)" "$(of_process '.heap.classes[] | select(.size == 512) | .used')"
  expect_equal "slabs of 512" "$(figure curslabs)" "$(of_process '.heap.classes[] | select(.size == 512) | .slabs')"
}

@test "stat: fragmentation by size, the most wasteful first" {
  start env LD_PRELOAD="$jemalloc" "$programs/grow" fragments 100 0
  eventually is_done
  launch --stat "$pid" --classes
  expect_status 0
  # Seven of eight blocks of 1 KiB are free, four lie in a slab, and every second slab is kept by one.
  expect_match "the first size" "with room +bytes +wasted
 +1024 +12[0-9]{3} .*MiB +3[5-9](\.[0-9])? MiB" "$out"
  stat_json "$pid"
  expect_status 0
  expect_equal "classes" false "$(of_process '.heap | has("classes")')"
}

@test "stat: a tree, what the thread gave back, and what cannot be read" {
  spawn env LD_PRELOAD="$jemalloc" ALLOCRUN_PURGE=idle_ms:200 bash -c "'$programs/grow' freed 300 0 & LD_PRELOAD= sleep 600 & wait"
  gave_back() {
    stat_json --pid "$pid"
    jq -e '[.processes[] | select(.name == "grow") | .purge.idle.bytes + .purge.demand.bytes] | .[0] > 200000000' <<<"$json" >/dev/null
  }
  eventually gave_back
  expect_status 0
  expect_equal "processes" "bash grow sleep" "$(jq -r '[.processes[].name] | sort | join(" ")' <<<"$json")"
  expect_equal "the thread" runs "$(jq -r '.processes[] | select(.name == "grow") | .purge.state' <<<"$json")"
  expect_equal "its options" 200 "$(jq -r '.processes[] | select(.name == "grow") | .options.idle_ms' <<<"$json")"
  expect_match "glibc" "glibc keeps no counters" "$(jq -r '.processes[] | select(.name == "sleep") | .problem' <<<"$json")"
  launch --stat "$pid"
  expect_match "purge" "purge +runs: .* by " "$out"
  # Another user's: said, and no success.
  attempt "${as_nobody[@]}" "$allocrun" --stat "$pid"
  expect_status 3
  expect_match "denied" "heap +unknown: it may not be looked into" "$out"
}

@test "stat: --watch looks every second, --output replaces a file, and nobody is no success" {
  start env LD_PRELOAD="$jemalloc" sleep 600
  launch --stat "$pid" --watch 2
  expect_status 0
  (($(grep -c '^Process' <<<"$out") >= 2)) || fails "$ran" "two looks or more" "$out"
  launch --stat --pid "$pid" --format json --output "$BATS_TEST_TMPDIR/stat"
  expect_status 0
  expect_equal "pid" "$pid" "$(jq .processes[0].pid "$BATS_TEST_TMPDIR/stat")"
  launch --stat 4194304
  expect_status 3
  expect_match "nobody" "there is no process 4194304" "$out"
}
