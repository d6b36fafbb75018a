#!/usr/bin/env bats
# LD_PRELOAD: ours first, then what was there in its order, never two allocators, each
# removal said.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() {
  ours=$(library_of jemalloc)
  tcmalloc=$libraries/libtcmalloc_minimal.so.4
  gomp=$libraries/libgomp.so.1
  iomp=$libraries/libiomp5.so
  other_so=$libraries/libother.so
}

# expect_composed VALUE-BEFORE VALUE-AFTER
expect_composed() {
  attempt env LD_PRELOAD="$1" "$allocrun" -- "$show" -
  expect_status 0
  expect_variable LD_PRELOAD "${2/#$ours/$ours:$children}"
}

@test "LD_PRELOAD with another allocator: taken out, and said" {
  expect_composed "$tcmalloc" "$ours"
  expect_malloc "$ours"
  expect_err "$tcmalloc is taken out of LD_PRELOAD: a second allocator (tcmalloc)"
  for name in libjemalloc.so.2 libmimalloc.so.2; do
    expect_composed "$libraries/$name" "$ours"
    expect_malloc "$ours"
    expect_err "$libraries/$name is taken out of LD_PRELOAD"
  done
  # By its bare name, as a loader looks it up.
  expect_composed "libtcmalloc.so.4" "$ours"
  expect_err "libtcmalloc.so.4 is taken out"
}

@test "LD_PRELOAD with the real tcmalloc: never loaded together with ours" {
  real=$(ldconfig -p | sed -n 's/.*libtcmalloc_minimal\.so\.4 .*=> //p' | head -n 1)
  [ -n "$real" ] || skip "libtcmalloc_minimal is not installed"
  attempt env LD_PRELOAD="$real:$gomp" "$allocrun" -- cat /proc/self/maps
  expect_status 0
  expect_out "$ours"
  expect_out "$gomp"
  # By the file's name: a folder of ours may have the word in its own.
  expect_equal "tcmalloc in the maps" "" "$(grep -E '/libtcmalloc[^/]*$' <<<"$out" || true)"
}

@test "LD_PRELOAD of vLLM's image: tcmalloc replaced, OpenMP kept" {
  expect_composed "$tcmalloc:$iomp" "$ours:$iomp"
  expect_composed "$gomp $tcmalloc $other_so" "$ours:$gomp:$other_so"
}

@test "LD_PRELOAD keeps the others in their order" {
  expect_composed "$other_so:$gomp:$iomp" "$ours:$other_so:$gomp:$iomp"
  expect_quiet
}

@test "LD_PRELOAD with duplicates: once, and said" {
  expect_composed "$gomp:$other_so:$gomp" "$ours:$gomp:$other_so"
  expect_err "$gomp is taken out of LD_PRELOAD: listed twice"
  expect_composed "$ours:$gomp" "$ours:$gomp"
  expect_composed "$ours:$children:$gomp" "$ours:$gomp"
}

@test "LD_PRELOAD with empty fields and spaces: read as the loader does, colons written" {
  expect_composed "" "$ours"
  expect_composed ":" "$ours"
  expect_composed " :: " "$ours"
  expect_composed "::$gomp::  $other_so: " "$ours:$gomp:$other_so"
  expect_quiet
}

@test "LD_PRELOAD with an entry that is missing: stays, it is not ours" {
  expect_composed "/nowhere/libx.so" "$ours:/nowhere/libx.so"
}

@test "LD_PRELOAD: every part in the plan, those left out with the reason" {
  attempt env LD_PRELOAD="$tcmalloc:$gomp:$gomp" "$allocrun" --explain --format json -- "$show"
  json=$out
  expect_of '[.plan[] | select(.name == "LD_PRELOAD").parts[] | (.name | split("/") | last) + " " + (if .value then "kept" else "out" end)] | join(",")' \
    "libjemalloc.so.2 kept,children.so kept,libtcmalloc_minimal.so.4 out,libgomp.so.1 kept,libgomp.so.1 out"
  attempt env LD_PRELOAD="$tcmalloc:$gomp:$gomp" "$allocrun" --explain -- "$show"
  expect_out "- $tcmalloc: a second allocator"
  expect_out "+ $gomp: was there and stays"
}

@test "LD_PRELOAD with --allocator system: other allocators make way, the rest stays" {
  attempt env LD_PRELOAD="$tcmalloc:$gomp" "$allocrun" --allocator system -- "$show" -
  expect_system_malloc
  expect_variable LD_PRELOAD "$gomp"
  expect_err "$tcmalloc is taken out of LD_PRELOAD"
  attempt env LD_PRELOAD="$tcmalloc" "$allocrun" --allocator system -- "$show" -
  expect_system_malloc
  expect_no_variable LD_PRELOAD
  attempt env LD_PRELOAD="$gomp" "$allocrun" --allocator system -- "$show" -
  expect_variable LD_PRELOAD "$gomp"
  expect_quiet
}

@test "LD_PRELOAD with the preload off: stays byte for byte" {
  value="$tcmalloc: $gomp::$gomp"
  attempt env LD_PRELOAD="$value" "$allocrun" --off preload -- "$show" -
  expect_variable LD_PRELOAD "$value"
  expect_quiet
}

@test "LD_PRELOAD where no build fits: stays byte for byte" {
  make_prefix
  rm "$(other_library jemalloc)" "$(other_library mimalloc)"
  value="$tcmalloc: $gomp::"
  attempt env LD_PRELOAD="$value" "$other/bin/allocrun" -- "$show" -
  expect_status 0
  expect_variable LD_PRELOAD "$value"
}

@test "LD_PRELOAD with control characters: said without them" {
  attempt env LD_PRELOAD=$'/x\e[31m\n/libtcmalloc.so' "$allocrun" -- "$show" -
  expect_malloc "$ours"
  expect_err '/x\x1b[31m\x0a/libtcmalloc.so is taken out'
  expect_no_err $'\e'
}
