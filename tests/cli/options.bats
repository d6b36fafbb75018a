#!/usr/bin/env bats
# Options of the allocators: profile, policy file, the user's own, the command line.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# conf KEY: its value in the MALLOC_CONF that the command found.
conf() { variable MALLOC_CONF | tr ',' '\n' | sed -n "s/^$1://p"; }

expect_conf() { expect_equal "$ran: $1 in '$(variable MALLOC_CONF)'" "$2" "$(conf "$1")"; }

@test "MALLOC_CONF malformed: warned, the rest still merged" {
  attempt env MALLOC_CONF='narenas:3,nonsense,tcache_max:8192,:5,lg_tcache_max' "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "MALLOC_CONF: 'nonsense' is not of the form key:value; left out"
  expect_err "MALLOC_CONF: ':5'"
  expect_err "MALLOC_CONF: 'lg_tcache_max'"
  expect_conf narenas 3
  expect_conf tcache_max 8192
  expect_conf muzzy_decay_ms 0
  expect_not_in MALLOC_CONF nonsense "$(variable MALLOC_CONF)"
  expect_no_err "<jemalloc>"
}

@test "MALLOC_CONF with unknown keys: warned, the rest still merged" {
  attempt env MALLOC_CONF='dirty_decay:5,narenas:3' "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "MALLOC_CONF: no jemalloc option 'dirty_decay' (did you mean 'dirty_decay_ms'?); left out"
  expect_conf narenas 3
  expect_no_err "<jemalloc>"
}

@test "MALLOC_CONF with a bad value: warned, the rest still merged" {
  attempt env MALLOC_CONF='dirty_decay_ms:soon,background_thread:maybe,narenas:3' "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "MALLOC_CONF: jemalloc option 'dirty_decay_ms' wants a number or -1, not 'soon'; left out"
  expect_err "'background_thread' wants true or false"
  expect_conf dirty_decay_ms 5000
  expect_conf narenas 3
  expect_no_err "<jemalloc>"
}

@test "MALLOC_CONF empty: as not set" {
  attempt env MALLOC_CONF= "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  expect_conf muzzy_decay_ms 0
  attempt env MALLOC_CONF=',,narenas:3,' "$allocrun" -- "$show" -
  expect_quiet
  expect_conf narenas 3
}

@test "MALLOC_CONF of the user wins over profile and policy file, --conf over it" {
  echo $'[launch]\nconf = dirty_decay_ms:1,muzzy_decay_ms:1,tcache_max:1024' >"$BATS_TEST_TMPDIR/policy"
  attempt env MALLOC_CONF=dirty_decay_ms:2,muzzy_decay_ms:2 "$allocrun" --policy "$BATS_TEST_TMPDIR/policy" --conf dirty_decay_ms:3 -- "$show" -
  expect_status 0
  expect_conf dirty_decay_ms 3
  expect_conf muzzy_decay_ms 2
  expect_conf tcache_max 1024
  expect_conf background_thread false
  attempt env ALLOCRUN_CONF=dirty_decay_ms:4,tcache_max:2048 "$allocrun" --policy "$BATS_TEST_TMPDIR/policy" --conf dirty_decay_ms:5 -- "$show" -
  expect_conf dirty_decay_ms 5
  expect_conf tcache_max 2048
}

@test "MALLOC_CONF: every key with its origin in the plan" {
  attempt env MALLOC_CONF=muzzy_decay_ms:2 "$allocrun" --conf tcache_max:2048 --explain --format json -- "$show"
  json=$out
  part() { of ".plan[] | select(.step == \"options\").parts[] | select(.name == \"$1\").why"; }
  expect_equal "origin of muzzy_decay_ms" MALLOC_CONF "$(part muzzy_decay_ms)"
  expect_equal "origin of tcache_max" --conf "$(part tcache_max)"
  expect_in "reason of narenas" "usable CPU" "$(part narenas)"
}

@test "MALLOC_CONF is in force: jemalloc says so itself" {
  launch --conf stats_print:true,stats_print_opts:mdablxe,narenas:3,dirty_decay_ms:1234 -- true
  expect_status 0
  expect_err "opt.narenas: 3"
  expect_err "opt.dirty_decay_ms: 1234"
  expect_err "opt.background_thread: false"
}

@test "--conf several times: all count, the later of equal keys wins" {
  launch --conf narenas:3 --conf tcache_max:1024,narenas:4 -- "$show" -
  expect_conf narenas 4
  expect_conf tcache_max 1024
}

@test "options off: the user's variables stay as they are" {
  attempt env MALLOC_CONF=nonsense GLIBC_TUNABLES=x=y "$allocrun" --off options -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable MALLOC_CONF nonsense
  expect_variable GLIBC_TUNABLES x=y
  expect_no_err allocrun
}

@test "mimalloc: options as variables, the user's own win" {
  launch --allocator mimalloc -- "$show" -
  expect_malloc "$(library_of mimalloc)"
  expect_no_variable MIMALLOC_PURGE_DELAY
  expect_variable ALLOCRUN_PURGE window_ms:5000,idle_ms:1500
  expect_no_variable MALLOC_CONF
  attempt env MIMALLOC_PURGE_DELAY=77 "$allocrun" --allocator mimalloc -- "$show" -
  expect_variable MIMALLOC_PURGE_DELAY 77
  launch --allocator mimalloc --mimalloc purge_delay=5,allow_thp=0 -- "$show" -
  expect_variable MIMALLOC_PURGE_DELAY 5
  expect_variable MIMALLOC_ALLOW_THP 0
}

