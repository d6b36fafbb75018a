#!/usr/bin/env bats
# --tune where something is wrong: refused before the first write, or named and kept.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers
load tune

@test "a value that the kernel refuses: status 1, named; the others are set, with --atomic put back" {
  needs_knobs "a real refusal"
  [ "$(getconf PAGESIZE)" -eq 4096 ] || skip "needs 4 KiB pages: 8191 is too many only there"
  ours
  echo 'khugepaged-max-ptes-none = 8191' >>"$policy_file"
  # Known beforehand, where the size of a huge page is.
  tuned --policy "$policy_file"
  expect_status 125
  expect_one_line
  expect_err "$policy_file:7: khugepaged-max-ptes-none: a huge page has 512 pages here, and the kernel takes at most one less: 511; nothing was changed"
  expect_untouched
  echo $((4096 * 8192)) >"$BATS_TEST_TMPDIR/size"
  larger="mount --bind '$BATS_TEST_TMPDIR/size' $thp/hpage_pmd_size"
  tuned_in "$larger" --policy "$policy_file"
  expect_status 1
  expect_out "failed        khugepaged-max-ptes-none"
  expect_out "the kernel refuses the value '8191': Invalid argument"
  expect_out "asked for by $policy_file:7"
  expect_ours
  expect_equal "files in the state" 3 "$(jq '.settings | length' "$state")"
  tuned --revert
  expect_status 0
  expect_untouched
  # khugepaged's come before max-map-count, and after it nothing is written.
  tuned_in "$larger" --atomic --policy "$policy_file"
  expect_status 1
  expect_out "restored      khugepaged-alloc-sleep-ms   $(($(value_before "$sleep_ms") + 7)) -> $(value_before "$sleep_ms")"
  expect_out "not written   max-map-count               $(value_before "$maps")"
  expect_out "1 failed, 1 restored, 2 not written"
  expect_untouched
  [ ! -e "$state" ] || fails "after --atomic" "no state" "$(<"$state")"
  # The same as a line of the policy.
  echo 'atomic = yes' >>"$policy_file"
  tuned_in "$larger" --quiet --policy "$policy_file"
  expect_status 1
  expect_equal "lines that are not of the one that failed" "" "$(grep -v -e max-ptes-none -e max_ptes_none -e refuses -e 'asked for' <<<"$out" || true)"
  expect_untouched
}

