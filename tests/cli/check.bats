#!/usr/bin/env bats
# allocrun --check: what is looked at, the exit status, where the report goes.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

# A machine that is fine, and one that is not: captured ones, for the one that runs the
# tests may be either.
fine=laptop-one-node
bad=hgx-8gpu-two-socket

# audit MACHINE [OPTION]...
audit() { launch --check --sysroot "$root/tests/machines/$1" --skip builds-integrity "${@:2}"; }
status_of() { jq -r --arg id "$1" '.findings[] | select(.id == $id) | .status' <<<"$out"; }

@test "--check on this machine: no crash, and an exit status of its own" {
  launch --check
  [[ $status -le 3 ]] || fails "$ran" "status 0 to 3" "$(attempt_result)"
  expect_quiet
  expect_out "Machine    Linux"
}

@test "--check: the exit status follows the worst finding and --fail-on" {
  audit "$fine"
  expect_status 0
  audit "$bad"
  expect_status 2
  expect_out "FAIL     autonuma"
  audit "$bad" --only thp-mode
  expect_status 0
  audit "$bad" --only thp-mode --fail-on warn
  expect_status 1
  audit "$bad" --only thp-mode,mempolicy-allowed
  expect_status 3
  audit "$bad" --only thp-mode,mempolicy-allowed --fail-on=warn
  expect_status 1
  audit "$bad" --only autonuma,mempolicy-allowed
  expect_status 2
}

@test "--check: options before it and behind it are the same" {
  audit "$bad" --only thp-mode --fail-on warn --quiet
  local line=$out
  launch --only thp-mode --sysroot "$root/tests/machines/$bad" --fail-on warn -q --check
  expect_status 1
  expect_out_is "$line"
}

@test "--check --quiet: one line" {
  audit "$bad" --quiet
  [ "$(wc -l <<<"$out")" -eq 1 ] || fails "$ran" "one line" "$out"
  expect_match "$ran" '^fail: 1 failure, .*; autonuma: ' "$out"
  audit "$fine" -q
  expect_match "$ran" '^ok: [0-9]+ ok' "$out"
}

@test "--check: what is well is one line, with --verbose one each" {
  audit "$fine"
  expect_not_in "$ran" "thp-mode: enabled" "$out"
  audit "$fine" --verbose
  expect_out "ok       thp-mode: enabled"
}

@test "--check: colours on a terminal only" {
  audit "$bad"
  expect_not_in "$ran" $'\033' "$out"
  attempt script -qec "'$allocrun' --check --sysroot '$root/tests/machines/$bad'" /dev/null
  expect_out $'\033[31mFAIL'
}

@test "--only and --skip" {
  audit "$bad" --only autonuma,thp-mode --format json
  expect_equal "ids" "autonuma thp-mode" "$(jq -r '[.findings[].id] | sort | join(" ")' <<<"$out")"
  audit "$bad" --skip autonuma,thp-mode --format json
  expect_equal "ids" "" "$(status_of autonuma)$(status_of thp-mode)"
  expect_equal "swap" warn "$(status_of swap)"
}

@test "bad options: refused in one line" {
  launch --check --onyl thp-mode
  expect_refusal "'--onyl'" "did you mean '--only'?"
  launch --check --only thp-mdoe
  expect_refusal "no check 'thp-mdoe'" "did you mean 'thp-mode'?"
  launch --check --skip xyzzy
  expect_refusal "no check 'xyzzy'" "--list-checks"
  launch --check --format xml
  expect_refusal "--format" "junit"
  launch --check --fail-on never
  expect_refusal "--fail-on" "warn, fail"
  launch --check --pid 1 --all
  expect_refusal "--pid and --all exclude each other"
  launch --check --pid yes
  expect_refusal "--pid" "'yes'"
  launch --check --watch 2
  expect_refusal "--watch" "--pid"
  launch --check -- vllm serve
  expect_refusal "takes no command" "--pid PID"
  launch --check --only preload-effective
  expect_refusal "--only preload-effective" "--pid PID"
  launch --only thp-mode -- true
  expect_refusal "--only goes with --check"
  attempt env ALLOCRUN=off "$allocrun" --check --onyl thp-mode
  expect_refusal "'--onyl'"
}