@test "mimalloc: the user's own wins over the policy file, and makes way for what names allocrun" {
  echo $'[launch]\nmimalloc = purge_delay=6' >"$BATS_TEST_TMPDIR/policy"
  launch --allocator mimalloc --policy "$BATS_TEST_TMPDIR/policy" -- "$show" -
  expect_variable MIMALLOC_PURGE_DELAY 6
  export MIMALLOC_PURGE_DELAY=77
  launch --allocator mimalloc --policy "$BATS_TEST_TMPDIR/policy" -- "$show" -
  expect_variable MIMALLOC_PURGE_DELAY 77
  launch --allocator mimalloc --mimalloc purge_delay=5 -- "$show" -
  expect_variable MIMALLOC_PURGE_DELAY 5
  ALLOCRUN_MIMALLOC=purge_delay=4 launch --allocator mimalloc -- "$show" -
  expect_variable MIMALLOC_PURGE_DELAY 4
}

@test "mimalloc: the options are in force, it says so itself" {
  launch --allocator mimalloc --mimalloc verbose=1,purge_delay=123 -- true
  expect_status 0
  expect_match "mimalloc's own words" "purge_delay['\": ]*.*123" "$err"
}

@test "system: GLIBC_TUNABLES merged, foreign ones kept, the user's own win" {
  launch --allocator system -- "$show" -
  expect_system_malloc
  expect_variable GLIBC_TUNABLES glibc.malloc.arena_max=2
  expect_no_variable MALLOC_CONF
  attempt env GLIBC_TUNABLES=glibc.rtld.nns=4:glibc.malloc.tcache_count=0 "$allocrun" --allocator system -- "$show" -
  expect_variable GLIBC_TUNABLES glibc.rtld.nns=4:glibc.malloc.tcache_count=0:glibc.malloc.arena_max=2
  attempt env GLIBC_TUNABLES=glibc.malloc.arena_max=7 "$allocrun" --allocator system -- "$show" -
  expect_variable GLIBC_TUNABLES glibc.malloc.arena_max=7
  attempt env GLIBC_TUNABLES= "$allocrun" --allocator system -- "$show" -
  expect_variable GLIBC_TUNABLES glibc.malloc.arena_max=2
  launch --allocator system --profile memory --glibc tcache_count=3 -- "$show" -
  expect_variable GLIBC_TUNABLES glibc.malloc.arena_max=2:glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072:glibc.malloc.tcache_count=3
}

@test "system: MALLOC_ARENA_MAX of the user respected" {
  attempt env MALLOC_ARENA_MAX=5 "$allocrun" --allocator system -- "$show" -
  expect_system_malloc
  expect_no_variable GLIBC_TUNABLES
  expect_variable MALLOC_ARENA_MAX 5
}

@test "system: the user's own makes way for what names allocrun" {
  attempt env MALLOC_ARENA_MAX=5 "$allocrun" --allocator system --glibc arena_max=3 -- "$show" -
  expect_system_malloc
  expect_variable GLIBC_TUNABLES glibc.malloc.arena_max=3
  expect_no_variable MALLOC_ARENA_MAX
  attempt env GLIBC_TUNABLES=glibc.malloc.arena_max=7:glibc.rtld.nns=4 "$allocrun" --allocator system --glibc arena_max=3 -- "$show" -
  expect_variable GLIBC_TUNABLES glibc.rtld.nns=4:glibc.malloc.arena_max=3
}

@test "profiles: each starts, with the options that it documents" {
  for profile in balanced memory latency throughput embedding debug; do
    variant=
    [ "$profile" != debug ] || variant=prof
    launch --profile "$profile" -- "$show" -
    expect_malloc "$(library_of jemalloc "$variant")"
    expect_no_err "<jemalloc>"
    expect_conf background_thread false
    expect_conf oversize_threshold 1048576
  done
  launch --profile memory -- "$show" -
  expect_conf dirty_decay_ms 1000
  expect_conf tcache_max 4096
  expect_conf tcache_nslots_small_max 20
  launch --profile balanced -- "$show" -
  expect_conf dirty_decay_ms 5000
  expect_conf tcache_nslots_small_max 50
  launch --profile throughput -- "$show" -
  expect_conf dirty_decay_ms 60000
}

@test "profile debug: heap profiling is ready, and off" {
  launch --profile debug -- "$show" -
  expect_conf prof true
  expect_conf prof_active false
  expect_conf lg_prof_sample 19
  expect_quiet
}

@test "profile debug without a profiling build: the ordinary build, and said" {
  make_prefix
  edit_manifest 'del(.builds[] | select(.variant == "prof"))'
  attempt "$other/bin/allocrun" --profile debug -- "$show" -
  expect_malloc "$(other_library jemalloc)"
  expect_err "is built without it: prof, prof_active, lg_prof_sample"
  expect_not_in MALLOC_CONF prof "$(variable MALLOC_CONF)"
}

@test "narenas follows the CPUs that may be used" {
  launch -- "$show" -
  expect_conf narenas "$(nproc)"
  attempt taskset -c 0 "$allocrun" -- "$show" -
  expect_conf narenas 1
}
