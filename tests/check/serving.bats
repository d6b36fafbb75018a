#!/usr/bin/env bats
# allocrun --check on real processes: which allocator serves, with which options, and
# never a claim about what could not be seen.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

both=preload-effective,options-in-force

@test "serving: plain glibc fails, and says what is missing" {
  start sleep 600
  check --pid "$pid" --only "$both"
  expect_status 2
  expect_finding preload-effective fail "malloc is glibc's own; its environment has no LD_PRELOAD"
  expect_finding options-in-force skip glibc
  expect_process .allocator glibc
  expect_in fix "start the server behind allocrun" "$(finding preload-effective "$pid" fix)"
}

@test "serving: launched by allocrun, all is proved" {
  unset ALLOCRUN_RECORD
  start "$allocrun" -- sleep 600
  check --pid "$pid" --only "$both,launch-record,process-variables,process-arenas"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding options-in-force ok "proved: narenas:"
  expect_finding process-variables ok "MALLOC_CONF is read whole"
  [ "$(finding launch-record)" = skip ] && [ ! -w /run ] ||
    expect_finding launch-record ok "/run/allocrun/$pid.json: launched by allocrun"
  expect_process .library "$(readlink -f "$jemalloc")"
  expect_process .environment_evidence proved
}

@test "serving: jemalloc with its options in force, not those of its environment" {
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=narenas:3,dirty_decay_ms:-1,background_thread:true,no_such_key:1 sleep 600
  check --pid "$pid" --only "$both,process-variables"
  expect_status 2
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding options-in-force ok \
    "proved: narenas:3, dirty_decay_ms:-1, muzzy_decay_ms:0, background_thread:true"
  expect_finding process-variables fail no_such_key
  expect_process .options_evidence proved
  expect_process .options.narenas 3
  expect_process '.options | has("no_such_key")' false
  expect_process .environment.MALLOC_CONF narenas:3,dirty_decay_ms:-1,background_thread:true,no_such_key:1
  expect_process .build_id "$(readelf -n "$jemalloc" | awk '/Build ID/ { print $3 }')"
  expect_process '[.libraries[] | select(.serves != [])] | length' 1
}

# strace holds the launcher's exec up: what ExecStartPost may meet. (By its path: each try on
# PATH would be held up.)
@test "serving: a launcher that has not executed its command yet is waited for" {
  spawn strace -D -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=execve -e inject=execve:delay_enter=1000000 \
    "$allocrun" -- /usr/bin/sleep 600
  eventually grep -qx allocrun "/proc/$pid/comm"
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_process .name sleep
  expect_finding preload-effective ok "$(build_of jemalloc)"
}

@test "serving: the child of a fork has lost jemalloc's thread, and that is said" {
  local child
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=background_thread:true "$python" -c \
    'import os, time; os.fork(); time.sleep(600)'
  eventually has_children "$pid" 1
  child=$(children_of "$pid")
  check --pid "$pid" --only options-in-force --fail-on warn
  expect_status 1
  expect_finding options-in-force ok background_thread:true
  expect_finding options-in-force warn "there is no such thread in it" "${child% }"
  expect_process .purge_threads 1
}

@test "serving: mimalloc, and its options" {
  start env LD_PRELOAD="$mimalloc" MIMALLOC_PURGE_DELAY=77 sleep 600
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding preload-effective ok "$(build_of mimalloc)"
  expect_finding options-in-force ok purge_delay:77
  expect_process .options_evidence proved
}

@test "serving: options that differ from the launch record fail, and both are named" {
  unset ALLOCRUN_RECORD
  [ -w /run ] || skip "needs /run to leave a record in"
  # shellcheck disable=SC2016 # expanded by the wrapper
  start "$allocrun" -- bash -c 'MALLOC_CONF=narenas:7 exec sleep 600'
  eventually is_past "$pid" bash
  check --pid "$pid" --only "$both"
  expect_status 2
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding options-in-force fail "narenas:7, launched with"
}

