#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# Every build of the manifest, preloaded into programs that were written to break it.

load helpers

setup_file() {
  compile_programs "$BATS_FILE_TMPDIR"
}
bin() { printf '%s/%s\n' "$BATS_FILE_TMPDIR" "$1"; }

says_ok() {
  local id=$1
  shift
  with_build "$id" "$@"
  assert_equal "${lines[-1]}" ok "last line of $(basename "$1")"
}

served_by_the_wrong_one() {
  run env EXPECT_LIBRARY="$(library_of "$1")" "$(bin malloc_family)"
  assert_status 1
  assert_contains "$output" 'malloc comes from'
}
@test "programs: without the preload they fail, so that a pass means something" { each_build served_by_the_wrong_one; }

malloc_family() { says_ok "$1" "$(bin malloc_family)"; }
@test "malloc family: alignment, zero sizes, overflow, contents, libc's own allocations, 5 GiB" { each_build malloc_family; }

operators() { says_ok "$1" "$(bin operators)"; }
@test "C++: every operator new and delete; bad_alloc, nothrow and new_handler as the language has them" { each_build operators; }

plugins() {
  says_ok "$1" "$(bin load_plugin)" "$(bin plugin.so)"
  says_ok "$1" "$(bin load_plugin)" "$(bin plugin_static.so)"
  says_ok "$1" "$(bin load_plugin)" "$(bin plugin.so)" "$(bin plugin_static.so)"
}
@test "C++: out of memory in a library that a C program loads privately is thrown and caught there" { each_build plugins; }

no_runtime() {
  local lib
  lib=$(library_of "$1")
  run bash -c "ulimit -c 0; LD_PRELOAD='$lib' EXPECT_LIBRARY='$lib' timeout 60 '$(bin load_plugin)' 2>&1 >/dev/null"
  assert_status 134
  assert_equal "$(grep -c 'operator new: out of memory, and no C++ runtime' <<<"$output")" 1 'lines that say why'
}
@test "C++: a throwing new in a process without a C++ runtime ends it with one line" { each_build no_runtime; }

forking() { says_ok "$1" "$(bin fork_threads)"; }
@test "fork: with threads allocating, children and grandchildren live" { each_build forking; }

forking_with_background_thread() {
  MALLOC_CONF=background_thread:true,dirty_decay_ms:10 says_ok "$1" "$(bin fork_threads)"
}
@test "fork: the same with background threads and fast decay" { each_build forking_with_background_thread; }

storm() { says_ok "$1" "$(bin thread_storm)"; }
@test "threads: 10,000 short ones, blocks freed by others, nothing piles up" { each_build storm; }

dlopening() { says_ok "$1" "$(bin dlopen_close)" "$(bin plugin.so)"; }
@test "dlopen and dlclose: 800 times on four threads, and the library itself by its path" { each_build dlopening; }

out_of_memory() {
  says_ok "$1" "$(bin out_of_memory)" big
  says_ok "$1" "$(bin out_of_memory)" thread
  says_ok "$1" "$(bin out_of_memory)" small
}
@test "out of memory: NULL and ENOMEM under RLIMIT_AS, and life goes on" { each_build out_of_memory; }

# jemalloc keeps freed address space for itself by default, which only a process
# with an address space limit ever notices.
space_returns() {
  MALLOC_CONF=retain:false,dirty_decay_ms:0,muzzy_decay_ms:0 says_ok "$1" "$(bin out_of_memory)" released
}
@test "out of memory: freed address space can be mapped by others (jemalloc: retain:false)" { each_build space_returns; }

configuration() {
  case $(value_of "$1" allocator) in
    jemalloc)
      MALLOC_CONF=background_thread:true with_build "$1" "$(bin jemalloc_config)"
      assert_contains "$output" "version $(value_of "$1" version)-0-g"
      assert_contains "$output" "arenas.page $(value_of "$1" page_size)"
      assert_contains "$output" 'arenas.hugepage 2097152'
      assert_contains "$output" 'config.stats true'
      assert_contains "$output" 'config.debug false'
      assert_contains "$output" 'opt.background_thread true'
      assert_contains "$output" $'\nbackground_thread true'
      ;;
    mimalloc)
      with_build "$1" "$(bin mimalloc_config)"
      assert_contains "$output" 'version 30500'
      assert_contains "$output" 'stats json'
      ;;
  esac
}
@test "configuration: page size, huge page size and version are the recipe's, stats are in" { each_build configuration; }
