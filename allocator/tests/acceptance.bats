#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# Every build of the manifest, preloaded into programs that were written to break it:
# those of other machines under an emulator, those for musl in programs for musl.

load helpers

setup_file() {
  local target
  for target in $(targets); do
    compile_programs "$target" "$BATS_FILE_TMPDIR/$target" &
  done
  for target in $(targets); do wait -n; done
}
# A program, as it is for the build's target.
bin() { printf '%s/%s/%s\n' "$BATS_FILE_TMPDIR" "$(target_of "$1")" "$2"; }

# Runs a program with the build, which ends with "ok".
says_ok() {
  local id=$1 program=$2
  shift 2
  with_build "$id" "$(bin "$id" "$program")" "$@"
  assert_equal "${lines[-1]}" ok "last line of $program"
}

served_by_the_wrong_one() {
  local preloaded
  preload "$1" "$(bin "$1" malloc_family)"
  preloaded[1]=LD_PRELOAD=
  run "${preloaded[@]}"
  assert_status 1
  assert_contains "$output" 'malloc comes from'
}
@test "programs: without the preload they fail, so that a pass means something" { each_build served_by_the_wrong_one; }

# --- malloc and new ---------------------------------------------------------------

malloc_family() { says_ok "$1" malloc_family; }
@test "malloc family: alignment, zero sizes, overflow, contents, libc's own allocations, 5 GiB" { each_build malloc_family; }

# mimalloc refuses to align above 128 MiB ("requested alignment is too large").
huge() {
  case $(value_of "$1" allocator) in
    mimalloc) says_ok "$1" huge 128 ;;
    *) says_ok "$1" huge 1024 ;;
  esac
}
@test "huge: many of 1 GiB, sizes around the thresholds, alignment up to 1 GiB, growth, PTRDIFF_MAX" { each_build huge; }

operators() { says_ok "$1" operators; }
@test "C++: every operator new and delete; bad_alloc, nothrow and new_handler as the language has them" { each_build --where "$is_glibc" operators; }

operators_by_name() { says_ok "$1" operators_c; }
@test "C++: the operators called by their mangled names" {
  each_build operators_by_name
}

plugins() {
  says_ok "$1" load_plugin "$(bin "$1" plugin.so)"
  says_ok "$1" load_plugin "$(bin "$1" plugin_static.so)"
  says_ok "$1" load_plugin "$(bin "$1" plugin.so)" "$(bin "$1" plugin_static.so)"
}
@test "C++: out of memory in a library that a C program loads privately is thrown and caught there" { each_build --where "$is_glibc" plugins; }

no_runtime() {
  local preloaded
  ulimit -c 0
  preload "$1" "$(bin "$1" load_plugin)"
  run bash -c 'timeout 300 "$@" 2>&1 >/dev/null' - "${preloaded[@]}"
  assert_status 134
  assert_equal "$(grep -c 'operator new: out of memory, and no C++ runtime' <<<"$output")" 1 'lines that say why'
}
@test "C++: a throwing new in a process without a C++ runtime ends it with one line" { each_build no_runtime; }

# --- processes, threads, libraries ---------------------------------------------------

forking() { says_ok "$1" fork_threads; }
@test "fork: with threads allocating, children and grandchildren live" { each_build forking; }

forking_with_background_thread() {
  MALLOC_CONF=background_thread:true,dirty_decay_ms:10 says_ok "$1" fork_threads
}
@test "fork: the same with background threads and fast decay" { each_build --where "$is_jemalloc and $is_own_machine" forking_with_background_thread; }

storm() { says_ok "$1" thread_storm; }
@test "threads: 10,000 short ones, blocks freed by others, nothing piles up" { each_build storm; }

dlopening() {
  case $(value_of "$1" libc) in
    glibc) says_ok "$1" dlopen_close "$(bin "$1" plugin.so)" ;;
    *) says_ok "$1" dlopen_close "$(bin "$1" c_plugin.so)" ;;
  esac
}
@test "dlopen and dlclose: 800 times on four threads, and the library itself by its path" { each_build dlopening; }

# --- signals -----------------------------------------------------------------------

signal_storm() { says_ok "$1" signals storm; }
@test "signals: threads that allocate are interrupted by 1 kHz timers, SIGPROF and each other" { each_build signal_storm; }