@test "serving: of two allocators the first serves, and the other is named" {
  start env LD_PRELOAD="$jemalloc:$mimalloc" sleep 600
  check --pid "$pid" --only "$both"
  expect_status 2
  expect_process .allocator jemalloc
  expect_finding preload-effective fail \
    "two allocators: $(build_of jemalloc) serves, loaded is $(build_of mimalloc) as well"
  start env LD_PRELOAD="$mimalloc:$jemalloc" sleep 600
  check --pid "$pid" --only "$both"
  expect_process .allocator mimalloc
  expect_finding preload-effective fail \
    "two allocators: $(build_of mimalloc) serves, loaded is $(build_of jemalloc) as well"
}

@test "serving: an allocator that is loaded too late does not serve, and is named" {
  start "$python" -c 'import ctypes, sys, time; ctypes.CDLL(sys.argv[1]); time.sleep(600)' "$mimalloc"
  eventually grep -q libmimalloc "/proc/$pid/maps"
  check --pid "$pid" --only preload-effective
  expect_status 2
  expect_process .allocator glibc
  expect_finding preload-effective fail "two allocators: glibc"
  expect_finding preload-effective fail "loaded is $(build_of mimalloc) as well"
  # The same beside ours, as a plugin does.
  start env LD_PRELOAD="$jemalloc" "$python" -c 'import ctypes, sys, time; ctypes.CDLL(sys.argv[1]); time.sleep(600)' "$mimalloc"
  eventually grep -q libmimalloc "/proc/$pid/maps"
  check --pid "$pid" --only preload-effective
  expect_process .allocator jemalloc
  expect_finding preload-effective fail "loaded is $(build_of mimalloc) as well"
}

@test "serving: a static program fails, and a static child stops no proof" {
  local kind child
  for kind in static static-pie; do
    start "$programs/pause-$kind"
    check --pid "$pid" --only preload-effective
    expect_status 2
    expect_finding preload-effective fail "a static program: nothing can be preloaded into it"
    expect_process .static true
  done
  start env LD_PRELOAD="$jemalloc" sh -c "'$programs/pause-static' & wait"
  eventually has_children "$pid" 1
  read -r child < <(children_of "$pid"; echo)
  eventually is_past "$child" sh
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding preload-effective skip "a static program" "$child"
}

# has_below PID NAME: its child is that program by now.
has_below() {
  local child
  child=$(children_of "$1")
  child=${child%% *}
  [ -n "$child" ] && [ "$(<"/proc/$child/comm")" = "$2" ]
}

@test "serving: a shell or an init in front of what was launched is no fault" {
  local record
  for record in auto none; do
    export ALLOCRUN_RECORD=$record
    spawn bash -c "'$allocrun' -- sleep 600 & wait"
    eventually has_below "$pid" sleep
    check --pid "$pid" --only "$both"
    expect_status 0
    expect_finding preload-effective skip "it stands in front of process $(children_of "$pid" | tr -d ' '), which was launched"
    expect_finding preload-effective ok "$(build_of jemalloc)" "$(children_of "$pid" | tr -d ' ')"
  done
  # Without it nothing is well.
  spawn bash -c "sleep 600; :"
  eventually has_below "$pid" sleep
  check --pid "$pid" --only preload-effective
  expect_status 2
  expect_finding preload-effective fail "malloc is glibc's own"
}

@test "serving: a value that jemalloc reads or clips in its own way is no drift" {
  unset ALLOCRUN_RECORD
  [ -w /run ] || skip "no launch record to compare with: /run cannot be written"
  start env MALLOC_CONF=oversize_threshold:1,background_thread:true,metadata_thp:auto "$allocrun" -- sleep 600
  check --pid "$pid" --only options-in-force
  expect_finding options-in-force ok "oversize_threshold:0"
  start "$allocrun" --conf narenas:0x4,dirty_decay_ms:010 -- sleep 600
  check --pid "$pid" --only options-in-force
  expect_finding options-in-force ok "proved: narenas:4, dirty_decay_ms:8"
  start "$allocrun" --conf tcache_nslots_small_max:100000,max_background_threads:9999 -- sleep 600
  check --pid "$pid" --only options-in-force
  expect_finding options-in-force warn "2048 of tcache_nslots_small_max:100000"
  expect_in observed "4 of max_background_threads:9999" "$(finding options-in-force "$pid" observed)"
}

@test "serving: a musl program has musl's malloc" {
  start "$programs/pause-musl"
  check --pid "$pid" --only preload-effective
  expect_status 2
  expect_finding preload-effective fail "malloc is musl's own"
}