@test "two at once: the second waits, and finds the work done" {
  needs_knobs "real values"
  ours
  mkdir "$lib/allocrun"
  exec 8>"$lib/allocrun/tune.lock"
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

@test "another user can hold nobody up: only root opens what is locked" {
  needs_knobs "real values"
  ours
  tuned --policy "$policy_file"
  expect_status 0
  expect_equal "mode of the lock" 600 "$(stat -c %a "$lib/allocrun/tune.lock")"
  exec 8<"$lib/allocrun"
  flock 8
  tuned --revert
  expect_status 0
  expect_quiet
  exec 8<&-
  attempt "${as_nobody[@]}" flock -n "$lib/allocrun/tune.lock" true
  expect_err "Permission denied"
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
  # Also where the folder for the state may be made.
  for mode in 755 777; do
    chmod "$mode" "$lib"
    attempt in_mounts "mount --bind '$lib' /var/lib" "${as_nobody[@]}" "$allocrun" --tune --policy "$policy_file"
    expect_refusal "/sys/kernel/mm/" "Permission denied: --tune needs root on the host" "nothing was changed"
    rm -rf "$lib/allocrun"
  done
  # What needs nothing to be written needs nobody.
  chmod 755 "$lib"
  policy "$BATS_TEST_TMPDIR/same.conf" <<<$'[node]\nmax-map-count = '"$(value_before "$maps")"
  attempt in_mounts "mount --bind '$lib' /var/lib" "${as_nobody[@]}" "$allocrun" --tune --policy "$policy_file"
  expect_status 0
  expect_quiet
  expect_out_is "1 unchanged"
  attempt in_mounts "mount --bind '$lib' /var/lib" "${as_nobody[@]}" "$allocrun" --tune --revert
  expect_status 0
  expect_quiet
  expect_out_is "nothing to revert"
  ours
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
  # It is not needed where all holds already.
  policy "$BATS_TEST_TMPDIR/same.conf" <<<$'[node]\nmax-map-count = '"$(value_before "$maps")"
  attempt in_mounts "mount -t tmpfs -o ro tmpfs /var/lib" "$allocrun" --tune --policy "$policy_file"
  expect_status 0
  expect_quiet
  expect_out_is "1 unchanged"
}

@test "a state that is damaged: refused, and how to go on" {
  needs_knobs "real values"
  ours
  mkdir "$lib/allocrun"
  for text in '' '{' '[]' '{"version": 1, "boot": "x", "settings": [{"path": "/etc/passwd", "found": "x"}]}' \
    '{"version": 1, "boot": "x", "settings": [{"path": "/proc/sys/vm/max_map_count", "found": "abc"}]}'; do
    printf %s "$text" >"$state"
    for mode in --atomic --revert; do
      tuned $mode --policy "$policy_file"
      expect_refusal "/var/lib/allocrun/tune.json: " "nothing was changed" "remove the file"
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

@test "an error in the default policy: refused, not passed over as at a launch" {
  needs_mounts "an /etc of its own"
  policy <<<$'[node]\nthp-defrag = defr'
  attempt in_etc "$allocrun" --tune
  expect_refusal "/etc/allocrun/policy.conf:2: bad value 'defr' for thp-defrag (did you mean 'defer'?)" "nothing was changed"
  attempt in_etc "$allocrun" -- true
  expect_status 0
  expect_err "policy.conf:2"
}

# --- what goes wrong on the way ----------------------------------------------

@test "--revert where the files are hidden: nothing is forgotten, and put back later" {
  needs_knobs "real values"
  ours
  tuned --policy "$policy_file"
  expect_status 0
  tuned_in "mount -t tmpfs tmpfs /sys/kernel/mm" --revert
  expect_status 0
  expect_out "skipped       khugepaged-alloc-sleep-ms   it is not there now; what was found is kept"
  expect_out "1 restored, 2 skipped"
  expect_equal "files in the state" 2 "$(jq '.settings | length' "$state")"
  # There, and not to be understood: that is a failure.
  echo many >"$BATS_TEST_TMPDIR/many"
  tuned_in "mount --bind '$BATS_TEST_TMPDIR/many' '$sleep_ms'" --revert
  expect_status 1
  expect_out "failed        khugepaged-alloc-sleep-ms   ? -> $(value_before "$sleep_ms")"
  expect_out "$sleep_ms is not in the form that is expected"
  expect_equal "what is in it" many "$(<"$BATS_TEST_TMPDIR/many")"
  expect_equal "files in the state" 1 "$(jq '.settings | length' "$state")"
  tuned --revert
  expect_status 0
  expect_out "1 restored"
  expect_untouched
  [ ! -e "$state" ] || fails "after --revert" "no state" "$(<"$state")"
}

@test "written and not read back: it failed, and --revert knows of it" {
  needs_knobs "real values"
  ours
  # Read, tried and written; then read back.
  tuned_failing "$maps" EACCES 4+ --policy "$policy_file"
  expect_status 1
  expect_out "failed        max-map-count"
  expect_out "written, but it cannot be read back"
  expect_ours
  expect_equal "files in the state" 3 "$(jq '.settings | length' "$state")"
  tuned --revert
  expect_status 0
  expect_out "3 restored"
  expect_untouched
}

@test "a file that vanishes before the first write: named, nothing changed; later it fails" {
  needs_knobs "real values"
  ours
  tuned_failing "$maps" ENOENT 2+ --policy "$policy_file"
  expect_refusal "max-map-count: it has gone meanwhile ($maps); nothing was changed"
  expect_untouched
  [ ! -e "$state" ] || fails "after the refusal" "no state" "$(<"$state")"
  echo "hugetlb.2M.node0 = $(($(value_before "$pool") + 1))" >>"$policy_file"
  tuned_failing "$pool" ENODEV 2+ --policy "$policy_file"
  expect_refusal "hugetlb.2M.node0: node 0 has gone meanwhile ($pool); nothing was changed"
  expect_untouched
  # Between that and the write there is nothing to put back.
  tuned_failing "$pool" ENOENT 3+ --atomic --policy "$policy_file"
  expect_status 1
  expect_out $'              node 0 has gone meanwhile\n'
  expect_untouched
  [ ! -e "$state" ] || fails "after --atomic" "no state" "$(<"$state")"
  # Gone once it was written and read back: nothing is left to put back either.
  tuned_failing "$pool" ENOENT 5+ --atomic --policy "$policy_file"
  expect_status 1
  expect_out "failed        hugetlb.2M.node0"
  expect_not_in "$ran" "could not be put back" "$out"
  expect_knob "$maps" "$(value_before "$maps")"
}

@test "a state that cannot be removed after --revert: status 1, said" {
  needs_knobs "real values"
  ours
  tuned --policy "$policy_file"
  expect_status 0
  attempt in_mounts "mount --bind '$lib' /var/lib" strace -o "$BATS_TEST_TMPDIR/trace" -e trace=unlink \
    -e inject=unlink:error=EIO "$allocrun" --tune --revert
  expect_status 1
  expect_one_line
  expect_err "/var/lib/allocrun/tune.json cannot be written: Input/output error"
  expect_out "3 restored"
  expect_untouched
}

@test "the state is on the disk before its name is" {
  needs_knobs "real values"
  ours
  attempt in_mounts "mount --bind '$lib' /var/lib" strace -o "$BATS_TEST_TMPDIR/trace" -e trace=fsync,rename,write \
    "$allocrun" --tune --policy "$policy_file"
  expect_status 0
  expect_equal "order" "fsync rename write" "$(grep -A2 fsync "$BATS_TEST_TMPDIR/trace" | sed 's/(.*//' | xargs)"
  tuned --revert
  expect_status 0
}

@test "standard output is full: what was written is said, status 1; else 125" {
  needs_knobs "real values"
  ours
  attempt in_mounts "mount --bind '$lib' /var/lib; exec >/dev/full" "$allocrun" --tune --policy "$policy_file"
  expect_status 1
  expect_one_line
  expect_err "No space left on device; values were written all the same"
  expect_ours
  attempt in_mounts "mount --bind '$lib' /var/lib; exec >/dev/full" "$allocrun" --tune --policy "$policy_file"
  expect_refusal "No space left on device; nothing was changed"
  tuned --revert
  expect_status 0
}
