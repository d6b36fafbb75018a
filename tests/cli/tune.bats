#!/usr/bin/env bats
# --tune: [node] of the policy on this very machine, what it refuses, and the way back.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

thp=/sys/kernel/mm/transparent_hugepage
sleep_ms=$thp/khugepaged/alloc_sleep_millisecs
none=$thp/khugepaged/max_ptes_none
overcommit=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages
pool=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
maps=/proc/sys/vm/max_map_count
knobs=("$sleep_ms" "$none" "$overcommit" "$pool" "$maps")
presets=$root/launcher/presets

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
tuned() { attempt in_mounts "mount --bind '$lib' /var/lib" "$allocrun" --tune "$@"; }

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

@test "--dry-run: prints exactly what would be written, and writes nothing" {
  needs_knobs "the values are compared"
  ours
  tuned --dry-run --policy "$policy_file"
  expect_status 0
  expect_quiet
  was=$(value_before "$maps")
  expect_out "would change  max-map-count               $was -> $((was + 11))"
  expect_out "              $maps"
  expect_out "3 to change"
  expect_untouched
  expect_equal "what is in /var/lib" "" "$(ls -A "$lib")"
}

@test "tuned: changed and read back; a second time nothing is written; reverted; again nothing" {
  needs_knobs "real values"
  ours
  tuned --policy "$policy_file"
  expect_status 0
  expect_out "3 changed"
  expect_ours
  expect_equal "what was found" "$(value_before "$maps")" \
    "$(jq -r --arg path "$maps" '.settings[] | select(.path == $path).found' "$state")"
  # Where nothing can be written nothing needs to be.
  attempt in_mounts "mount --bind '$lib' /var/lib; mount --bind -o ro /sys /sys; mount -o remount,bind,ro /sys; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys" \
    "$allocrun" --tune --policy "$policy_file"
  expect_status 0
  expect_out_is "3 unchanged"
  tuned --revert --dry-run
  expect_status 0
  expect_out "would restore max-map-count"
  expect_ours
  tuned --revert
  expect_status 0
  expect_out "3 restored"
  expect_untouched
  [ ! -e "$state" ] || fails "after --revert" "no state" "$(<"$state")"
  tuned --revert
  expect_status 0
  expect_out_is "nothing to revert"
}

@test "tuned twice to different values: --revert leads back to before the first" {
  needs_knobs "real values"
  ours
  tuned --policy "$policy_file"
  expect_status 0
  policy "$BATS_TEST_TMPDIR/second.conf" <<<$'[node]\nmax-map-count = 66666\nkhugepaged-alloc-sleep-ms = 1234'
  tuned --policy "$policy_file"
  expect_status 0
  expect_knob "$maps" 66666
  tuned --revert
  expect_status 0
  expect_untouched
}

@test "hugetlb pages on a node: the kernel's own count; and given back" {
  needs_knobs "real pages"
  was=$(value_before "$pool")
  policy "$BATS_TEST_TMPDIR/pool.conf" <<<$'[node]\nhugetlb.2M.node0 = '$((was + 2))
  tuned --policy "$policy_file"
  # On a machine in pieces: fewer, said, and counted.
  if [ "$status" -eq 0 ]; then
    expect_out "changed       hugetlb.2M.node0            $was -> $((was + 2))"
    expect_knob "$pool" $((was + 2))
  else
    expect_status 1
    expect_out "the kernel gave $(<"$pool") of $((was + 2)) pages of 2M"
  fi
  tuned --revert
  expect_status 0
  expect_untouched
}

@test "a value that the kernel refuses: status 1, named; the others are set, with --atomic put back" {
  needs_knobs "a real refusal"
  [ "$(getconf PAGESIZE)" -eq 4096 ] || skip "needs 4 KiB pages: 8191 is too many only there"
  ours
  echo 'khugepaged-max-ptes-none = 8191' >>"$policy_file"
  tuned --policy "$policy_file"
  expect_status 1
  expect_out "failed        khugepaged-max-ptes-none"
  expect_out "the kernel refuses the value '8191': Invalid argument"
  expect_out "asked for by $policy_file:7"
  expect_ours
  expect_equal "files in the state" 3 "$(jq '.settings | length' "$state")"
  tuned --revert
  expect_status 0
  expect_untouched
  tuned --atomic --policy "$policy_file"
  expect_status 1
  expect_out "restored"
  expect_untouched
  [ ! -e "$state" ] || fails "after --atomic" "no state" "$(<"$state")"
  # The same as a line of the policy.
  echo 'atomic = yes' >>"$policy_file"
  tuned --quiet --policy "$policy_file"
  expect_status 1
  expect_equal "lines that are not of the one that failed" "" "$(grep -v -e max-ptes-none -e max_ptes_none -e refuses -e 'asked for' <<<"$out" || true)"
  expect_untouched
}

