#!/usr/bin/env bats
# allocrun --purge and --heap-profile: what a running server is told. 15 s on a busy machine.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

# A server that has freed 200 MB and is busy, so that nothing goes back by itself; $pid.
busy() {
  start env PYTHONMALLOC=malloc "$@" "$python" -c '
import os, signal, sys, threading, time
signal.signal(signal.SIGUSR1, lambda *_: os._exit(0) if os.fork() else time.sleep(600))
def work():
    while True: pass
kept = [bytearray(1 << 20) for _ in range(200)]
time.sleep(0.1)
del kept
threading.Thread(target=work, daemon=True).start()
print("done", flush=True)
while True: time.sleep(0.05)'
  eventually is_done
  eventually has_channel "$pid"
}
# files_of PID NAME: the descriptors that are such files in memory.
files_of() { find "/proc/$1/fd" -lname "/memfd:$2*"; }
has_channel() { [ -n "$(files_of "$1" allocrun-purge)" ]; }
dirty() { launch --stat --format json "$1"; jq -r --argjson pid "$1" '.processes[] | select(.pid == $pid) | .heap.dirty' <<<"$out"; }

@test "purge: what a busy server keeps goes back on command; a second time nothing is left" {
  # The window is so long that demand takes nothing before we do.
  busy "$allocrun" -q --purge-thread window_ms:600000 --
  before=$(dirty "$pid")
  ((before > 100 << 20)) || fails "before" "more than 100 MiB kept" "$before"
  launch --purge "$pid" --format json
  expect_status 0
  expect_quiet
  given=$(jq '.[0].given_back' <<<"$out")
  ((given > 100 << 20)) || fails "$ran" "more than 100 MiB" "$out"
  after=$(dirty "$pid")
  ((after < 16 << 20)) || fails "afterwards" "nearly nothing kept" "$after"
  launch --purge "$pid"
  expect_status 0
  expect_match "the second time" "^$pid python[0-9.]*: gave back [0-9.]+ [KM]?i?B$" "$out"
}

@test "purge: the child of a fork is asked by a channel of its own, or has none" {
  busy "$allocrun" -q --purge-thread window_ms:600000 --
  kill -USR1 "$pid"
  # What forked has ended: its child lives, with the parent's memory and without its descriptor.
  eventually is_gone "$pid"
  child=$(pgrep -f 'bytearray\(1 << 20\) for _ in range\(200\)' | head -n 1)
  [ -n "$child" ] || fails "the fork" "a child" "none"
  started+=("$child")
  launch --purge "$child"
  expect_status 3
  [[ $out == *"no purge thread yet"* || $out == *"cannot be reached"* || $out == *"gave back"* ]] || fails "$ran" "a reason" "$(attempt_result)"
  expect_equal "the parent's channel in the child" "" "$(files_of "$child" allocrun-purge)"
}

@test "purge: who has no thread is told why: small, foreign, not there" {
  spawn sleep 600
  launch --purge "$pid"
  expect_status 3
  expect_out "no bundled build"
  start "$allocrun" -q -- sleep 600
  launch --purge "$pid"
  expect_status 3
  expect_out "no purge thread yet: its heap is below 32 MB"
  launch --purge 999999999
  expect_status 3
  expect_one_line
  launch --purge
  expect_refusal "--purge: of which process"
}

@test "purge: another user's server: the kernel decides" {
  needs_root "two users"
  busy "$allocrun" -q --user "$nobody" --
  chmod -R a+rX "$prefix"
  attempt setpriv --reuid 1 --regid 1 --clear-groups "$allocrun" --purge "$pid"
  expect_status 3
  expect_out "$pid"
  expect_no_out "gave back"
  attempt setpriv --reuid "$nobody" --regid "$nobody" --clear-groups "$allocrun" --purge "$pid"
  expect_status 0
  expect_out "gave back"
}

@test "purge: a stopped server holds nobody up, and obeys no later command twice" {
  busy "$allocrun" -q --purge-thread window_ms:600000 --
  kill -STOP "$pid"
  launch --purge "$pid" --timeout 1
  kill -CONT "$pid"
  expect_status 3
  expect_out "$pid"
  expect_no_out "gave back"
  # And goes on as if nothing had been.
  launch --purge "$pid"
  expect_status 0
  expect_out "gave back"
}

