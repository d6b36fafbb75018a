#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# The purge thread in every build of the manifest: where it is, where it is not, and that it
# harms nobody. STORM_SECONDS (3) and PEAKS (1) make it longer.

load helpers

setup_file() {
  local target
  for target in $(targets); do
    compile_programs "$target" "$BATS_FILE_TMPDIR/$target" &
  done
  for target in $(targets); do wait -n; done
}
bin() { printf '%s/%s/%s\n' "$BATS_FILE_TMPDIR" "$(target_of "$1")" "$2"; }

# Eager, so that a test waits little; the clocks of the allocators stay as the launcher has them.
export ALLOCRUN_PURGE=window_ms:500,idle_ms:200
export MALLOC_CONF=dirty_decay_ms:5000,muzzy_decay_ms:0,narenas:2,oversize_threshold:1048576

says_ok() {
  local id=$1
  shift
  with_build "$id" "$(bin "$id" purge)" "$@"
  assert_equal "$output" ok "what purge $* says"
}

small() { says_ok "$1" small; }
@test "purge: kind A: a small heap has no thread, however busy it is" { each_build small; }

idle_small() { says_ok "$1" idle 400; }
@test "purge: what was freed is back when the process idles, in the child of a fork too (small blocks)" { each_build idle_small; }
idle_big() { says_ok "$1" idle 2000000; }
@test "purge: the same with blocks of 2 MB" { each_build idle_big; }

storm() { says_ok "$1" storm "${STORM_SECONDS:-3}"; }
@test "purge: threads allocate while others fork, and fork again: nobody hangs, each child purges" {
  ALLOCRUN_PURGE=window_ms:100,idle_ms:50 each_build storm
}

closed() { says_ok "$1" closed; }
@test "purge: a process that closes all its descriptors" { each_build closed; }

exits() { says_ok "$1" exit; }
@test "purge: a process that ends while the thread is at work" {
  local i
  for i in 1 2 3; do ALLOCRUN_PURGE=window_ms:100,idle_ms:50 each_build exits; done
}

user() { says_ok "$1" user; }
@test "purge: kind A: groups and user are changed in a process that has the thread" {
  [ "$(id -u)" -eq 0 ] || fail 'only root can change them'
  each_build --where "$is_own_machine" user
}

arenas() { says_ok "$1" arenas; }
@test "purge: arenas of the program's own keep their decay, and are destroyed under the thread" {
  ALLOCRUN_PURGE=window_ms:100,idle_ms:50 each_build --where "$is_jemalloc" arenas
}

alone() {
  local user=54321 keep=+dac_override,+dac_read_search preloaded
  preload "$1" "$(bin "$1" purge)" alone
  timeout --signal=KILL 120 setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps "$keep" --ambient-caps "$keep" \
    prlimit --nproc=1 "${preloaded[@]}" >output 2>errors || fail "status $?" "$(cat errors)"
  assert_equal "$(cat output errors)" ok 'what it says'
}
@test "purge: kind A: no thread to be had (RLIMIT_NPROC): not a word, and all works" {
  each_build --one-by-one --where "$is_own_machine" alone
}

unwanted() {
  local variables
  for variables in ALLOCRUN_PURGE= ALLOCRUN_PURGE=window_ms:500 ALLOCRUN_PURGE=nonsense,window_ms:x,:,idle_ms; do
    case $variables in
      *=window_ms*) variables+=" MALLOC_CONF=background_thread:true MIMALLOC_PURGE_DELAY=0" ;;
    esac
    preload "$1" sh -c 'tr "\0" "\n" </proc/$$/environ | grep -c ^LD_PRELOAD'
    # shellcheck disable=SC2086 # several words
    run env $variables "${preloaded[@]}"
    assert_status 0
  done
}
@test "purge: options that make no sense are no reason to complain" { each_build --where "$runs_here" unwanted; }

# --- a memory limit -----------------------------------------------------------------

# The shapes that a second peak can have; each was killed under "balanced" before.
peaks() {
  local size i cgroup preloaded
  cgroup=$(make_cgroup 512)
  # shellcheck disable=SC2064 # this one, not what the variable is later
  trap "remove_cgroup '$cgroup'" EXIT
  for ((i = 0; i < ${PEAKS:-1}; i++)); do
    for size in 4000000 60000 400000000; do
      preload "$1" "$(bin "$1" purge)" peak "$size"
      run in_cgroup "$cgroup" env MALLOC_CONF="${MALLOC_CONF/5000/1000}" timeout --foreground --kill-after=5 120 "${preloaded[@]}"
      assert_status 0
    done
  done
}
@test "purge: a second peak under a memory limit, of other sizes than the first" {
  [ "$(id -u)" -eq 0 ] || fail 'a cgroup can only be made as root'
  each_build --one-by-one --where "$is_own_machine" peaks
}