@test "serving: a program that is not position-independent" {
  start env LD_PRELOAD="$jemalloc" "$programs/pause-no-pie"
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)"
}

@test "serving: the whole tree is looked at, and the child that differs is named" {
  start env LD_PRELOAD="$jemalloc" sh -c 'env -u LD_PRELOAD sleep 600 & sleep 600 & wait'
  eventually has_children "$pid" 2
  local -a children
  read -ra children < <(children_of "$pid"; echo)
  eventually is_past "${children[0]}" sh env
  eventually is_past "${children[1]}" sh env
  check --pid "$pid" --only "$both" --fail-on warn
  expect_status 1
  expect_equal processes 3 "$(jq .processes.count <<<"$json")"
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding preload-effective warn "this child runs without the allocator; its environment has no LD_PRELOAD" "${children[0]}"
  expect_finding preload-effective ok "$(build_of jemalloc)" "${children[1]}"
}

@test "serving: --children drop: a child without the allocator is as it was meant" {
  unset ALLOCRUN_RECORD
  start "$allocrun" --children drop -- sh -c 'sleep 600 & wait'
  eventually has_children "$pid" 1
  local -a children
  read -ra children < <(children_of "$pid"; echo)
  eventually is_past "${children[0]}" sh
  check --pid "$pid" --only "$both" --fail-on warn
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding preload-effective skip "not all children have the allocator (--children drop)" "${children[0]}"
}

# As a supervisor does that starts its workers in an environment of its own.
@test "serving: a worker that was started with a scrubbed environment is named" {
  local worker
  start "$allocrun" -- sh -c 'env -i sleep 600 & wait'
  eventually has_children "$pid" 1
  read -r worker < <(children_of "$pid"; echo)
  eventually is_past "$worker" sh env
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding preload-effective warn "this child runs without the allocator; its environment has no LD_PRELOAD" "$worker"
  launch --check --pid "$pid" --only "$both" --fail-on warn --quiet
  expect_status 1
  expect_out "process $worker sleep"
}

runs_with_narenas_7() {
  check --pid "$1" --only "$both"
  [ "$(process '.environment.MALLOC_CONF' "$1")" = narenas:7 ]
}

@test "serving: the environment is read where libc has it, not where a title overwrote it" {
  start env LD_PRELOAD="$jemalloc" "$python" -c 'import os, time; os.environ["MALLOC_CONF"] = "narenas:7"; time.sleep(600)'
  eventually runs_with_narenas_7 "$pid"
  expect_process .environment_evidence proved
  expect_not_in "/proc/$pid/environ" narenas:7 "$(tr '\0' ' ' <"/proc/$pid/environ")"
}

@test "serving: control characters in a name do not reach the terminal" {
  local name=$BATS_TEST_TMPDIR/$'sl\e[31mee\np'
  cp "$(command -v sleep)" "$name"
  start "$name" 600
  launch --check --pid "$pid" --only "$both" --verbose
  expect_out 'sl\x1b[31mee\x0ap'
  expect_not_in "$ran" $'\e' "$out"
}

@test "serving: ALLOCRUN=off is no fault, and is said" {
  start env ALLOCRUN=off "$allocrun" -- sleep 600
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding preload-effective skip "the kill switch, ALLOCRUN=off"
  # In the default text and in a health check's line too.
  launch --check --pid "$pid" --only "$both"
  expect_out "the kill switch, ALLOCRUN=off"
  launch --check --pid "$pid" --only "$both" --quiet
  expect_status 0
  expect_out "the kill switch, ALLOCRUN=off"
  # Not the variable counts, but what serves.
  start env ALLOCRUN=off LD_PRELOAD="$jemalloc" sleep 600
  check --pid "$pid" --only preload-effective
  expect_finding preload-effective ok "$(build_of jemalloc)"
}

@test "serving: processes that come and go meanwhile" {
  start env LD_PRELOAD="$jemalloc" sh -c 'while :; do /bin/true; done'
  for _ in 1 2 3 4 5; do
    check --pid "$pid" --only preload-effective
    expect_status 0
    expect_finding preload-effective ok "$(build_of jemalloc)"
  done
}

