# What the tests of the command line share. A check that fails prints the command, what
# was expected and what came.
# shellcheck shell=bash disable=SC2034,SC2154 # set here for the tests; suite: setup_suite.bash

root=$(cd -- "$BATS_TEST_DIRNAME/../.." && pwd -P)
prefix=$suite/prefix
allocrun=$prefix/bin/allocrun
programs=$suite/programs
libraries=$suite/libraries
show=$programs/show
nobody=65534
# shellcheck source-path=SCRIPTDIR source=../expect.bash
. "$root/tests/expect.bash"

# The tests decide what is set, not the caller.
unset LD_PRELOAD LD_LIBRARY_PATH MALLOC_CONF GLIBC_TUNABLES MALLOC_ARENA_MAX
unset "${!MIMALLOC_@}" "${!ALLOCRUN@}" "${!CUDA_VISIBLE@}" "${!NVIDIA_VISIBLE@}"
# By default a launch leaves a record in /run: only the tests of records want one.
export ALLOCRUN_RECORD=none
export LC_ALL=C.UTF-8
umask 022

# build_of ALLOCATOR [VARIANT], library_of ALLOCATOR [VARIANT]: the ID and the file of a build.
of_build() {
  jq -r --arg name "$2" --arg variant "${3-}" "[.builds[] | select(.allocator == \$name and .variant == \$variant)][0].$1" \
    "$prefix/lib/allocrun/manifest.json"
}
build_of() { of_build id "$@"; }
library_of() { printf '%s/lib/allocrun/%s' "$prefix" "$(of_build file "$@")"; }

# What goes into LD_PRELOAD behind it; both.
children=$prefix/lib/allocrun/children.so
preload_of() { printf '%s:%s' "$(library_of "$@")" "$children"; }

# python_tools FOLDER PINS: an environment with what the file pins; made again when the pins change.
python_tools() {
  cmp -s "$2" "$1/installed" && return
  rm -rf "$1"
  python3 -m venv "$1" && "$1/bin/pip" install -q --no-input --disable-pip-version-check --no-deps -r "$2" >&2 &&
    cp "$2" "$1/installed"
}

# --- running -----------------------------------------------------------------

# $patience: seconds, for what takes longer.
bounded() { timeout -k 5 "${patience:-300}" "$@"; }

# attempt COMMAND...: runs it bounded, without input. Leaves $status, $out, $err. Where
# COMMAND is one of the functions below, that one sees to the bound.
attempt() {
  local bound=bounded
  [ "$(type -t "$1")" != function ] || bound=
  ran=$(printf '%q ' "$@")
  status=0
  $bound "$@" </dev/null >"$BATS_TEST_TMPDIR/.out" 2>"$BATS_TEST_TMPDIR/.err" 3>&- || status=$?
  out=$(tr -d '\0' <"$BATS_TEST_TMPDIR/.out")
  err=$(tr -d '\0' <"$BATS_TEST_TMPDIR/.err")
}

# launch [OPTION]... [-- COMMAND]...: the launcher under test.
launch() { attempt "$allocrun" "$@"; }

# shown KEY [FILE]: what targets/show.c wrote about KEY; of the last run, or in FILE.
shown() {
  sed -n "s/^$1 //p" "${2:-$BATS_TEST_TMPDIR/.out}"
}

# variable NAME [FILE]: the value that the command found in its environment.
variable() {
  shown env "${2:-$BATS_TEST_TMPDIR/.out}" | sed -n "s/^$1=//p"
}

# explain [OPTION]... : the plan as JSON, in $json.
explain() {
  launch --explain --format json "$@"
  expect_status 0
  json=$out
}

# explain_in_etc [OPTION]...: the same with $etc in place of /etc.
explain_in_etc() {
  attempt in_etc "$allocrun" --explain --format json "$@"
  expect_status 0
  json=$out
}

# of JQ-FILTER [JSON]: a value in $json.
of() { jq -r "$1" <<<"${2:-$json}"; }

# step NAME [FIELD]: a field (outcome) of the first operation of a step in $json.
step() { of "[.plan[] | select(.step == \"$1\")][0].${2:-outcome}"; }

as_nobody=(setpriv --reuid "$nobody" --regid "$nobody" --clear-groups --)

# What a container's root usually lacks, and what lets a process raise its limits.
without_sys_resource=(setpriv --bounding-set -sys_resource --inh-caps -sys_resource --)

needs_root() { [ "$(id -u)" -eq 0 ] || skip "needs root: $1"; }

# in_mounts COMMANDS COMMAND...: COMMANDS mount what they like where only COMMAND sees it.
in_mounts() {
  local commands=$1
  shift
  bounded unshare --mount --propagation private bash -euc "$commands"$'\nexec "$@"' in_mounts "$@"
}

needs_mounts() {
  needs_root "$1"
  unshare --mount true 2>/dev/null || skip "needs a mount namespace: $1"
}

# make_etc: an /etc of our own in $etc, with users and a policy folder.
make_etc() {
  etc=$BATS_TEST_TMPDIR/etc
  mkdir -p "$etc/allocrun/policy.d"
  cp /etc/ld.so.cache "$etc/"
  cat >"$etc/passwd" <<'PASSWD'
root:x:0:0:root:/root:/bin/sh
server:x:4242:4343:the server:/var/lib/server:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
PASSWD
  cat >"$etc/group" <<'GROUP'
root:x:0:
models:x:4300:server,other
video:x:4301:other,server
servers:x:4343:
nogroup:x:65534:
GROUP
}