@test "ALLOCRUN=off does not silence the audit" {
  attempt env ALLOCRUN=off "$allocrun" --check --sysroot "$root/tests/machines/$bad"
  expect_status 2
}

@test "a process that is not there: could not tell, whatever else is asked" {
  local gone
  bash -c 'exit' &
  gone=$!
  wait "$gone"
  launch --check --pid "$gone" --only preload-effective --quiet
  expect_status 3
  expect_out "PID $gone"
  launch --check --pid "$gone" --format json
  expect_equal "process-found" unknown "$(status_of process-found)"
}

@test "--list-checks and --explain-check name the same checks" {
  launch --check --list-checks
  expect_status 0
  local list=$out id
  launch --check --list-checks --format json
  expect_equal "ids" "$(awk '{ print $1 }' <<<"$list")" "$(jq -r '.checks[].id' <<<"$out")"
  for id in thp-defrag policy-file; do
    launch --check --explain-check "$id"
    expect_status 0
    expect_out "Fix        "
    expect_in "$ran" "$id" "$list"
  done
  launch --check --explain-check thp-defarg
  expect_refusal "did you mean 'thp-defrag'?"
}

# --- where it goes -----------------------------------------------------------

@test "standard output that cannot be written to: 125 and one line" {
  status=0
  err=$("$allocrun" --check --only thp-mode 2>&1 >/dev/full) || status=$?
  expect_equal status 125 "$status"
  expect_in "stderr" "standard output cannot be written to: No space left" "$err"
  status=0
  err=$("$allocrun" --check --only thp-mode 2>&1 >&-) || status=$?
  expect_equal status 125 "$status"
  expect_in "stderr" "standard output" "$err"
  # A reader that is gone.
  attempt bash -c "exec 3> >(exec true); wait \$!; '$allocrun' --check --only thp-mode >&3"
  expect_status 125
  expect_err "standard output cannot be written to: Broken pipe"
}

@test "--output: replaced as a whole, mode 644, the status is the audit's" {
  local folder=$BATS_TEST_TMPDIR/textfile
  mkdir "$folder"
  umask 077
  audit "$bad" --format prometheus --output "$folder/allocrun.prom"
  expect_status 2
  expect_out_is ""
  expect_equal "mode" 644 "$(stat -c %a "$folder/allocrun.prom")"
  expect_equal "files" allocrun.prom "$(ls -A "$folder")"
  local inode
  inode=$(stat -c %i "$folder/allocrun.prom")
  audit "$fine" --format prometheus --output "$folder/allocrun.prom"
  expect_status 0
  [ "$(stat -c %i "$folder/allocrun.prom")" != "$inode" ] || fails "rename" "another file" "the same"
  # Written in the folder, under a name that no collector takes.
  attempt strace -f -e trace=openat,rename,renameat "$allocrun" --check --only thp-mode --output "$folder/allocrun.prom"
  expect_match "$ran" 'openat\(AT_FDCWD, "[^"]*/textfile/\.allocrun\.prom\.[0-9]+\.tmp", O_WRONLY\|O_CREAT\|O_EXCL' "$err"
  expect_match "$ran" 'rename.*\.tmp".*/textfile/allocrun\.prom"' "$err"
}

@test "--output that cannot be written: 125, one line, the old file stays" {
  local folder=$BATS_TEST_TMPDIR/textfile
  mkdir "$folder"
  echo old >"$folder/x.prom"
  launch --check --only thp-mode --output "$folder/none/x.prom"
  expect_refusal "--output" "No such file or directory"
  # As /dev/null is; that one is not put at risk here.
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  launch --check --only thp-mode --output "$BATS_TEST_TMPDIR/pipe"
  expect_refusal "--output" "no regular file"
  [ -p "$BATS_TEST_TMPDIR/pipe" ] || fails pipe "a pipe" "replaced"
  launch --check --only thp-mode --output "$folder"
  expect_refusal "--output"
  needs_root "another user"
  chmod 755 "$folder"
  attempt "${as_nobody[@]}" "$allocrun" --check --only thp-mode --output "$folder/x.prom"
  expect_refusal "--output" "Permission denied"
  expect_equal "old file" old "$(cat "$folder/x.prom")"
  expect_equal "files" x.prom "$(ls -A "$folder")"
}