@test "serving: no such process, and one that was not reaped" {
  true &
  pid=$!
  wait "$pid"
  check --pid "$pid" --only preload-effective
  expect_status 3
  expect_in "$ran" "there is no process $pid" "$out"
  # Its parent never waits for it.
  # shellcheck disable=SC2016
  start perl -e 'my $child = fork; exit 0 if !$child; sleep 600'
  eventually has_children "$pid" 1
  local zombie
  read -r zombie < <(children_of "$pid"; echo)
  eventually grep -q '^State:.*Z' "/proc/$zombie/status"
  check --pid "$zombie" --only preload-effective
  expect_finding preload-effective skip zombie "$zombie"
  # A server that has ended is not a healthy one.
  expect_status 3
  expect_in "$ran" "PID $zombie: it has ended and waits for its parent" "$out"
}

# --- the file behind it ------------------------------------------------------

@test "serving: a library that was replaced since warns, and asks for a restart" {
  make_prefix
  start "$other/bin/allocrun" -- sleep 600
  # As an upgrade does: another file takes the name.
  cp "$(other_library jemalloc)" "$(other_library jemalloc).new"
  mv "$(other_library jemalloc).new" "$(other_library jemalloc)"
  attempt "$other/bin/allocrun" --check --format json --pid "$pid" --only "$both" --fail-on warn
  json=$out
  expect_status 1
  expect_finding preload-effective warn "from a file that was replaced or removed since"
  expect_in fix "restart the server" "$(finding preload-effective "$pid" fix)"
  expect_process '.libraries[0].deleted' true
  # Its options are still those of this very build.
  expect_finding options-in-force ok proved:
  # And the check of another prefix, with an untouched file of the same build, agrees.
  check --pid "$pid" --only "$both"
  expect_finding preload-effective warn "from a file that was replaced"
}

@test "serving: a library in our place that is not ours fails" {
  make_prefix
  cp "$libraries/libmymalloc.so" "$(other_library jemalloc)"
  start env LD_PRELOAD="$(other_library jemalloc)" sleep 600
  attempt "$other/bin/allocrun" --check --format json --pid "$pid" --only "$both"
  json=$out
  expect_status 2
  expect_finding preload-effective fail "is not the allocrun build that it claims to be"
  expect_process '.libraries[0].impostor' true
}

@test "serving: a library that has our build ID, and is another, fails and proves nothing" {
  local fake=$BATS_TEST_TMPDIR/libfake.so
  gcc -shared -fPIC -DMARKS -Wl,--build-id="0x$(readelf -n "$jemalloc" | awk '/Build ID/ { print $3 }')" \
    -o "$fake" "$BATS_TEST_DIRNAME/programs/mymalloc.c"
  start env LD_PRELOAD="$fake" sleep 600
  check --pid "$pid" --only "$both"
  expect_status 2
  [ "$(finding preload-effective)" = fail ] || fails "$ran" "fail" "$(finding preload-effective "$pid" observed)"
  expect_process '.libraries[0].impostor' true
  expect_process .options_evidence assumed
}

@test "serving: a program that was started through the loader is not static" {
  local loader
  loader=$(readelf -l /bin/sleep | sed -n 's/.*program interpreter: \(.*\)]/\1/p')
  start env LD_PRELOAD="$jemalloc" "$loader" /bin/sleep 600
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding options-in-force ok proved:
  # musl's loader is its libc, and has its list behind a pointer.
  loader=$(readelf -l "$programs/pause-musl" | sed -n 's/.*program interpreter: \(.*\)]/\1/p')
  start "$loader" "$programs/pause-musl"
  check --pid "$pid" --only preload-effective
  expect_finding preload-effective fail "malloc is musl's own"
}

@test "serving: somebody else's malloc is named, and is not ours" {
  start env LD_PRELOAD="$libraries/libmymalloc.so" sleep 600
  check --pid "$pid" --only "$both" --fail-on warn
  expect_status 1
  expect_finding preload-effective warn "libmymalloc.so ($(readlink -f "$libraries/libmymalloc.so")), which is none of allocrun's builds"
  expect_process .allocator libmymalloc.so
}

@test "serving: a copy of our very build elsewhere is ours, by its build ID" {
  local copy=$BATS_TEST_TMPDIR/libother.so
  cp "$jemalloc" "$copy"
  start env LD_PRELOAD="$copy" sleep 600
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding options-in-force ok proved:
}