# in_etc COMMAND...: COMMAND finds $etc in place of /etc. On stdin, what it mounts.
in_etc() { in_mounts "mount --bind '$etc' /etc" "$@"; }

# policy [FILE]: writes the policy on stdin to FILE (default: the default one of in_etc).
policy() {
  [ -n "${1-}" ] || make_etc
  policy_file=${1:-$etc/allocrun/policy.conf}
  cat >"$policy_file"
}

# make_prefix [FOLDER]: a copy of the tree that may be broken, in $other.
make_prefix() {
  other=${1:-$BATS_TEST_TMPDIR/prefix}
  mkdir -p "${other%/*}"
  cp -a "$prefix" "$other"
  other_manifest=$other/lib/allocrun/manifest.json
}

# other_library ALLOCATOR: the file of a build in $other.
other_library() {
  printf '%s/lib/allocrun/%s' "$other" "$(jq -r --arg name "$1" '[.builds[] | select(.allocator == $name)][0].file' "$other_manifest")"
}

# edit_manifest JQ-FILTER: changes the manifest of $other.
edit_manifest() {
  jq "$1" "$other_manifest" >"$BATS_TEST_TMPDIR/.manifest"
  cp "$BATS_TEST_TMPDIR/.manifest" "$other_manifest"
}

# patch_bytes FILE OFFSET HEX...: overwrites bytes of a file.
patch_bytes() {
  local file=$1 offset=$2
  shift 2
  printf '%b' "$(printf '\\x%s' "$@")" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
}

# --- checking ----------------------------------------------------------------

# The last attempt, for a report; of the variables only those that matter here.
attempt_result() {
  local text
  text=$(sed -E '/^(fd|cwd|umask) /d; /^env /{/^env (HOME|USER|LOGNAME|[A-Z_]*(LD_|MALLOC|GLIBC|ALLOCRUN)[A-Z_]*)=/!d}' <<<"$out")
  printf 'status %s\n   stdout: %s\n   stderr: %s' "$status" "${text:0:3000}" "${err:0:3000}" | LC_ALL=C tr -c '[:print:]\n' '?'
}

expect_match() { [[ "$3" =~ $2 ]] || fails "$1" "something like $2" "$3"; }

expect_status() { [ "$status" -eq "$1" ] || fails "$ran" "status $1" "$(attempt_result)"; }
expect_out() { [[ "$out" == *"$1"* ]] || fails "$ran" "stdout with '$1'" "$(attempt_result)"; }
expect_err() { [[ "$err" == *"$1"* ]] || fails "$ran" "stderr with '$1'" "$(attempt_result)"; }
expect_no_out() { [[ "$out" != *"$1"* ]] || fails "$ran" "stdout without '$1'" "$(attempt_result)"; }
expect_no_err() { [[ "$err" != *"$1"* ]] || fails "$ran" "stderr without '$1'" "$(attempt_result)"; }
expect_out_is() { [ "$out" = "$1" ] || fails "$ran" "stdout '$1'" "$(attempt_result)"; }
expect_quiet() { [ -z "$err" ] || fails "$ran" "nothing on stderr" "$(attempt_result)"; }

# Exactly one line on stderr, ours.
expect_one_line() {
  [[ "$(wc -l <"$BATS_TEST_TMPDIR/.err")" -eq 1 && "$err" == "allocrun: "* ]] ||
    fails "$ran" "one line 'allocrun: …' on stderr" "$(attempt_result)"
}

# refused TEXT [TEXT]...: 125, one line with all of these, and the command has not run.
expect_refusal() {
  local text
  expect_status 125
  expect_one_line
  expect_out_is ""
  for text in "$@"; do
    expect_err "$text"
  done
}

# The command ran, its malloc is that of FILE.
expect_malloc() {
  expect_status 0
  [ "$(shown malloc)" = "$1" ] || fails "$ran" "malloc of $1" "$(attempt_result)"
}

# The command ran with the malloc of its own libc.
expect_system_malloc() {
  expect_status 0
  [[ "$(shown malloc)" == */libc.so.6 || "$(shown malloc)" == */ld-musl-* || "$(shown malloc)" == static ]] ||
    fails "$ran" "malloc of the libc" "$(attempt_result)"
}

# expect_variable NAME VALUE: the command found NAME=VALUE.
expect_variable() {
  [ "$(variable "$1")" = "$2" ] || fails "$ran" "$1=$2 in the command" "$(attempt_result)"
}

expect_no_variable() {
  ! shown env | grep -q "^$1=" || fails "$ran" "no $1 in the command" "$(attempt_result)"
}

# expect_of JQ-FILTER VALUE: a value in $json.
expect_of() {
  local value
  value=$(of "$1") || fails "$ran" "JSON with $1" "$json"
  [ "$value" = "$2" ] || fails "$ran, $1" "$2" "$value"
}

# expect_step NAME OUTCOME
expect_step() {
  [ "$(step "$1")" = "$2" ] || fails "$ran" "step $1: $2" "$(of ".plan[] | select(.step == \"$1\")")"
}

# expect_same_file FILE FILE: byte for byte, the difference is shown.
expect_same_file() {
  local difference
  difference=$(diff -u "$1" "$2") || fails "$ran" "$1 and $2 alike" "$difference"
}
