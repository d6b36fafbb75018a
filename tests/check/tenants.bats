#!/usr/bin/env bats
# The audit as root, with users who do not want to be looked at: it has a budget, what lies
# beyond it is unknown for the reason that is said, and each user holds up his own alone.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

both=preload-effective,options-in-force
hostile=4001
other=4002

# tenants N SECONDS: below $pid N processes of one user with the library from a file system that
# answers after so many seconds (never for ''), then one of another user with jemalloc.
tenants() {
  needs_namespaces "a file system of its own"
  [ -c /dev/fuse ] || skip "needs /dev/fuse: a file system that does not answer"
  local point=$BATS_TEST_TMPDIR/served files=$BATS_TEST_TMPDIR/files
  chmod 755 "$BATS_TEST_TMPDIR"
  mkdir -p "$point" "$files"
  cp "$libraries/libforeign.so" "$files/libserved.so"
  # shellcheck disable=SC2016 # expanded inside
  spawn unshare --mount --propagation private "$python" "$programs/silent.py" "$point" "$files" "$BATS_TEST_TMPDIR/switch" \
    bash -c 'cat "$1" >/dev/null
      for ((i = 0; i < $2; i++)); do LD_PRELOAD=$1 setpriv --reuid "$4" --regid "$4" --clear-groups sleep 600 & done
      LD_PRELOAD=$3 setpriv --reuid "$5" --regid "$5" --clear-groups sleep 601 &
      wait' bash "$point/libserved.so" "$1" "$jemalloc" "$hostile" "$other"
  eventually are_asleep "$1"
  printf '%s' "$2" >"$BATS_TEST_TMPDIR/switch"
}

# are_asleep N: all of them are programs by now; the other user's is in $honest.
are_asleep() {
  local one name owner n=0
  local -a members
  tree "$pid"
  for one in "${members[@]}"; do
    # One that leads to them may be gone by now.
    { read -r name <"/proc/$one/comm" && owner=$(stat -c %u "/proc/$one"); } || continue
    [ "$name" = sleep ] || continue
    n=$((n + 1))
    [ "$owner" != "$other" ] || honest=$one
  done
  [ "$n" -eq $(($1 + 1)) ]
} 2>/dev/null

# seconds_of COMMAND...: attempts it; how long that took, in $took.
seconds_of() {
  local from=$EPOCHREALTIME
  "$@"
  took=$(((${EPOCHREALTIME/[.,]/} - ${from/[.,]/}) / 1000000))
}

# expect_unknown_of_hostile N REGEX: so many processes of that user are there, and each is unknown for such a reason.
expect_unknown_of_hostile() {
  local reasons
  reasons=$(jq -r --argjson uid "$hostile" '.findings[] | select(.id == "preload-effective" and .process.uid == $uid) |
    "\(.status) \(.observed)"' <<<"$json")
  expect_equal "processes of the hostile user" "$1" "$(wc -l <<<"$reasons")"
  expect_equal "other reasons" "" "$(grep -Ev "^unknown .*($2)" <<<"$reasons" || true)"
}

@test "kind P: nine silent processes of one user do not make another user's unknown" {
  local honest took
  tenants 9 ''
  seconds_of check --pid "$pid" --timeout 9
  expect_finding preload-effective ok "$(build_of jemalloc)" "$honest"
  expect_finding options-in-force ok proved: "$honest"
  expect_unknown_of_hostile 9 'reading it did not end: a file system that it uses does not answer|reading others of its owner.s hangs|its 9 s were over \(--timeout\)'
  expect_in "some were tried" "reading it did not end" "$json"
  ((took < 15)) || fails "$ran" "9 s and a little" "$took s"
}

@test "kind P: a file system that is slow, not silent, holds nobody up for longer than the policy's timeout" {
  local honest took
  tenants 3 1.5
  policy "$BATS_TEST_TMPDIR/policy.conf" <<<$'[check]\ntimeout = 5'
  seconds_of check --pid "$pid" --policy "$policy_file"
  expect_finding preload-effective ok "$(build_of jemalloc)" "$honest"
  expect_unknown_of_hostile 3 'does not answer in time|its 5 s were over \(--timeout\)'
  ((took < 10)) || fails "$ran" "5 s and a little" "$took s"
  # The command line wins over the policy.
  seconds_of check --pid "$pid" --policy "$policy_file" --timeout 2
  expect_unknown_of_hostile 3 'its 2 s were over \(--timeout\)'
}

# peak_of COMMAND...: the most memory that any of its processes had, in KiB; what it printed is in $json.
peak_of() {
  attempt "$python" -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)' "$@"
  peak=$err
  json=$out
}