@test "--output on a full file system: 125, the old file stays, nothing is left behind" {
  needs_mounts "a small file system"
  local folder=$BATS_TEST_TMPDIR/small
  mkdir "$folder"
  attempt in_mounts "mount -t tmpfs -o size=4k,mode=755 tmpfs '$folder'; echo old >'$folder/x'" \
    bash -c "'$allocrun' --check --format json --output '$folder/x'; echo \$?; cat '$folder/x'; ls -A '$folder'"
  expect_out_is $'125\nold\nx'
  expect_err "No space left on device"
}

# --- what it costs -----------------------------------------------------------

@test "a node audit makes at most 300 system calls" {
  attempt strace -f -c -o "$BATS_TEST_TMPDIR/calls" "$allocrun" --check
  local calls
  calls=$(awk '/total$/ { print $4 }' "$BATS_TEST_TMPDIR/calls")
  [[ $calls -gt 0 && $calls -le 300 ]] || fails "$ran" "at most 300 system calls" "$(tail -n 3 "$BATS_TEST_TMPDIR/calls")"
}

# As many as 16 nodes need, whether 512 CPUs are on them or 32: the captured machine, and the
# same with two CPUs in each list.
@test "opens of a node audit grow with nodes, not with CPUs" {
  local many=$root/tests/machines/cpus-512-nodes-16 few=$BATS_TEST_TMPDIR/few node one two four
  cp -a "$many" "$few"
  printf '0-31\n' >"$few/sys/devices/system/cpu/online"
  for node in "$few"/sys/devices/system/node/node*; do
    printf '%d-%d\n' $((2 * ${node##*node})) $((2 * ${node##*node} + 1)) >"$node/cpulist"
  done
  one=$(opens_of_audit "$many")
  two=$(opens_of_audit "$few")
  four=$(opens_of_audit "$root/tests/machines/one-socket-four-nodes")
  expect_equal "opens with 512 CPUs, as with 32" "$two" "$one"
  [[ $four -gt 20 && $four -lt $one ]] || fails "opens" "fewer with 4 nodes than with 16" "$four and $one"
}

opens_of_audit() {
  strace -f -e trace=open,openat,openat2 -o "$BATS_TEST_TMPDIR/trace" "$allocrun" --check --sysroot "$1" >/dev/null 2>&1 || true
  grep -c open "$BATS_TEST_TMPDIR/trace"
}

# cpu_of_twenty COMMAND...: user and system time of each of 20 runs, in us.
cpu_of_twenty() {
  local TIMEFORMAT='%3U %3S'
  { time for _ in {1..20}; do "$@" >/dev/null 2>&1 || true; done; } 2>&1 | awk '{ printf "%d", ($1 + $2) * 1000000 / 20 }'
}

# Some 5 ms where nothing else runs and the CPU has instructions for SHA-256; where it has none, the digests are most of it,
# as sha256sum shows beside it. Who shares caches and cores adds to both: the first of three tries that is below.
@test "a node audit takes less than 20 ms of CPU and what the builds' digests take" {
  local took digests builds
  mapfile -t builds < <(find "${allocrun%/bin/*}/lib/allocrun" -name 'lib*.so*' -type f)
  for _ in 1 2 3; do
    took=$(cpu_of_twenty "$allocrun" --check)
    digests=$(cpu_of_twenty sha256sum "${builds[@]}")
    [ "$took" -ge $((20000 + digests)) ] || break
  done
  echo "# node audit: $took us of CPU, sha256sum: $digests" >&3
  [[ $took -gt 0 && $took -lt $((20000 + digests)) ]] || fails "allocrun --check" "less than 20 ms and $digests us" "$took us"
}

@test "--only reads no more than its checks look at" {
  attempt strace -f -e trace=openat,openat2,clone,fork "$allocrun" --check --only arenas-quota
  expect_status 0
  # Neither what only other checks read, nor a child that tries a memory policy.
  expect_no_err "/proc/buddyinfo"
  expect_no_err "/proc/vmstat"
  expect_no_err "clone("
}