own_threads() {
  EXPECT_THREADS=0 says_ok "$1" signals threads
  [ "$(value_of "$1" allocator)" = jemalloc ] || return 0
  MALLOC_CONF=background_thread:true EXPECT_THREADS=some says_ok "$1" signals threads
}
@test "signals: all of them reach the program's threads, none the allocator's own" { each_build own_threads; }

# --- limits ------------------------------------------------------------------------

# guest_space ID: the emulator holds a limit of its own, in MiB, in place of RLIMIT_AS.
# It looks for address space page by page: the less there is, the sooner it is through.
# mimalloc reserves a GiB at a time.
guest_space() {
  case $(value_of "$1" allocator) in
    mimalloc) echo 2304 ;;
    *) echo 384 ;;
  esac
}

out_of_memory() {
  local -x GUEST_SPACE
  GUEST_SPACE=$(guest_space "$1")
  says_ok "$1" out_of_memory big
  says_ok "$1" out_of_memory thread
  # Minutes of it in the emulator; space_returns has the small blocks there.
  is_emulated "$1" || says_ok "$1" out_of_memory small
}
@test "out of memory: NULL and ENOMEM under RLIMIT_AS, and life goes on" { each_build out_of_memory; }

# jemalloc keeps freed address space for itself by default, which only a process
# with an address space limit ever notices: for seconds it may say no again although
# most of it is free. Without decay it never does.
space_returns() {
  local -x GUEST_SPACE
  GUEST_SPACE=$(guest_space "$1")
  MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0 says_ok "$1" out_of_memory again
  MALLOC_CONF=retain:false,dirty_decay_ms:0,muzzy_decay_ms:0 says_ok "$1" out_of_memory released
}
@test "out of memory: what was freed can be had again, also by others (jemalloc: no decay, retain:false)" { each_build space_returns; }

map_count() { says_ok "$1" map_count; }
@test "out of mappings: at vm.max_map_count allocation works or says ENOMEM, and recovers" { each_build map_count; }

memory_limit() {
  local cgroup bystander
  cgroup=$(make_cgroup 256)
  # shellcheck disable=SC2064 # this one, not what the variable is later
  trap "remove_cgroup '$cgroup'" EXIT
  in_cgroup "$cgroup" sleep 300 &
  bystander=$!

  # At once: what waits for a decay counts against the limit, and on a quick machine five
  # sizes of it are more than that.
  MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0 MIMALLOC_PURGE_DELAY=0 run_in_cgroup "$cgroup" "$1" memory_limit steady 100
  assert_status 0
  assert_equal "${lines[-1]}" ok 'last line'
  assert_equal "$(oom_kills "$cgroup")" 0 'killed for memory'

  # And the limit is a limit: the process that goes beyond is killed, alone.
  run_in_cgroup "$cgroup" "$1" memory_limit grow 1000
  assert_status 137
  assert_contains "$output" ready
  assert_equal "$(oom_kills "$cgroup")" 1 'killed for memory'
  assert_equal "$(cat "$cgroup/cgroup.procs")" "$bystander" 'who is left'
}
run_in_cgroup() {
  local cgroup=$1 id=$2 program=$3 preloaded
  shift 3
  preload "$id" "$(bin "$id" "$program")" "$@"
  run in_cgroup "$cgroup" timeout --foreground --kill-after=5 120 "${preloaded[@]}"
}
@test "cgroup: under a memory limit a process that frees stays below; one that does not is killed alone" {
  [ "$(id -u)" -eq 0 ] || fail 'a cgroup can only be made as root'
  each_build memory_limit
}

# jemalloc wants threads of its own, and has to do without. root has no such limit, so
# this is another user, who keeps the right to read the library wherever it lies.
no_threads() {
  local user=54321 keep=+dac_override,+dac_read_search preloaded limit=$((1 + ${3:-0}))
  ! is_emulated "$1" || limit=$((limit + 1)) # the emulator is a process of two threads
  preload "$1" "$(bin "$1" limited_threads)" "$2"
  MALLOC_CONF=background_thread:true,dirty_decay_ms:100,muzzy_decay_ms:0 \
    timeout --signal=KILL 120 setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps "$keep" --ambient-caps "$keep" \
    prlimit --nproc="$limit" "${preloaded[@]}" >output 2>errors || fail "status $?, and the end of $(wc -l <errors) lines:" "$(tail -n 3 errors)"
  assert_equal "$(tail -n 1 output)" ok 'last line'
  [ "$(wc -l <errors)" -le 10 ] || fail "$(wc -l <errors) lines of complaint:" "$(sort errors | uniq -c | head -n 5)"
}
no_threads_first() { no_threads "$1" first; }
@test "no thread to be had (RLIMIT_NPROC): the process's first allocation and all others work" {
  each_build --one-by-one no_threads_first
}

