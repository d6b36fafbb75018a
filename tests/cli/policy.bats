#!/usr/bin/env bats
# Bad input: policy files. Named by --policy a bad one is refused; in the default place it
# is ignored as a whole, and the server starts.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() { policy_named=$BATS_TEST_TMPDIR/site.conf; }

# expect_bad LINE TEXT...: the policy on stdin, named by an option, is refused with FILE:LINE and
# TEXT; by a variable or in the default place it is ignored as a whole, which is said.
expect_bad() {
  local line=$1
  shift
  cat >"$policy_named"
  launch --policy "$policy_named" -- touch "$BATS_TEST_TMPDIR/executed"
  expect_refusal "$policy_named:$line: " "$@"
  launch --explain --policy "$policy_named"
  expect_refusal "$policy_named:$line: " "$@"
  attempt env ALLOCRUN_POLICY="$policy_named" "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "policy ignored as a whole, built-in values used: ALLOCRUN_POLICY: $policy_named:$line: "
  [ ! -e "$BATS_TEST_TMPDIR/executed" ] || fails "$ran" "nothing executed" "the command ran"
  [ -n "$(can_mount)" ] || return 0
  make_etc
  cp "$policy_named" "$etc/allocrun/policy.conf"
  expect_ignored "/etc/allocrun/policy.conf:$line: " "$@"
}

can_mount() { unshare --mount echo yes 2>/dev/null || true; }

# expect_ignored TEXT...: the server starts on built-in values; stderr and record say why.
expect_ignored() {
  local text
  attempt in_etc "$allocrun" --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "policy ignored as a whole, built-in values used"
  json=$(<"$BATS_TEST_TMPDIR/record")
  for text in "$@"; do
    expect_err "$text"
    expect_in "policy_problem of the record" "$text" "$(of .policy_problem)"
  done
  expect_of .profile balanced
  attempt in_etc "$allocrun" --explain
  expect_status 0
  expect_out "policy ignored as a whole"
}

@test "policy with a bad line: file, line" {
  expect_bad 3 "neither 'key = value' nor [section]" <<'POLICY'
[launch]
profile = memory
this is no assignment
numa = off
POLICY
  expect_bad 1 "neither 'key = value' nor [section]" <<<'[launch'
}

@test "policy with a value before any section: file, line" {
  expect_bad 2 "'profile' stands before any section" "[launch]" <<'POLICY'
# our fleet
profile = memory
[launch]
POLICY
}

@test "policy with an unknown key: file, line, the nearest name" {
  expect_bad 2 "no key 'profil' in [launch]" "did you mean 'profile'?" <<'POLICY'
[launch]
profil = memory
POLICY
  expect_bad 3 "no key 'narenas' in [profile ours]" <<'POLICY'
[profile ours]
base = memory
narenas = 2
POLICY
  # Known, but not in a profile.
  expect_bad 2 "no key 'memlock' in [profile ours]" <<'POLICY'
[profile ours]
memlock = hard
POLICY
}

@test "policy with an unknown section: file, line, the nearest name" {
  expect_bad 1 "no section [lunch]" "did you mean 'launch'?" <<'POLICY'
[lunch]
profile = memory
POLICY
}

@test "policy with a key or value that [node] does not know: file, line, the nearest name" {
  expect_bad 2 "no key 'numa-balancng' in [node]" "did you mean 'numa-balancing'?" <<<$'[node]\nnuma-balancng = 0'
  expect_bad 2 "bad value 'madvice' for thp-enabled" "did you mean 'madvise'?" <<<$'[node]\nthp-enabled = madvice'
  expect_bad 3 "hugetlb.2M.node0 contradicts hugetlb.2M" <<<$'[node]\nhugetlb.2M = 4\nhugetlb.2M.node0 = 4'
}

@test "policy with a unit that is no service, or neither on nor off: file, line, what to write" {
  expect_bad 2 "'vllm' is no service's name (write: vllm.service)" <<<$'[units]\nvllm = on'
  expect_bad 3 "bad value 'yes' for web@a.service (one of: on, off)" <<<$'[units]\nweb@.service = on\nweb@a.service = yes'
  expect_bad 1 "no section [unit]" "did you mean 'units'?" <<<$'[unit]\nvllm.service = on'
}

