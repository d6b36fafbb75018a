#!/usr/bin/env bats
# --capture: this machine as files that --sysroot takes, without whose it is.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() { folder=$BATS_TEST_TMPDIR/captured; }

# The facts and the settings; the plan can be tried on a running machine alone.
as_captured() {
  sed 's/ (captured)$//; /^Plan,/,$d' <<<"$out"
}

@test "captured: --explain and --tune --dry-run say the same of it, and --check finds the same" {
  policy "$BATS_TEST_TMPDIR/node.conf" <<<$'[node]\nthp-defrag = defer\nhugetlb.2M.each = 3\nmax-map-count = 77777'
  launch --capture "$folder"
  expect_status 0
  expect_match "$ran" '^[0-9]+ files in .*; look through them before you send them$' "$out"
  launch --explain
  live=$(as_captured)
  launch --explain --sysroot "$folder"
  expect_equal "--explain" "$live" "$(as_captured)"
  launch --tune --dry-run --policy "$policy_file"
  live=$out
  launch --tune --dry-run --policy "$policy_file" --sysroot "$folder"
  expect_equal "--tune --dry-run" "$live" "$out"
  # A policy can be set only on a running machine, and what is free changes.
  local skip=mempolicy-allowed,oom-headroom,page-cache,memory-fragmentation
  launch --check --skip "$skip" --format json
  live=$(of '.findings[] | "\(.id) \(.status)"' "$out")
  launch --check --skip "$skip" --format json --sysroot "$folder"
  expect_equal "--check" "$live" "$(of '.findings[] | "\(.id) \(.status)"' "$out")"
}

@test "captured: no host name, no variables, no command lines, no control groups' names" {
  needs_mounts "a host name of its own"
  policy <<<$'# of host-of-team-7\n[launch]\nprofile = memory\nuser: server\n[check]\nignore.swap: host-of-team-7 has it'
  mkdir "$etc/sysctl.d"
  echo "vm.max_map_count = 70000 # for host-of-team-7" >"$etc/sysctl.d/99-host-of-team-7.conf"
  echo "/opt/host-of-team-7.example.org/lib.so" >"$etc/ld.so.preload"
  attempt in_mounts "mount --bind '$etc' /etc" unshare --uts bash -c "echo host-of-team-7 >/proc/sys/kernel/hostname
    API_KEY=marker-in-the-environment LD_LIBRARY_PATH='$BATS_TEST_TMPDIR' exec '$allocrun' --capture '$folder'"
  expect_status 0
  found=$(grep -rlE 'host-of-team-7|marker-in-the-environment|captured\b.*--capture ' "$folder" | grep -v /README$ || true)
  expect_equal "files that tell" "" "$found"
  expect_equal "names that tell" "" "$(find "$folder" -mindepth 1 -name '*host-of-team-7*')"
  expect_equal "names of the README" "" "$(grep -E 'host-of-team-7|marker' "$folder/README" || true)"
  expect_equal "the policy" $'#\n[launch]\nprofile = memory\n#\n[check]\nignore.swap = left out' \
    "$(<"$folder/etc/allocrun/policy.conf")"
  expect_equal "sysctl.d" "vm.max_map_count = 70000" "$(<"$folder"/etc/sysctl.d/file*.conf)"
  expect_equal "ld.so.preload" "/folder1/library1.so" "$(<"$folder/etc/ld.so.preload")"
  while IFS=: read -r _ _ path; do
    for part in ${path//\// }; do
      case $part in
        *.slice | init.scope | docker | kubepods) ;;
        *) expect_equal "folders called as the control group '$part'" "" "$(find "$folder" -name "$part")" ;;
      esac
    done
  done </proc/self/cgroup
  for file in etc/passwd etc/hostname proc/self/environ proc/self/cmdline proc/sys/kernel/random/boot_id proc/sys/kernel/hostname; do
    [ ! -e "$folder/$file" ] || fails "capture" "no $file" "it is there"
  done
  launch --explain --sysroot "$folder"
  expect_status 0
  expect_out "profile        memory"
}

