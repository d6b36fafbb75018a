#!/usr/bin/env bats
# liballocpool: what holds for every build of it. Costs a minute and a half, most of it compiling and the model.
#
#   bats allocator/pool/tests             MODEL_CALLS=10000000 MODEL_SEED=1 FUZZ_SECONDS=8
# shellcheck disable=SC2154 # output is set by run
bats_require_minimum_version 1.5.0

pool=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
built=$pool/../../build/allocpool
tests=$built/tests

setup_file() { make -s -C "$pool" "-j$(nproc)" test-programs; }

# passes COMMAND...: ends, and well, whatever the sanitizers find.
passes() {
  run timeout 900 env ASAN_OPTIONS=exitcode=120 TSAN_OPTIONS=exitcode=123 UBSAN_OPTIONS=print_stacktrace=1 "$@"
  [ "$status" -eq 0 ] || { echo "$* ended with status $status:"; echo "$output"; return 1; }
}

@test "pool: rows come and go; every misuse is an error" { passes "$tests/rows"; }
@test "pool: select and commit" { passes "$tests/select"; }
@test "pool: memory is prepared, moved together and given back; limits of addresses, data and mappings; fork" { passes "$tests/memory"; }
@test "pool: dump and load; a file with any bit changed is refused" { passes "$tests/dump"; }

@test "pool: every form of the scan sees the same rows" {
  passes "$tests/scan"
  [[ $output == *", 0 differences" ]]
  [[ $(uname -m) != x86_64 || $output != *" 0 other forms"* ]] || ! grep -qw avx2 /proc/cpuinfo
}

@test "pool: the NEON form sees the same rows as the scalar one" {
  local emulator=(qemu-aarch64-static)
  [ "$(uname -m)" != aarch64 ] || emulator=()
  passes "${emulator[@]}" "$tests/scan-aarch64"
  [ "$output" = "best: neon; 1 other forms, 0 differences" ]
}

@test "pool: ten million calls are as the model has them" { passes "$tests/model" "${MODEL_CALLS:-10000000}" ${MODEL_SEED:+"$MODEL_SEED"}; }

@test "pool: a fuzzer finds no call that the model has otherwise" {
  mkdir -p "$built/corpus" "$built/crashes"
  passes "$tests/model-fuzz" -max_total_time="${FUZZ_SECONDS:-8}" -max_len=4096 -timeout=20 -print_final_stats=1 \
    -artifact_prefix="$built/crashes/" "$built/corpus"
  [ "$(sed -n 's/^stat::number_of_executed_units: *//p' <<<"$output")" -gt 500 ] || { echo "$output"; return 1; }
}

@test "pool: its contract under a reader-writer lock, says ThreadSanitizer" { passes "$tests/threads"; }

@test "pool: a row that is written while it is saved is dirty again, or saved" { passes "$tests/marks"; }

@test "pool: the C++ header, as C++17 and as C++20" {
  passes "$tests/cxx17"
  passes "$tests/cxx20"
}

# Its map, its rows and what was looked up are held against each other at the end.
@test "pool: the example: lookups from four threads while it evicts, holds its cap and moves rows" {
  passes "$tests/example" rows=200000 seconds=5 cap=50
  [[ $output == *$'\n''whole: 0 wrong values' ]]
  [ "$(sed -n 's/^\([0-9]*\) evicted in .*/\1/p' <<<"$output")" -gt 90000 ]
}

@test "pool: the same shared library serves a musl program" { passes "$tests/musl"; }

@test "pool: from Python: the library and the layout of the header's structs" {
  passes python3 -B "$pool/tests/binding.py" "$built/liballocpool.so.1"
  [[ $output == "100 evicted, "* ]]
}

@test "pool: no compiler warns of the headers, as C99 to C2x and C++11 to C++20" {
  local standard all=(-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wcast-align -Wundef
    -Wmissing-declarations -pedantic-errors -Werror -O2 -I"$pool" -c -o "$BATS_TEST_TMPDIR/header.o")
  for standard in c99 c11 c17 c2x; do
    gcc "-std=$standard" "${all[@]}" "$pool/tests/header.c"
    clang-14 "-std=$standard" "${all[@]}" "$pool/tests/header.c"
  done
  for standard in c++11 c++14 c++17 c++20; do
    g++ "-std=$standard" "${all[@]}" -Wold-style-cast -Wzero-as-null-pointer-constant -x c++ "$pool/tests/header.c"
    clang++-14 "-std=$standard" "${all[@]}" -Wold-style-cast -x c++ "$pool/tests/header.c"
  done
}

@test "pool: it exports what the header declares, versioned, and names no libc" {
  run ! grep NEEDED <(readelf -dW "$built/liballocpool.so.1")
  diff <(nm -D --defined-only "$built/liballocpool.so.1" | awk '$2 == "T" { print $3 }' | sort) \
    <(grep -v inline "$pool/allocpool.h" | grep -oE '\ballocpool_[a-z_]+\(' | grep -oE 'allocpool_[a-z_]+' | sort -u |
      grep -vE '^allocpool_(check_row|check_bit|bit_[a-z]+|pointer|touch|mark_dirty[a-z_]*|is_dirty|clear_dirty|pin|unpin)$' | sed 's/$/@@ALLOCPOOL_1/')
}

@test "pool: installed anywhere, a program finds it by pkg-config; moved, too; the same bytes each time" {
  local place=$BATS_TEST_TMPDIR/first flags
  make -s -C "$pool" install ROOT="$place"
  mv "$place" "$BATS_TEST_TMPDIR/moved"
  make -s -C "$pool" install ROOT="$place"
  diff -r "$place" "$BATS_TEST_TMPDIR/moved"
  rm -r "$place"
  place=$BATS_TEST_TMPDIR/moved
  read -ra flags <<<"$(PKG_CONFIG_PATH=$place/lib/pkgconfig pkg-config --cflags --libs allocpool)"
  gcc -Wall -Werror -o "$BATS_TEST_TMPDIR/program" "$pool/tests/musl.c" "${flags[@]}"
  passes env LD_LIBRARY_PATH="$place/lib" "$BATS_TEST_TMPDIR/program"
  gcc -Wall -Werror -o "$BATS_TEST_TMPDIR/static" "$pool/tests/musl.c" -I"$place/include" "$place/lib/liballocpool.a"
  passes "$BATS_TEST_TMPDIR/static"
  [ "$(PKG_CONFIG_PATH=$place/lib/pkgconfig pkg-config --modversion allocpool)" = "$(sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' "$pool/../../launcher/version.h")" ]
}
