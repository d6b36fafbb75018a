#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# The libraries as files: what they need, what they carry, what they must not.

load helpers

is_x86='.machine == "x86_64"'

is_for_its_machine() {
  local header machine
  header=$(readelf -hW "$(library_of "$1")")
  case $(value_of "$1" machine) in
    x86_64) machine='Advanced Micro Devices X86-64' ;;
    aarch64) machine=AArch64 ;;
  esac
  assert_equal "$(sed -n 's/^ *Machine: *//p' <<<"$header")" "$machine" machine
  assert_equal "$(sed -n 's/^ *Class: *//p' <<<"$header")" ELF64 class
  assert_equal "$(sed -n 's/^ *Type: *//p' <<<"$header")" 'DYN (Shared object file)' type
}
@test "elf: is a library for the machine in the manifest" { each_build is_for_its_machine; }

needs_little() {
  local needed
  for needed in $(readelf -dW "$(library_of "$1")" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case $(value_of "$1" libc)/$needed in
      glibc/libc.so.6 | glibc/libm.so.6 | glibc/libpthread.so.0 | glibc/libdl.so.2 | glibc/ld-linux-*) ;;
      musl/libc.so) ;;
      *) fail "needs $needed" ;;
    esac
  done
}
@test "elf: needs nothing but libc and its parts, no libstdc++, no libgcc" { each_build needs_little; }

newest_glibc() {
  local newest
  newest=$(readelf -VW "$(library_of "$1")" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
  assert_equal "${newest#GLIBC_}" "$(value_of "$1" min_glibc)" 'min_glibc of the manifest'
  assert_equal "$(printf '%s\n' "${newest#GLIBC_}" 2.28 | sort -V | tail -n 1)" 2.28 'newest glibc version needed'
}
@test "elf: loads with glibc 2.28, and the manifest says from which" { each_build --where "$is_glibc" newest_glibc; }

# What came with musl 1.2.3, or is glibc's alone, would keep the loader of Alpine 3.14
# (musl 1.2.2, 2021) from loading the library at all.
nothing_newer_of_musl() {
  run bash -c "readelf --dyn-syms -W '$(library_of "$1")' | awk '\$7 == \"UND\" { print \$8 }' | grep -E '@|_chk\$|^(qsort_r|pthread_getname_np|__register_atfork)\$'"
  assert_equal "$output" '' 'functions that musl 1.2.2 lacks'
}
@test "elf: musl builds ask nothing of glibc, nor of a musl newer than 1.2.2" { each_build --where '.libc == "musl"' nothing_newer_of_musl; }

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
  run readelf -nW "$(library_of "$1")"
  assert_contains "$output" 'x86 ISA needed: x86-64-v2'
}
@test "elf: x86_64 builds name the CPU level that they need" { each_build --where "$is_x86" says_its_cpu; }

uses_only_baseline_cpu() {
  local newer='^(v[a-z0-9]+|shlx|shrx|sarx|rorx|mulx|andn|bzhi|pdep|pext|blsr|blsi|blsmsk|bextr|lzcnt|movbe)$'
  # AVX, AVX2 and AVX-512 begin with v; the rest is BMI, LZCNT and MOVBE. (Not tzcnt:
  # older CPUs run its bytes as bsf, and compilers use it where that is the same.)
  run bash -c "objdump -d --no-show-raw-insn '$(library_of "$1")' | awk -F '\t' 'NF > 1 { split(\$2, i, \" \"); print i[1] }' | sort -u"
  assert_status 0
  assert_contains "$output" ret
  assert_equal "$(grep -E "$newer" <<<"$output")" '' 'instructions above x86-64-v2'
}
@test "elf: no instruction above x86-64-v2" { each_build --where "$is_x86" uses_only_baseline_cpu; }

# Places that the loader fills with an offset from the thread pointer, none with a
# module's number or a function to ask.
initial_exec_tls() {
  local relocations
  relocations=$(readelf -rW "$(library_of "$1")" | awk '$3 ~ /^R_/ { print $3 }' | sort -u)
  [[ $relocations =~ R_X86_64_TPOFF64|R_AARCH64_TLS_TPREL ]] || fail 'no thread-local data' "$relocations"
  assert_equal "$(grep -E 'TLSDESC|DTPMOD|DTPOFF|DTPREL' <<<"$relocations")" '' 'relocations'
  assert_lacks "$(nm -D "$(library_of "$1")")" __tls_get_addr
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

# What a program could call or replace by accident is what the allocator is for.
exports() {
  local names='malloc|calloc|realloc|reallocarray|reallocf|free|cfree|free_sized|free_aligned_sized|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|vfree|malloc_usable_size|malloc_size|malloc_good_size|reallocarr|_aligned_malloc|_init|_fini|_Z(n[aw]|d[al])[A-Za-z0-9_]*|__libc_[a-z]+|__posix_memalign'
  local upstreams
  case $(value_of "$1" allocator) in
    jemalloc) upstreams='(mallctl|mallctlbymib|mallctlnametomib|[mrxsdn]allocx|sdallocx|malloc_(conf|conf_2_conf_harder|message|stats_print)|je_test_hooks_[a-z_]+)' ;;
    mimalloc) upstreams='_?mi_[a-z0-9_]+' ;;
  esac
  run bash -c "nm -D --defined-only '$(library_of "$1")' | awk '{ print \$3 }' | sed 's/@.*//' | grep -vxE '$names|$upstreams'"
  assert_equal "$output" '' 'names that are neither of malloc nor of the allocator'
}
@test "elf: exports the names of malloc, of C++ and of the allocator, and no others" { each_build exports; }

debug_information() {
  local lib debug sections
  lib=$(library_of "$1") debug=$libdir/$(value_of "$1" debug_file)
  sections=$(readelf -SW "$debug")
  assert_contains "$sections" .debug_info
  assert_contains "$sections" .debug_line
  assert_contains "$(readelf -p .gnu_debuglink "$lib")" "$(basename "$debug")" 'the library names its debug file'
  run readelf -z -p .debug_line_str -p .debug_str "$debug"
  assert_status 0
  assert_contains "$output" malloc
  assert_lacks "$output" "$repo_dir"
  assert_lacks "$output" "$prefix"
  assert_lacks "$output" /tmp.
}
@test "elf: the debug file has what a debugger wants, and no folder of the build host" { each_build debug_information; }

# As a debugger does: the debug file is found by way of the library alone.
debugger_knows_lines() {
  local lib
  lib=$(library_of "$1")
  run addr2line -f -e "$lib" "$(nm -D "$lib" | awk '$3 == "malloc" { print "0x" $1 }')"
  assert_contains "$output" malloc
  assert_contains "$output" "/usr/src/$(value_of "$1" allocator)-$(value_of "$1" version)/"
}
@test "elf: a debugger finds the lines of malloc" { each_build --where "$is_x86" debugger_knows_lines; }

no_build_paths() {
  run strings -a "$(library_of "$1")"
  assert_status 0
  assert_lacks "$output" "$repo_dir"
  assert_lacks "$output" "$prefix"
  assert_lacks "$output" /tmp.
}
@test "elf: no folder of the build host inside" { each_build no_build_paths; }