@test "captured: on a host that is called as something else is, the same is said" {
  needs_mounts "host names of its own"
  policy <<<$'[launch]\nprofile = memory'
  for host in memory allocrun etc max 0; do
    attempt in_mounts "mount --bind '$etc' /etc" unshare --uts bash -c "echo $host >/proc/sys/kernel/hostname
      '$allocrun' --capture '$folder' --quiet && '$allocrun' --explain"
    expect_status 0
    live=$(as_captured)
    launch --explain --sysroot "$folder"
    expect_equal "--explain on $host" "$live" "$(as_captured)"
    rm -r "$folder"
  done
}

@test "captured: the policy that is named in place of the default one" {
  needs_mounts "an /etc of its own"
  policy <<<$'[launch]\nprofile = latency'
  policy "$BATS_TEST_TMPDIR/alice.conf" <<<$'# of alice\n[launch]\nthp: off\n[node]\nmax-map-count = 77777'
  for by in option variable; do
    arguments=(--policy "$policy_file") variable=
    [ "$by" = option ] || { arguments=() variable=$policy_file; }
    attempt in_etc env ALLOCRUN_POLICY="$variable" "$allocrun" --capture "$folder" "${arguments[@]}"
    expect_status 0
    expect_equal "the policy" $'#\n[launch]\nthp = off\n[node]\nmax-map-count = 77777' "$(<"$folder/etc/allocrun/policy.conf")"
    attempt in_etc "$allocrun" --explain --policy "$policy_file"
    live=$(as_captured)
    launch --explain --sysroot "$folder"
    expect_equal "--explain" "$live" "$(as_captured | sed "s,/etc/allocrun/policy.conf,$policy_file,")"
    rm -r "$folder"
  done
  attempt bash -c "'$allocrun' --capture '$folder' --policy <(cat '$policy_file'; sleep 1)"
  [ "$status" -eq 125 ] || fails "$ran" "125" "$(attempt_result)"
  [ ! -e "$folder" ] || fails "$ran" "no folder" "$(find "$folder" | head)"
}

@test "a failure leaves nothing half done, and nothing in the way of the next" {
  needs_mounts "a full file system"
  attempt in_mounts "mkdir '$BATS_TEST_TMPDIR/small' && mount -t tmpfs -o size=64k small '$BATS_TEST_TMPDIR/small'" bash -c "
    '$allocrun' --capture '$BATS_TEST_TMPDIR/small/new' && exit 1
    '$allocrun' --capture '$BATS_TEST_TMPDIR/small' && exit 2
    find '$BATS_TEST_TMPDIR/small' -mindepth 1
    mount -o remount,size=8m '$BATS_TEST_TMPDIR/small'
    '$allocrun' --capture '$BATS_TEST_TMPDIR/small' --quiet"
  expect_status 0
  expect_out_is ""
  expect_err "No space left on device"
}

@test "captured: text files alone, and no links but those that are read as such" {
  launch --capture "$folder/"
  expect_status 0
  expect_equal "files that are no text" "" "$(find "$folder" -type f -size +0 -exec grep -LI . {} +)"
  expect_equal "what is neither file nor folder" "" "$(find "$folder" ! -type f ! -type d ! -path '*/etc/malloc.conf')"
  expect_equal "files that others cannot read" "" "$(find "$folder" ! -perm -444)"
  expect_match "the README's first line" '^A machine, captured by allocrun [0-9.]+ --capture\.$' "$(head -n 1 "$folder/README")"
}

@test "a folder that is not empty, or cannot be made: refused, untouched" {
  mkdir "$folder"
  echo kept >"$folder/file"
  launch --capture "$folder"
  expect_refusal "it is not empty; name a new folder"
  expect_equal "the folder" file "$(ls -A "$folder")"
  launch --capture "$BATS_TEST_TMPDIR/none/new"
  expect_refusal "No such file or directory"
  launch --capture "$folder/file"
  expect_refusal "Not a directory"
  launch --capture ""
  expect_refusal "the folder's name is empty"
}

@test "as an ordinary user: what that one may read" {
  needs_root "another user"
  mkdir "$BATS_TEST_TMPDIR/open"
  chmod 777 "$BATS_TEST_TMPDIR/open"
  attempt "${as_nobody[@]}" "$allocrun" --capture "$BATS_TEST_TMPDIR/open/captured"
  expect_status 0
  launch --explain --sysroot "$BATS_TEST_TMPDIR/open/captured"
  expect_status 0
}