@test "purge: a page that somebody scribbles on neither harms the server nor who asks; one that is offered is not believed" {
  busy "$allocrun" -q --purge-thread window_ms:600000 --
  "$python" - "$pid" <<'PYTHON'
import mmap, os, random, sys
pid = sys.argv[1]
for fd in os.listdir(f"/proc/{pid}/fd"):
    path = f"/proc/{pid}/fd/{fd}"
    if "memfd:allocrun-purge" in os.readlink(path):
        file = os.open(path, os.O_RDWR)
        try:
            os.ftruncate(file, 0)
            sys.exit("it could be truncated")
        except PermissionError:
            pass
        page = mmap.mmap(file, 4096)
        random.seed(7)
        for _ in range(3000):
            page[32 + random.randrange(64)] = random.randrange(256)
        page[0] ^= 1
PYTHON
  launch --purge "$pid" --timeout 2
  expect_status 3
  expect_out "cannot be believed"
  kill -0 "$pid"
  # A process that makes a page of that name itself: not sealed, and larger than life.
  start "$python" -c '
import os, time
for size in (4096, 1 << 40):
    os.ftruncate(os.memfd_create("allocrun-purge", os.MFD_ALLOW_SEALING), size)
open("/dev/null"); print("done", flush=True); time.sleep(600)'
  eventually is_done
  launch --purge "$pid"
  expect_status 3
  expect_no_out "gave back"
}

@test "purge: two clients at once are each answered" {
  busy "$allocrun" -q --purge-thread window_ms:600000 --
  for i in 1 2 3 4; do
    "$allocrun" --purge "$pid" >"$BATS_TEST_TMPDIR/client.$i" 2>&1 3>&- &
    clients+=("$!")
  done
  for i in "${clients[@]}"; do wait "$i" || fails "a client" "status 0" "$(cat "$BATS_TEST_TMPDIR"/client.*)"; done
  expect_equal "answers" 4 "$(grep -c 'gave back' "$BATS_TEST_TMPDIR"/client.* | awk -F: '{ n += $2 } END { print n }')"
}

@test "heap profile: begun, dumped and ended in a running server; the dump names who allocates" {
  start env PYTHONMALLOC=malloc "$allocrun" -q --profile debug -- "$python" -c '
import time
kept = [bytearray(1 << 20) for _ in range(64)]
print("done", flush=True)
while True:
    kept.append(bytearray(1 << 20)); del kept[:1]; time.sleep(0.001)'
  eventually is_done
  eventually has_channel "$pid"
  launch --heap-profile "$pid" start
  expect_status 0
  expect_quiet
  eventually has_profiled
  expect_in "the dump" PyByteArray_Resize "$("$prefix/lib/allocrun/jeprof" --text "$(readlink -f "$python")" "$BATS_TEST_TMPDIR/dump" 2>/dev/null)"
  # To standard output, and the descriptor of the dump is closed again.
  launch --heap-profile "$pid" dump
  expect_status 0
  expect_match "the dump" '^heap_v2/' "$out"
  expect_equal "dumps in the server" "" "$(files_of "$pid" allocrun-dump)"
  launch --heap-profile "$pid" stop
  expect_status 0
}
has_profiled() {
  launch --heap-profile "$pid" dump --output "$BATS_TEST_TMPDIR/dump"
  expect_status 0
  grep -q '^@' "$BATS_TEST_TMPDIR/dump"
}

@test "heap profile: a server that was not prepared for it, and bad words" {
  busy "$allocrun" -q --
  launch --heap-profile "$pid" start
  expect_status 3
  expect_err "start it with --profile debug"
  expect_one_line
  launch --heap-profile "$pid" begin
  expect_refusal "no action 'begin'"
  launch --heap-profile "$pid"
  expect_refusal "--heap-profile: what?"
  launch --heap-profile start
  expect_refusal "--heap-profile: of which process?"
}

option_of() { launch --stat --format json "$1"; jq -r --argjson pid "$1" ".processes[] | select(.pid == \$pid) | .options.$2" <<<"$out"; }

@test "purge: other options for the thread of a running server, and the audit says so" {
  busy "$allocrun" -q --purge-thread window_ms:600000,idle_ms:600000 --record auto --
  before=$(dirty "$pid")
  ((before > 100 << 20)) || fails "before" "more than 100 MiB kept" "$before"
  launch --purge "$pid" --purge-thread window_ms:200 --format json
  expect_status 0
  expect_equal "the answer" "window_ms:200" "$(jq -r '.[0].changed' <<<"$out")"
  # Busy as ever: the window takes what no peak of it needs.
  gone() { (($(dirty "$pid") < 16 << 20)); }
  eventually gone
  expect_equal "window" 200 "$(option_of "$pid" window_ms)"
  expect_equal "idle" 600000 "$(option_of "$pid" idle_ms)"
  launch --check --pid "$pid" --only options-in-force --format json
  expect_match "the audit" 'changed while it runs: window_ms:200, launched with 600000' "$out"
}

@test "purge: options that cannot be: refused before anybody is asked" {
  spawn sleep 600
  launch --purge "$pid" --purge-thread window_ms:1
  expect_refusal "window_ms"
  launch --purge "$pid" --purge-thread thread:false
  expect_refusal "a running process keeps its thread"
  launch --purge "$pid" --purge-thread nonsense:1
  expect_refusal "nonsense"
  launch --purge "$pid" --conf narenas:1
  expect_refusal "--conf goes with a launch, not with --purge"
  launch --stat "$pid" --purge-thread window_ms:200
  expect_refusal "--purge-thread goes with a launch, not with --stat"
}
