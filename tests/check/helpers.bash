# What the tests of --check on running processes share, on top of those of the command
# line.
# shellcheck shell=bash disable=SC2034,SC2154 # set here for the tests; those of ../cli/helpers.bash

# shellcheck source-path=SCRIPTDIR source=../cli/helpers.bash
. "$BATS_TEST_DIRNAME/../cli/helpers.bash"

jemalloc=$(library_of jemalloc)
mimalloc=$(library_of mimalloc)
python=/usr/bin/python3
started=()

# spawn COMMAND...: in the background until the test ends; its PID is in $pid, what it
# prints in $printed.
spawn() {
  printed=$BATS_TEST_TMPDIR/started.${#started[@]}
  "$@" </dev/null >"$printed" 2>&1 3>&- &
  pid=$!
  started+=("$pid")
}

# start COMMAND...: the same, and returns when the programs that only lead to it are behind.
start() {
  spawn "$@"
  eventually is_past "$pid" bash env allocrun setpriv
}

# is_past PID NAME...: it runs, and another program than these.
is_past() {
  local name
  name=$(<"/proc/$1/comm")
  [[ " ${*:2} " != *" $name "* ]]
}

needs_namespaces() {
  needs_root "$1"
  unshare --pid --fork --mount --mount-proc true 2>/dev/null || skip "needs namespaces: $1"
}

# The programs of ./programs say so when all is there that they are to make.
is_done() { grep -q '^done' "$printed"; }

# tree PID...: they and all that descend from them, in $members. Without a fork: there
# may be thousands.
tree() {
  local i list
  local -a children
  members=("$@")
  for ((i = 0; i < ${#members[@]}; i++)); do
    for list in /proc/"${members[i]}"/task/*/children; do
      children=()
      { read -ra children <"$list"; } 2>/dev/null || true
      members+=("${children[@]}")
    done
  done
}

is_gone() { ! kill -0 "$1"; }

# All that was started, with its children: a shell that is killed leaves them behind.
teardown() {
  local one
  local -a members
  [ ${#started[@]} -gt 0 ] || return 0
  tree "${started[@]}"
  kill -KILL "${members[@]}" 2>/dev/null || true
  { wait "${started[@]}"; } 2>/dev/null || true
  for one in "${members[@]}"; do
    eventually is_gone "$one"
  done
  started=()
}

# check [OPTION]...: the audit as JSON, in $json and $status.
check() {
  launch --check --format json "$@"
  json=$out
  jq -e .findings <<<"$json" >/dev/null || fails "$ran" "JSON" "$(attempt_result)"
}

# finding ID [PID [FIELD]]: of a finding of the last check; FIELD: status.
finding() {
  jq -r --arg id "$1" --argjson pid "${2:-$pid}" --arg field "${3:-status}" \
    '.findings[] | select(.id == $id and .process.pid == $pid) | .[$field]' <<<"$json"
}

# process JQ-FILTER [PID]: what the last check knows of a process.
process() { jq -r --argjson pid "${2:-$pid}" ".processes.list[] | select(.pid == \$pid) | $1" <<<"$json"; }

# expect_finding ID STATUS WORDS [PID]: the words are in what was observed.
expect_finding() {
  local one=${4:-$pid} observed
  observed=$(finding "$1" "$one" observed)
  [ "$(finding "$1" "$one")" = "$2" ] || fails "$ran: $1 of $one" "$2" "$(finding "$1" "$one"): $observed"
  [[ $observed == *"$3"* ]] || fails "$ran: $1 of $one" "something with '$3'" "$observed"
}

expect_process() { expect_equal "$ran: $1" "$2" "$(process "$1")"; }

children_of() { cat "/proc/$1/task/$1/children"; }
has_children() { [ "$(children_of "$1" | wc -w)" -eq "$2" ]; }

# cpu_milliseconds COMMAND...: the CPU time that it takes, whatever its status: waiting for a
# busy machine does not count.
cpu_milliseconds() {
  local TIMEFORMAT='%3U %3S'
  { time "$@" >/dev/null 2>&1 || true; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}

# expect_cpu_grows FEW MANY OPTION...: what an audit of the process MANY takes that is ten times FEW, beside it: at most
# thirty times as much. What compares each with each takes a hundred times. The machine's speed is in both; who shares its
# cores with one of them adds to that one's time, so three tries.
expect_cpu_grows() {
  local few many most
  for _ in 1 2 3; do
    few=$(cpu_milliseconds "$allocrun" --check --pid "$1" "${@:3}")
    many=$(cpu_milliseconds "$allocrun" --check --pid "$2" "${@:3}")
    most=$((30 * (few > 0 ? few : 1)))
    ((many > most)) || break
  done
  report_figure "${*:3}: $few and $many ms of CPU"
  ((many > 0 && many <= most)) || fails "CPU of ten times as much, ${*:3}" "at most $most ms" "$many ms"
}

# without_records PID: launches before may have left records under the numbers that its tree has now.
without_records() {
  local member
  tree "$1"
  for member in "${members[@]}"; do
    rm -f "/run/allocrun/$member.json"
  done
}

# opens COMMAND...: how many files it opens.
opens() {
  strace -f -e trace=open,openat,openat2 -o "$BATS_TEST_TMPDIR/opens" "$@" >/dev/null 2>&1 || true
  grep -c 'open[at2]*(' "$BATS_TEST_TMPDIR/opens"
}

# The figure that is not asserted, since the machine may be busy: it stands in the TAP.
report_figure() { echo "# $*" >&3; }
