#!/usr/bin/env bats
# The flags that turn a mistake into an end instead of a hole are in the bytes, not only in the Makefile.
# shellcheck disable=SC2154 # what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

facts=$BATS_TEST_DIRNAME/../hardening/facts

# fact FILE NAME: its value.
fact() { "$facts" "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }

# expect_facts FILE NAME...: each is "yes".
expect_facts() {
  local file=$1 name
  shift
  for name; do
    expect_equal "$name of $file" yes "$(fact "$file" "$name")"
  done
}

# code_of FILE FUNCTION: its instructions.
code_of() {
  local address size
  read -r address size < <(readelf --dyn-syms -W "$1" | awk -v name="$2" '$8 == name { print $2, $3 }')
  objdump -d --no-show-raw-insn --start-address="0x$address" --stop-address=$((0x$address + size)) "$1"
}

@test "kind P11: the launcher has kept its flags, in each of its sources" {
  local flag producers
  expect_facts "$allocrun" pie relro now stack runpath writable-code
  # As the compiler notes it for each source, so that none of them can lose one.
  producers=$(readelf --debug-dump=info "$allocrun" | sed -n 's/.*DW_AT_producer.*: //p' | grep -- '-fPIE')
  expect_in "sources" "GNU C17" "$producers"
  [ "$(wc -l <<<"$producers")" -gt 100 ] || fails "sources with a producer" "more than 100" "$(wc -l <<<"$producers")"
  for flag in -fstack-protector-strong -fstack-clash-protection \
    "$([ "$(uname -m)" = aarch64 ] && echo -mbranch-protection=standard || echo -fcf-protection=full)"; do
    expect_equal "sources without $flag" "" "$(grep -v -e "$flag " <<<"$producers" | head -n 3)"
  done
  # FORTIFY is no flag but a macro: what it makes of read(2) and memcpy(3).
  for name in read memcpy; do
    expect_in "checked functions" "__${name}_chk" "$(readelf -sW "$allocrun")"
  done
}

@test "kind P11: the probe and the libraries: read-only tables, no code on the stack, no path of ours" {
  local file
  for file in "$prefix"/lib/allocrun/probe "$prefix"/lib/allocrun/*/*-"$(uname -m)"-*/lib*.so*; do
    expect_facts "$file" pie relro now stack runpath writable-code
  done
}

@test "kind P11: the libraries have a stack protector in their slow paths, and malloc has none" {
  local file name code
  [ "$(uname -m)" = x86_64 ] || skip "only there the code of a stack protector has one form"
  for file in "$(library_of jemalloc)" "$(library_of mimalloc)"; do
    [ "$(fact "$file" canary)" != - ] || fails "stack protector of $file" "some" "none"
    for name in malloc free; do
      code=$(code_of "$file" "$name")
      expect_in "code of $name" "ret" "$code"
      expect_equal "canaries in $name of $file" "" "$(grep '%fs:0x28' <<<"$code" || true)"
    done
  done
}

@test "kind P11: what is missing is seen" {
  echo 'int main(void) { return 0; }' >"$BATS_TEST_TMPDIR/main.c"
  gcc -no-pie -fno-stack-protector -Wl,-z,norelro -Wl,-z,lazy -Wl,-z,execstack -Wl,-rpath,/x -o "$BATS_TEST_TMPDIR/main" \
    "$BATS_TEST_TMPDIR/main.c"
  for name in pie relro now stack runpath; do
    expect_equal "$name" no "$(fact "$BATS_TEST_TMPDIR/main" "$name")"
  done
  expect_equal "canary" - "$(fact "$BATS_TEST_TMPDIR/main" canary)"
}