@test "two at once: the second waits, and finds the work done" {
  needs_knobs "real values"
  ours
  mkdir "$lib/allocrun"
  exec 8<"$lib/allocrun"
  flock 8
  in_mounts "mount --bind '$lib' /var/lib" "$allocrun" --tune --policy "$policy_file" \
    >"$BATS_TEST_TMPDIR/first" 2>&1 8<&- 3>&- &
  eventually grep -q "another --tune is at work" "$BATS_TEST_TMPDIR/first"
  expect_untouched
  exec 8<&-
  wait $!
  expect_in "the one that waited" "3 changed" "$(<"$BATS_TEST_TMPDIR/first")"
  expect_ours
  tuned --revert
  expect_status 0
  expect_untouched
}

@test "/sys read-only: said that it is the host's business, nothing changed" {
  needs_knobs "mounts"
  ours
  attempt in_mounts "mount --bind '$lib' /var/lib; mount --bind /sys /sys; mount -o remount,bind,ro /sys" \
    "$allocrun" --tune --policy "$policy_file"
  expect_refusal "/sys is mounted read-only" "container" "host" "nothing was changed"
  expect_untouched
  [ ! -e "$state" ] || fails "after the refusal" "no state" "$(<"$state")"
}

@test "not root: said, nothing changed; --dry-run needs no root" {
  needs_knobs "another user"
  ours
  chmod 777 "$lib"
  attempt in_mounts "mount --bind '$lib' /var/lib" "${as_nobody[@]}" "$allocrun" --tune --policy "$policy_file"
  expect_refusal "needs root on the host" "nothing was changed"
  attempt "${as_nobody[@]}" "$allocrun" --tune --dry-run --policy "$policy_file"
  expect_status 0
  expect_out "3 to change"
  expect_untouched
}

@test "a node that is not there: file, line, which there are; nothing changed" {
  needs_knobs "real values"
  ours
  echo 'hugetlb.2M.node999 = 1' >>"$policy_file"
  for mode in --dry-run --atomic; do
    tuned $mode --policy "$policy_file"
    expect_status 125
    expect_one_line
    expect_err "$policy_file:7: hugetlb.2M.node999: there is no node 999 here (node"
    expect_untouched
  done
}

@test "a state that cannot be kept: refused before the first write" {
  needs_knobs "mounts"
  ours
  attempt in_mounts "mount -t tmpfs -o ro tmpfs /var/lib" "$allocrun" --tune --policy "$policy_file"
  expect_refusal "/var/lib/allocrun/tune.json cannot be written: Read-only file system" "nothing was changed"
  expect_untouched
}

@test "a state that is damaged: refused, and how to go on" {
  needs_knobs "real values"
  ours
  mkdir "$lib/allocrun"
  for text in '{' '[]' '{"version": 1, "boot": "x", "settings": [{"path": "/etc/passwd", "found": "x"}]}'; do
    echo "$text" >"$state"
    for mode in --atomic --revert; do
      tuned $mode --policy "$policy_file"
      expect_refusal "/var/lib/allocrun/tune.json: " "nothing was changed"
    done
  done
  expect_untouched
}

@test "a state of another boot: nothing to revert, and said; the next tune begins anew" {
  needs_knobs "real values"
  ours
  mkdir "$lib/allocrun"
  echo '{"version": 1, "boot": "another", "settings": [{"path": "/proc/sys/vm/max_map_count", "found": "77777"}]}' >"$state"
  tuned --policy "$policy_file"
  expect_status 0
  expect_equal "boot" "$(</proc/sys/kernel/random/boot_id)" "$(jq -r .boot "$state")"
  expect_equal "found" "$(value_before "$maps")" "$(jq -r '.settings[] | select(.path | endswith("max_map_count")).found' "$state")"
  tuned --revert
  expect_untouched
  echo '{"version": 1, "boot": "another", "settings": [{"path": "/proc/sys/vm/max_map_count", "found": "77777"}]}' >"$state"
  tuned --revert
  expect_status 0
  expect_err "before the last boot or on another machine"
  expect_out_is "nothing to revert"
  expect_untouched
  [ ! -e "$state" ] || fails "after --revert" "no state" "$(<"$state")"
}