@test "policy with units: a launch passes them over" {
  printf '[units]\nvllm.service = on\nweb@a.service = off\n' >"$policy_named"
  launch --policy "$policy_named" -- "$show" -
  expect_status 0
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

@test "policy with a value out of range: file, line, the nearest name" {
  expect_bad 2 "bad value 'advise' for thp" "did you mean 'advised'?" <<<$'[launch]\nthp = advise'
  expect_bad 2 "oom-score-adj" "-1000 to 1000" <<<$'[launch]\noom-score-adj = 2000'
  expect_bad 2 "dirty_decay" <<<$'[launch]\nconf = dirty_decay:1'
  expect_bad 2 "bad value 'advise' for thp" <<<$'[profile ours]\nthp = advise'
  expect_bad 2 "'balancd'" "did you mean 'balanced'?" <<<$'[profile ours]\nbase = balancd'
  expect_bad 3 "preloads" "did you mean 'preload'?" <<<$'[launch]\n\nrequire = preloads'
}

@test "policy with an unknown profile: file, line, the nearest name" {
  expect_bad 2 "no profile 'memry'" "did you mean 'memory'?" <<<$'[launch]\nprofile = memry'
}

@test "policy that is binary: file, line" {
  printf '[launch]\nprofile = mem\0ory\n' >"$BATS_TEST_TMPDIR/binary"
  expect_bad 2 "not text" <"$BATS_TEST_TMPDIR/binary"
  head -c 5000 "$show" >"$BATS_TEST_TMPDIR/binary"
  expect_bad 1 <"$BATS_TEST_TMPDIR/binary"
}

@test "policy with a line too long: file, line" {
  { echo '[launch]'; printf 'conf = %s\n' "$(head -c 5000 /dev/zero | tr '\0' x)"; } >"$BATS_TEST_TMPDIR/long"
  expect_bad 2 "longer than" <"$BATS_TEST_TMPDIR/long"
}

@test "policy too large, a folder, a FIFO, missing: refused when named" {
  head -c 2000000 /dev/zero | tr '\0' '\n' >"$policy_named"
  launch --policy "$policy_named" -- true
  expect_refusal "$policy_named" "cannot be read"
  launch --policy "$BATS_TEST_TMPDIR" -- true
  expect_refusal "$BATS_TEST_TMPDIR" "cannot be read"
  # Not an empty policy: nobody has written into it yet.
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  launch --policy "$BATS_TEST_TMPDIR/fifo" -- true
  expect_refusal "$BATS_TEST_TMPDIR/fifo"
  launch --policy /nowhere/policy.conf -- true
  expect_refusal "/nowhere/policy.conf" "No such file"
}

@test "policy unreadable: refused when named, ignored and said in the default place" {
  needs_mounts "to be another user with an /etc of its own"
  policy <<<$'[launch]\nprofile = memory'
  chmod 600 "$policy_file"
  attempt "${as_nobody[@]}" "$allocrun" --policy "$policy_file" -- true
  expect_refusal "$policy_file" "Permission denied"
  attempt in_etc "${as_nobody[@]}" "$allocrun" --explain --format json
  json=$out
  expect_of .profile balanced
  expect_of '.policy_problem | startswith("/etc/allocrun/policy.conf: cannot be read: Permission denied")' true
  attempt in_etc "${as_nobody[@]}" "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "policy ignored as a whole"
  # The drop-ins' folder counts as much as the file.
  rm "$policy_file"
  chmod 700 "$etc/allocrun/policy.d"
  attempt in_etc "${as_nobody[@]}" "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "/etc/allocrun/policy.d: cannot be read: Permission denied"
}

@test "policy good in its first half: none of it counts" {
  needs_mounts "for an /etc of its own"
  policy <<'POLICY'
[launch]
profile = memory
numa = off
require = preload
[profile mine]
base = latency
[launch]
thp = sometimes
POLICY
  expect_ignored "policy.conf:8: "
  expect_of '.settings[] | select(.name == "numa").why' "profile balanced"
  expect_of '[.plan[] | select(.ladder == "require") | .step] | unique | join(" ")' "caps no-new-privs user"
  # Nor do its profiles; a start that names one is not stopped for that.
  attempt in_etc "$allocrun" --profile mine -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "no profile 'mine'"
}

@test "policy drop-in bad: all of the policy is ignored" {
  needs_mounts "for an /etc of its own"
  policy <<<$'[launch]\nprofile = memory'
  echo 'nonsense' >"$etc/allocrun/policy.d/50-site.conf"
  expect_ignored "/etc/allocrun/policy.d/50-site.conf:1: "
}

@test "policy validated by --explain --policy before it is rolled out" {
  cat >"$policy_named" <<'POLICY'
[launch]
profile = ours
[profile ours]
base = memory
POLICY
  launch --explain --policy "$policy_named"
  expect_status 0
  expect_out "$policy_named"
  echo 'bas = memory' >>"$policy_named"
  launch --explain --policy "$policy_named"
  expect_refusal "$policy_named:5: " "did you mean 'base'?"
}

@test "policy: comments, spaces, underscores, CRLF, a byte order mark, no newline at the end" {
  printf '\xef\xbb\xbf# ours\r\n; too\r\n[launch]\r\n  profile =  memory  ; as agreed\r\noom_score_adj=100\r\nnuma : off' >"$policy_named"
  explain --policy "$policy_named"
  expect_of .profile memory
  expect_of '.settings[] | select(.name == "oom-score-adj").value' 100
  expect_of '.settings[] | select(.name == "numa").why' "$policy_named:6"
  : >"$policy_named"
  explain --policy "$policy_named"
  expect_of .profile balanced
}

@test "policy drop-ins: read in order, the later wins, other names are left alone" {
  needs_mounts "for an /etc of its own"
  policy <<<$'[launch]\nprofile = memory\noom-score-adj = 1'
  echo $'[launch]\noom-score-adj = 2\nthp = off' >"$etc/allocrun/policy.d/10-a.conf"
  echo $'[launch]\noom-score-adj = 3' >"$etc/allocrun/policy.d/20-b.conf"
  echo 'nonsense' >"$etc/allocrun/policy.d/30-c.conf.rpmnew"
  echo 'nonsense' >"$etc/allocrun/policy.d/README"
  echo 'nonsense' >"$etc/allocrun/policy.d/.40-d.conf"
  explain_in_etc
  expect_of .policy_problem null
  expect_of .profile memory
  expect_of '.settings[] | select(.name == "oom-score-adj") | .value + " " + .why' "3 /etc/allocrun/policy.d/20-b.conf:2"
  expect_of '.settings[] | select(.name == "thp") | .value + " " + .why' "off /etc/allocrun/policy.d/10-a.conf:3"
  # A drop-in alone is enough.
  rm "$policy_file"
  explain_in_etc
  expect_of '.settings[] | select(.name == "oom-score-adj").value' 3
}

@test "policy file named: stands in place of the default one and its drop-ins" {
  needs_mounts "for an /etc of its own"
  policy <<<'nonsense'
  echo $'[launch]\nprofile = memory' >"$policy_named"
  explain_in_etc --policy "$policy_named"
  expect_quiet
  expect_of .policy_problem null
  expect_of .profile memory
}

@test "policy profile: its base, its values, and changes of a built-in one" {
  cat >"$policy_named" <<'POLICY'
[profile ours]
base = latency
conf = dirty_decay_ms:7000
allocator = mimalloc,jemalloc
[profile memory]
thp = off
[launch]
profile = ours
POLICY
  explain --policy "$policy_named"
  expect_of .profile ours
  expect_of .build.id "$(build_of mimalloc)"
  expect_of '.settings[] | select(.name == "thp") | .value + " " + .why' "advised profile latency"
  explain --policy "$policy_named" --allocator jemalloc
  expect_of '.settings[] | select(.name == "conf") | .value + " " + .why' "dirty_decay_ms:7000 $policy_named:3"
  expect_in MALLOC_CONF "dirty_decay_ms:7000" "$(of .environment.MALLOC_CONF)"
  expect_in MALLOC_CONF "metadata_thp:auto" "$(of .environment.MALLOC_CONF)"
  explain --policy "$policy_named" --profile memory
  expect_of '.settings[] | select(.name == "thp") | .value + " " + .why' "off $policy_named:6"
  expect_in MALLOC_CONF "tcache_max:4096" "$(of .environment.MALLOC_CONF)"
}

@test "policy read from the machine that is looked at, under --sysroot" {
  mkdir -p "$BATS_TEST_TMPDIR/machine/etc/allocrun"
  echo $'[launch]\nprofile = memory' >"$BATS_TEST_TMPDIR/machine/etc/allocrun/policy.conf"
  explain --sysroot "$BATS_TEST_TMPDIR/machine"
  expect_of .profile memory
}

@test "kind P: a policy that others may write is not obeyed as root" {
  needs_root "whom it would be obeyed by"
  policy_named=$BATS_TEST_TMPDIR/folder/site.conf
  mkdir "$BATS_TEST_TMPDIR/folder"
  printf '[launch]\nprofile = memory\n' >"$policy_named"
  launch --policy "$policy_named" -- true
  expect_status 0
  chmod 666 "$policy_named"
  launch --policy "$policy_named" -- true
  expect_refusal "$policy_named: not obeyed as root: others may write it"
  chmod 644 "$policy_named"
  chown "$nobody" "$policy_named"
  launch --policy "$policy_named" -- true
  expect_refusal "it belongs to another user"
  chown 0 "$policy_named"
  chmod 777 "$BATS_TEST_TMPDIR/folder"
  launch --policy "$policy_named" -- true
  expect_refusal "others may write $BATS_TEST_TMPDIR/folder"
  # There nobody can take it away.
  chmod 1777 "$BATS_TEST_TMPDIR/folder"
  launch --policy "$policy_named" -- true
  expect_status 0
  # And for a user it is his own matter.
  chmod 777 "$BATS_TEST_TMPDIR/folder" "$BATS_TEST_TMPDIR"
  attempt "${as_nobody[@]}" "$allocrun" --policy "$policy_named" -- true
  expect_status 0
}

@test "kind P: a default policy that others may write is ignored as a whole" {
  needs_mounts "for an /etc of its own"
  policy <<<$'[launch]\nprofile = memory'
  chmod 666 "$etc/allocrun/policy.conf"
  expect_ignored "/etc/allocrun/policy.conf: not obeyed as root: others may write it"
}