@test "kind P: the audit takes less than 64 MiB, whatever a user's processes have in store" {
  needs_root "to look into other users' processes"
  local honest peak format
  # shellcheck disable=SC2016 # expanded inside
  spawn bash -c '"$1" --reuid "$2" --regid "$2" --clear-groups "$3" 30 &
    LD_PRELOAD=$4 "$1" --reuid "$5" --regid "$5" --clear-groups sleep 601 &
    wait' bash setpriv "$hostile" "$programs/swollen" "$jemalloc" "$other"
  eventually is_done
  eventually are_asleep 0
  peak_of "$allocrun" --check --pid "$pid" --format json
  report_figure "30 processes with 56 MB of variables each: $peak KiB"
  ((peak < 65536)) || fails "30 swollen processes" "less than 64 MiB" "$peak KiB"
  expect_finding preload-effective ok "$(build_of jemalloc)" "$honest"
  expect_unknown_of_hostile 31 'looking at it takes more memory than the audit allows itself'
  # Many are many, in every format.
  start env LD_PRELOAD="$jemalloc" "$programs/children" 2999
  eventually is_done
  for format in text json junit tap prometheus nagios; do
    peak_of "$allocrun" --check --pid "$pid" --format "$format" --verbose
    report_figure "3,000 processes as $format: $peak KiB"
    ((peak < 65536)) || fails "3,000 processes as $format" "less than 64 MiB" "$peak KiB"
  done
}

# --- who shows what is not true ----------------------------------------------

@test "kind P: a process that makes up what it shows of itself is not proved" {
  local way allocator
  local -A library=([jemalloc]=$jemalloc [mimalloc]=$mimalloc)
  local -A reason=([mapped]="calls of malloc go to another library" [loaded]="calls of malloc go to another library"
    [alone]="its list of objects has no libc" [debug]="its list of objects is not its loader's own"
    [headers]="its program headers are not those of its program's file")
  for allocator in jemalloc mimalloc; do
    # It has glibc's malloc, and says so.
    start "$programs/liar" honest "${library[$allocator]}"
    eventually is_done
    check --pid "$pid" --only "$both"
    expect_finding preload-effective fail "malloc is glibc's own"
    for way in mapped loaded alone debug headers; do
      # What jemalloc needs to be loaded so late.
      start env GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 "$programs/liar" "$way" "${library[$allocator]}"
      eventually is_done
      check --pid "$pid" --only "$both"
      expect_status 3
      expect_finding preload-effective unknown "what it shows of itself cannot be true: ${reason[$way]}"
      expect_finding options-in-force unknown "what it shows of itself cannot be true"
      expect_process .allocator null
    done
  done
}

@test "kind P: programs of every kind are what they show" {
  local program
  start env LD_PRELOAD="$jemalloc" /lib64/ld-linux-x86-64.so.2 /bin/sleep 600
  for program in pause pause-no-pie; do
    check --pid "$pid" --only "$both"
    expect_status 0
    expect_finding options-in-force ok proved:
    start env LD_PRELOAD="$jemalloc" "$programs/$program"
  done
  # Its program's file is gone, and still there for the kernel.
  cp "$programs/pause" "$BATS_TEST_TMPDIR/gone"
  start env LD_PRELOAD="$mimalloc" "$BATS_TEST_TMPDIR/gone"
  rm "$BATS_TEST_TMPDIR/gone"
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding options-in-force ok proved:
}