# The same with a thread of the program's own, whose arena another thread of jemalloc's
# would look after.
no_threads_late() { no_threads "$1" late 2; }
@test "no thread to be had (RLIMIT_NPROC): nor later, when jemalloc wants one more, and it says so in few lines" {
  each_build --one-by-one --where "$is_jemalloc" no_threads_late
}

no_threads_return() { no_threads "$1" return; }
@test "no thread to be had (RLIMIT_NPROC): what was freed goes back to the kernel" {
  each_build --one-by-one no_threads_return
}

# --- heap profiles -----------------------------------------------------------------

# The profile names the function that holds the memory (4000 times 40 kB), with all of
# it, before any other.
names_the_holder() {
  local id=$1 profile=$2 tools=()
  [ -s "$profile" ] || fail "no heap profile $profile"
  ! is_emulated "$id" || tools=(--tools="$(dirname -- "$(type -P objdump)")/$(value_of "$id" machine)-linux-gnu-")
  run timeout 120 "$libdir/jeprof" "${tools[@]}" --text --show_bytes "$(bin "$id" prof_heap)" "$profile"
  assert_status 0
  if is_emulated "$id"; then
    # An emulator's list of mappings has no place for its program: the amount stands alone.
    awk '/^Total:/ { exit !($2 > 158e6 && $2 < 168e6) }' <<<"$output" || fail 'not 160 MB' "$output"
    assert_contains "$output" Total:
    return 0
  fi
  [[ $(grep '%' <<<"$output" | head -n 1) == *' a_function_that_allocates_much' ]] || fail 'another is first' "$output"
  awk '/ a_function_that_allocates_much$/ { exit !($1 > 158e6 && $1 < 168e6) }' <<<"$output" || fail 'not 160 MB' "$output"
  assert_lacks "$output" a_function_that_frees_again
}

profile_on_demand() {
  MALLOC_CONF=prof:true,prof_active:false,lg_prof_sample:12 says_ok "$1" prof_heap "$PWD/on_demand.heap"
  names_the_holder "$1" on_demand.heap
}
@test "profile: switched on and dumped by the program, names the function that holds memory" { each_build --where "$has_prof" profile_on_demand; }

profile_at_end() {
  MALLOC_CONF=prof:true,prof_final:true,lg_prof_sample:12,prof_prefix:$PWD/at_end says_ok "$1" prof_heap
  names_the_holder "$1" "$(echo "$PWD"/at_end.*.f.heap)"
}
@test "profile: written at the program's end, names the function that holds memory" { each_build --where "$has_prof" profile_at_end; }

# Stacks are unwound in the middle of everything.
profile_everywhere() {
  local -x MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:10,background_thread:true
  says_ok "$1" signals storm
  is_emulated "$1" || says_ok "$1" fork_threads
  says_ok "$1" thread_storm
  [ "$(value_of "$1" libc)" = musl ] || says_ok "$1" operators
}
@test "profile: signals, forks, threads and exceptions while every kilobyte is sampled" {
  each_build --where "$has_prof" profile_everywhere
}

# --- as it was built -----------------------------------------------------------------

configuration() {
  case $(value_of "$1" allocator) in
    jemalloc)
      MALLOC_CONF=background_thread:true with_build "$1" "$(bin "$1" jemalloc_config)"
      assert_contains "$output" "version $(value_of "$1" version)-0-g"
      assert_contains "$output" "arenas.page $(value_of "$1" page_size)"
      assert_contains "$output" 'arenas.hugepage 2097152'
      assert_contains "$output" 'config.stats true'
      assert_contains "$output" 'config.debug false'
      assert_contains "$output" "config.prof $(value_of "$1" 'features | index("prof") != null')"
      assert_contains "$output" 'opt.background_thread true'
      assert_contains "$output" $'\nbackground_thread true'
      ;;
    mimalloc)
      with_build "$1" "$(bin "$1" mimalloc_config)"
      assert_contains "$output" 'version 30500'
      assert_contains "$output" 'stats json'
      ;;
  esac
}
@test "configuration: page size, huge page size and version are the recipe's, stats are in" { each_build configuration; }
