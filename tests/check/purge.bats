#!/usr/bin/env bats
# allocrun --check: the thread that gives memory back, in real processes. 15 s in all on a busy machine.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

purge=(env LD_PRELOAD="$jemalloc" "ALLOCRUN_PURGE=window_ms:2000,idle_ms:200")

purge_is() {
  check --pid "$pid" --only purge-in-force,options-in-force
  [ "$(process .purge.state)" = "$1" ]
}
gave_back() { purge_is runs && [ "$(process '.purge.idle.bytes + .purge.demand.bytes')" -gt "$1" ]; }

@test "purge: a small process waits for the need of a thread" {
  unset ALLOCRUN_RECORD
  start "$allocrun" -- sleep 600
  check --pid "$pid" --only purge-in-force,options-in-force --fail-on warn
  expect_status 0
  expect_finding purge-in-force ok "it comes with a heap of 32 MiB"
  expect_finding options-in-force ok "window_ms:5000, idle_ms:1500"
  expect_process .purge.state waits
  expect_process .purge.pid "$pid"
}

@test "purge: the thread runs, and what it gave back is told" {
  start "${purge[@]}" "$programs/grow" freed 300 0
  eventually is_done
  eventually gave_back $((200 << 20))
  expect_finding purge-in-force ok "the purge thread runs, and gave back "
  expect_equal "stale" false "$(process '.purge.look_age_ms > 40000')"
  check --pid "$pid" --only memory-verdict --fail-on warn
  expect_status 0
}

@test "purge: the child of a fork has none of its parent's thread, and gets its own" {
  start "${purge[@]}" "$python" -c '
import os, time
held = [bytes(1 << 20) for i in range(100)]
if os.fork() == 0:
    more = [b"x" * (1 << 20) for i in range(100)]
time.sleep(600)'
  local parent=$pid
  eventually has_children "$pid" 1
  pid=$(children_of "$parent")
  pid=${pid% }
  eventually purge_is runs
  expect_process .purge.pid "$pid"
  expect_finding purge-in-force ok "the purge thread runs"
}

@test "purge: a child that is forked and allocates nothing waits, and says nothing of its parent's" {
  start "${purge[@]}" "$python" -c '
import os, time
held = [b"x" * (1 << 20) for i in range(100)]
os.fork()
time.sleep(600)'
  local parent=$pid
  eventually has_children "$pid" 1
  check --pid "$parent" --only purge-in-force
  expect_finding purge-in-force ok "the purge thread runs"
  pid=$(children_of "$parent")
  pid=${pid% }
  expect_process .purge.state waits
  expect_process .purge.pid "$pid"
  expect_finding purge-in-force ok "no purge thread yet"
}

@test "purge: where no thread can be made, that is a warning with the reason" {
  needs_root "its processes are another user's"
  # A user of its own: the limit counts all processes of one.
  start prlimit --nproc=1 setpriv --reuid 54321 --regid 54321 --clear-groups -- "${purge[@]}" "$programs/grow" leak 100 0
  eventually is_done
  check --pid "$pid" --only purge-in-force --fail-on warn
  expect_status 1
  expect_finding purge-in-force warn "no purge thread could be made: Resource temporarily unavailable"
  expect_process .purge.error 11
  expect_in fix "RLIMIT_NPROC" "$(finding purge-in-force "$pid" fix)"
}

@test "purge: a user's own thread, decay or refusal is honoured and said" {
  unset ALLOCRUN_RECORD
  start "$allocrun" --purge-thread thread:false -- "$programs/grow" leak 300 0
  eventually is_done
  check --pid "$pid" --only purge-in-force --fail-on warn
  expect_status 0
  expect_process .purge.state off
  start env MALLOC_CONF=background_thread:true "$allocrun" -- "$programs/grow" leak 300 0
  eventually is_done
  check --pid "$pid" --only purge-in-force --fail-on warn
  expect_status 0
  expect_finding purge-in-force ok "jemalloc's own thread purges"
  start env MALLOC_CONF=dirty_decay_ms:7000 "$allocrun" -- "$programs/grow" leak 300 0
  eventually is_done
  check --pid "$pid" --only purge-in-force --fail-on warn
  expect_status 0
  expect_process .purge.state off
}

@test "purge: options that a wrapper replaced differ from the launch record, and both are named" {
  unset ALLOCRUN_RECORD
  [ -w /run ] || skip "needs /run to leave a record in"
  # shellcheck disable=SC2016 # expanded by the wrapper
  start "$allocrun" -- bash -c 'ALLOCRUN_PURGE=window_ms:7000 exec sleep 600'
  eventually is_past "$pid" bash
  check --pid "$pid" --only options-in-force,purge-in-force
  expect_status 2
  expect_finding options-in-force fail "window_ms:7000, launched with 5000"
}

@test "purge: what the thread says is no secret, and no proof where it cannot be read" {
  start "${purge[@]}" sleep 600
  attempt "${as_nobody[@]}" "$allocrun" --check --format json --pid "$pid" --only purge-in-force
  json=$out
  expect_finding purge-in-force unknown "may not be looked into"
  expect_process .purge null
}
