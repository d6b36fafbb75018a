#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# The libraries as files: what they need, what they carry, what they must not.

load helpers

needs_little() {
  local needed
  for needed in $(readelf -dW "$(library_of "$1")" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case $needed in
      libc.so.6 | libm.so.6 | libpthread.so.0 | libdl.so.2 | ld-linux-*) ;;
      *) fail "needs $needed" ;;
    esac
  done
}
@test "elf: needs nothing but libc and its parts, no libstdc++" { each_build needs_little; }

newest_glibc() {
  local newest
  newest=$(readelf -VW "$(library_of "$1")" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
  assert_equal "${newest#GLIBC_}" "$(value_of "$1" min_glibc)" 'min_glibc of the manifest'
  assert_equal "$(printf '%s\n' "${newest#GLIBC_}" 2.28 | sort -V | tail -n 1)" 2.28 'newest glibc version needed'
}
@test "elf: loads with glibc 2.28, and the manifest says from which" { each_build newest_glibc; }

no_cxx_symbols() {
  run readelf -W --dyn-syms "$(library_of "$1")"
  assert_status 0
  assert_lacks "$output" GLIBCXX
  assert_lacks "$output" CXXABI
}
@test "elf: needs no symbol of a C++ runtime" { each_build no_cxx_symbols; }

all_operators() {
  run nm -D --defined-only "$(library_of "$1")"
  assert_status 0
  assert_equal "$(grep -cE ' T _Z(n[aw]|d[al])' <<<"$output")" 20 'operators new and delete'
  assert_equal "$(grep -c ' _Z' <<<"$output")" 20 'C++ symbols in all'
}
@test "elf: defines all 20 operators new and delete, and nothing else of C++" { each_build all_operators; }

aligned_to_its_page() {
  local align
  for align in $(readelf -lW "$(library_of "$1")" | awk '$1 == "LOAD" { print $NF }'); do
    assert_equal "$((align))" "$(value_of "$1" page_size)" 'segment alignment'
  done
}
@test "elf: segments are aligned to the page size in the manifest" { each_build aligned_to_its_page; }

loads_safely() {
  local dynamic headers
  dynamic=$(readelf -dW "$(library_of "$1")")
  headers=$(readelf -lW "$(library_of "$1")")
  assert_contains "$dynamic" BIND_NOW
  assert_contains "$dynamic" NODELETE
  assert_contains "$dynamic" "soname: [$(basename "$(library_of "$1")")]"
  assert_lacks "$dynamic" TEXTREL
  assert_lacks "$dynamic" RPATH
  assert_lacks "$dynamic" RUNPATH
  assert_contains "$headers" GNU_RELRO
  assert_lacks "$(grep GNU_STACK <<<"$headers")" RWE
}
@test "elf: bound at load, never unloaded, no rpath, no executable stack, its own soname" { each_build loads_safely; }

says_its_cpu() {
  [ "$(value_of "$1" machine)" = x86_64 ] || return 0
  run readelf -nW "$(library_of "$1")"
  assert_contains "$output" 'x86 ISA needed: x86-64-v2'
}
@test "elf: x86_64 builds name the CPU level that they need" { each_build says_its_cpu; }

uses_only_baseline_cpu() {
  local newer='^(v[a-z0-9]+|shlx|shrx|sarx|rorx|mulx|andn|bzhi|pdep|pext|blsr|blsi|blsmsk|bextr|lzcnt|movbe)$'
  [ "$(value_of "$1" machine)" = x86_64 ] || return 0
  # AVX, AVX2 and AVX-512 begin with v; the rest is BMI, LZCNT and MOVBE. (Not tzcnt:
  # older CPUs run its bytes as bsf, and compilers use it where that is the same.)
  run bash -c "objdump -d --no-show-raw-insn '$(library_of "$1")' | awk -F '\t' 'NF > 1 { split(\$2, i, \" \"); print i[1] }' | sort -u"
  assert_status 0
  assert_contains "$output" ret
  assert_equal "$(grep -E "$newer" <<<"$output")" '' 'instructions above x86-64-v2'
}
@test "elf: no instruction above x86-64-v2" { each_build uses_only_baseline_cpu; }

initial_exec_tls() {
  run readelf -dW "$(library_of "$1")"
  assert_contains "$output" STATIC_TLS
  run nm -D "$(library_of "$1")"
  assert_lacks "$output" __tls_get_addr
}
@test "elf: thread-local data by the initial-exec model" { each_build initial_exec_tls; }

symbols_for_the_auditor() {
  run nm "$(library_of "$1")"
  assert_status 0
  case $(value_of "$1" allocator) in
    jemalloc) for name in je_opt_narenas je_opt_background_thread je_opt_dirty_decay_ms; do assert_contains "$output" " $name"; done ;;
    mimalloc) assert_contains "$output" ' mi_options' ;;
  esac
  run readelf -SW "$(library_of "$1")"
  assert_lacks "$output" .debug_
}
@test "elf: option variables are in .symtab, debug information is not" { each_build symbols_for_the_auditor; }

no_build_paths() {
  run strings -a "$(library_of "$1")"
  assert_status 0
  assert_lacks "$output" "$repo_dir"
  assert_lacks "$output" "$prefix"
  assert_lacks "$output" /tmp.
}
@test "elf: no folder of the build host inside" { each_build no_build_paths; }