@test "--format json: mode, each setting with what was read back, the counts" {
  needs_knobs "real values"
  ours
  tuned --format json --policy "$policy_file"
  expect_status 0
  expect_equal "mode" "tune 3 0 0" "$(of '"\(.mode) \(.changed) \(.failed) \(.exit_status)"' "$out")"
  expect_equal "one" "changed $maps $(value_before "$maps") $(<"$maps") $(<"$maps")" \
    "$(of '.settings[] | select(.key == "max-map-count") | "\(.outcome) \(.path) \(.from) \(.to) \(.read_back)"' "$out")"
  expect_equal "files" "$policy_file" "$(of '.policy_files[]' "$out")"
  tuned --revert --format json
  expect_equal "revert" "revert 3" "$(of '"\(.mode) \(.changed)"' "$out")"
  expect_untouched
}

@test "who else sets it: sysctl.d by file and line, tuned by its profile" {
  needs_mounts "an /etc of its own"
  policy <<<$'[node]\nmax-map-count = 66000'
  mkdir -p "$etc/sysctl.d" "$etc/tuned"
  echo 'vm.max_map_count = 77000' >"$etc/sysctl.d/99-x.conf"
  echo 'ours' >"$etc/tuned/active_profile"
  attempt in_etc "$allocrun" --tune --dry-run
  expect_status 0
  expect_out "note: /etc/sysctl.d/99-x.conf:1 sets it to 77000"
  expect_out "note: tuned is set up here with profile ours"
}

@test "an error in the default policy: refused, not passed over as at a launch" {
  needs_mounts "an /etc of its own"
  policy <<<$'[node]\nthp-defrag = defr'
  attempt in_etc "$allocrun" --tune
  expect_refusal "/etc/allocrun/policy.conf:2: bad value 'defr' for thp-defrag (did you mean 'defer'?)" "nothing was changed"
  attempt in_etc "$allocrun" -- true
  expect_status 0
  expect_err "policy.conf:2"
}

@test "no [node]: nothing to set; a launch passes a good one over" {
  policy "$BATS_TEST_TMPDIR/empty.conf" <<<$'[launch]\nprofile = memory'
  launch --tune --policy "$policy_file"
  expect_status 0
  expect_out_is "nothing to set: the policy has no [node] section"
  [ ! -e /var/lib/allocrun/tune.json ] || fails "--tune without [node]" "no state" "/var/lib/allocrun/tune.json"
  policy "$BATS_TEST_TMPDIR/node.conf" <<<$'[node]\nhugetlb.2M.node999 = 1\nthp-enabled = never'
  launch --policy "$policy_file" -- "$show" -
  expect_status 0
  expect_quiet
}

@test "--sysroot: only to look" {
  policy "$BATS_TEST_TMPDIR/node.conf" <<<$'[node]\nnuma-balancing = 0'
  launch --tune --sysroot "$root/tests/machines/hgx-8gpu-two-socket" --policy "$policy_file"
  expect_refusal "--sysroot only looks: with --tune it wants --dry-run"
  launch --tune --dry-run --sysroot "$root/tests/machines/hgx-8gpu-two-socket" --policy "$policy_file"
  expect_status 0
  expect_out "would change  numa-balancing              1 -> 0"
}

# --- presets -----------------------------------------------------------------

@test "presets: every machine takes them, in --tune --dry-run and in --check" {
  for preset in "$presets"/*.conf; do
    for machine in "$root"/tests/machines/*/; do
      launch --tune --dry-run --verbose --sysroot "$machine" --policy "$preset"
      expect_status 0
      expect_quiet
      expect_out "thp-enabled"
      launch --check --format json --sysroot "$machine" --policy "$preset"
      [[ "$status" =~ ^[0123]$ ]] || fails "$ran" "an audit" "$(attempt_result)"
      expect_equal "the policy, on $machine" ok "$(of '.findings[] | select(.id == "policy-file").status' "$out")"
    done
    launch --explain --policy "$preset" -- "$show"
    expect_status 0
  done
}

@test "presets: above each line a reason and who says so; they are installed" {
  names=$(cd "$presets" && echo *.conf)
  expect_equal "presets" "cpu-inference.conf embedding-server.conf gpu-inference.conf" "$names"
  for preset in "$presets"/*.conf; do
    # A comment of several lines that ends with a source in brackets, then the line itself.
    lacking=$(awk '/^#/ { comment = comment $0; next }
      /=/ { if (comment !~ /\(.+\)$/) print FILENAME ": " $0 }
      { comment = "" }' "$preset")
    expect_equal "lines without a source" "" "$lacking"
    cmp "$preset" "$prefix/share/allocrun/presets/${preset##*/}"
  done
}
