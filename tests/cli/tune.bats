#!/usr/bin/env bats
# --tune: [node] of the policy on this very machine, and the way back.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers
load tune

presets=$root/launcher/presets

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

@test "--format json: a policy file whose name is no UTF-8" {
  policy "$BATS_TEST_TMPDIR/p"$'\xff'".conf" <<<$'[node]\nmax-map-count = 66000'
  launch --tune --dry-run --format json --policy "$policy_file"
  expect_status 0
  expect_equal "name" "$BATS_TEST_TMPDIR/p�.conf" "$(of '.policy_files[]' "$out")"
  expect_equal "place" "max-map-count $BATS_TEST_TMPDIR/p�.conf:2" "$(of '.settings[] | "\(.key) \(.where)"' "$out")"
}

@test "pages where none can be: the node is named, not another reason" {
  policy "$BATS_TEST_TMPDIR/p.conf" <<<$'[node]\nhugetlb.2M.node5 = 4'
  launch --tune --dry-run --sysroot "$root/tests/machines/superchip-34-nodes-64k" --policy "$policy_file"
  expect_status 125
  expect_err "hugetlb.2M.node5: node 5 has no memory"
  policy "$BATS_TEST_TMPDIR/p.conf" <<<$'[node]\nhugetlb.2M.node1 = 4'
  launch --tune --dry-run --sysroot "$root/tests/machines/guest-6.12-no-memory" --policy "$policy_file"
  expect_status 125
  expect_err "hugetlb.2M.node1: node 1 has no memory"
  policy "$BATS_TEST_TMPDIR/p.conf" <<<$'[node]\nhugetlb.2M.node0 = 4'
  launch --tune --dry-run --sysroot "$root/tests/machines/no-numa-sysfs" --policy "$policy_file"
  expect_status 125
  expect_err "hugetlb.2M.node0: a kernel without NUMA"
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

@test "no [node]: nothing to set; a launch passes a good one over" {
  policy "$BATS_TEST_TMPDIR/empty.conf" <<<$'[launch]\nprofile = memory'
  launch --tune --policy "$policy_file"
  expect_status 0
  expect_out_is "nothing to set: the policy sets nothing in [node]"
  policy "$BATS_TEST_TMPDIR/atomic.conf" <<<$'[node]\natomic = yes'
  launch --tune --policy "$policy_file"
  expect_status 0
  expect_out_is "nothing to set: the policy sets nothing in [node]"
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
