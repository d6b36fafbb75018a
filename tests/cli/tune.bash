# What the tests of --tune share: the files that they change, and what these were before.
# shellcheck shell=bash disable=SC2034,SC2154 # read and set by helpers.bash and the tests

thp=/sys/kernel/mm/transparent_hugepage
sleep_ms=$thp/khugepaged/alloc_sleep_millisecs
none=$thp/khugepaged/max_ptes_none
overcommit=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages
pool=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
maps=/proc/sys/vm/max_map_count
knobs=("$sleep_ms" "$none" "$overcommit" "$pool" "$maps")

setup() {
  local knob
  lib=$BATS_TEST_TMPDIR/lib
  state=$lib/allocrun/tune.json
  mkdir "$lib"
  for knob in "${knobs[@]}"; do
    [ ! -r "$knob" ] || echo "$(<"$knob") $knob"
  done >"$BATS_TEST_TMPDIR/before"
}

# What a failed test has left; nothing is written that is as it was.
teardown() {
  while read -r value knob; do
    [ "$(<"$knob")" = "$value" ] || echo "$value" >"$knob"
  done <"$BATS_TEST_TMPDIR/before"
}

# In a container /sys is read-only, and this kernel's features are another's.
needs_knobs() {
  needs_mounts "$1"
  local knob
  for knob in "${knobs[@]}"; do
    [ -w "$knob" ] || skip "needs $knob to be writable: $1"
  done
}

# tuned OPTION...: --tune with a /var/lib of its own.
tuned() { tuned_in : "$@"; }

# tuned_in COMMANDS OPTION...: the same after these commands, which mount something.
tuned_in() {
  local commands=$1
  shift
  attempt in_mounts "mount --bind '$lib' /var/lib; $commands" "$allocrun" --tune "$@"
}

# tuned_failing FILE ERROR WHEN OPTION...: the same, and opening FILE for the WHENth time
# fails ("2", "2+": from then on).
tuned_failing() {
  local file=$1 error=$2 when=$3
  shift 3
  attempt in_mounts "mount --bind '$lib' /var/lib" strace -o "$BATS_TEST_TMPDIR/trace" -P "$file" \
    -e trace=openat -e inject=openat:error="$error":when="$when" "$allocrun" --tune "$@"
}

value_before() { sed -n "s,^\([^ ]*\) $1\$,\1,p" "$BATS_TEST_TMPDIR/before"; }

# expect_knob FILE VALUE
expect_knob() { expect_equal "$1" "$2" "$(<"$1")"; }
expect_untouched() {
  while read -r value knob; do
    expect_knob "$knob" "$value"
  done <"$BATS_TEST_TMPDIR/before"
}

# A policy in which all differs from what is there.
ours() {
  policy "$BATS_TEST_TMPDIR/node.conf" <<POLICY
[launch]
profile = memory
[node]
khugepaged-alloc-sleep-ms = $(($(value_before "$sleep_ms") + 7))
hugetlb-overcommit.2M = $(($(value_before "$overcommit") + 3))
max-map-count = $(($(value_before "$maps") + 11))
POLICY
}

expect_ours() {
  expect_knob "$sleep_ms" $(($(value_before "$sleep_ms") + 7))
  expect_knob "$overcommit" $(($(value_before "$overcommit") + 3))
  expect_knob "$maps" $(($(value_before "$maps") + 11))
}
