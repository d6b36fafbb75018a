#!/usr/bin/env bats
# Bad input: the bundled libraries. One that cannot be loaded is passed over, to mimalloc
# and then to the system's malloc, and why is said.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() {
  make_prefix
  jemalloc=$(other_library jemalloc)
  mimalloc=$(other_library mimalloc)
}

# expect_fallback TEXT: jemalloc is broken, mimalloc serves, TEXT is the reason.
expect_fallback() {
  attempt "$other/bin/allocrun" -- "$show" -
  expect_malloc "$mimalloc"
  expect_err "$(build_of mimalloc) is used; $(build_of jemalloc) cannot be: "
  expect_err "$1"
  attempt "$other/bin/allocrun" --allocator jemalloc -- "$show" -
  expect_system_malloc
  expect_err "no allocator is preloaded: $(build_of jemalloc): "
  expect_err "$1"
  attempt "$other/bin/allocrun" --allocator jemalloc --require preload -- "$show" -
  expect_refusal "preload is required" "$1"
  attempt "$other/bin/allocrun" --list
  expect_status 0
  expect_out "does not fit: "
  expect_out "$1"
}

@test "library missing: falls back and says why" {
  rm "$jemalloc"
  expect_fallback "$jemalloc is missing"
}

@test "library a link to nowhere, a directory: falls back and says why" {
  ln -sf /nowhere/libjemalloc.so "$jemalloc"
  expect_fallback "$jemalloc is missing"
  rm "$jemalloc"
  mkdir "$jemalloc"
  expect_fallback "$jemalloc is "
}

@test "library truncated: falls back and says why, wherever it is cut" {
  truncate -s 100000 "$jemalloc"
  expect_fallback "$jemalloc is truncated"
  cp "$(library_of jemalloc)" "$BATS_TEST_TMPDIR/whole"
  size=$(stat -c %s "$BATS_TEST_TMPDIR/whole")
  for cut in 1 16 63 64 200 4095 4096 $((size / 2)) $((size * 9 / 10)) $((size - 4096)) $((size - 100)) $((size - 1)); do
    head -c "$cut" "$BATS_TEST_TMPDIR/whole" >"$jemalloc"
    attempt "$other/bin/allocrun" -- "$show" -
    expect_malloc "$mimalloc"
    expect_err "$jemalloc is "
  done
}

@test "library not an ELF: falls back and says why" {
  echo 'version https://git-lfs.github.com/spec/v1' >"$jemalloc"
  expect_fallback "$jemalloc is not an ELF file"
  : >"$jemalloc"
  expect_fallback "$jemalloc is "
  head -c 500000 /dev/urandom >"$jemalloc"
  expect_fallback "$jemalloc is not an ELF file"
}

@test "library for the wrong machine: falls back and says why" {
  patch_bytes "$jemalloc" 18 28 00
  expect_fallback "$jemalloc is for armv7l, not for $(uname -m)"
  patch_bytes "$jemalloc" 4 01
  expect_fallback "$jemalloc is"
}

@test "library of another byte order: falls back and says why" {
  patch_bytes "$jemalloc" 5 02
  expect_fallback "$jemalloc"
}

@test "library with an unresolved NEEDED: falls back and says why" {
  cp "$libraries/needy/libjemalloc.so.2" "$jemalloc"
  edit_manifest 'del(.builds[].build_id)'
  expect_fallback "needs libnotthere.so.1, which is not installed"
}

@test "library with its NEEDED found: in LD_LIBRARY_PATH" {
  cp "$libraries/needy/libjemalloc.so.2" "$jemalloc"
  edit_manifest 'del(.builds[].build_id)'
  mkdir "$BATS_TEST_TMPDIR/lib"
  gcc -shared -fPIC -Wl,-soname,libnotthere.so.1 -o "$BATS_TEST_TMPDIR/lib/libnotthere.so.1" "$BATS_TEST_DIRNAME/targets/empty.c"
  attempt env LD_LIBRARY_PATH="$BATS_TEST_TMPDIR/lib" "$other/bin/allocrun" -- "$show" -
  expect_status 0
  expect_quiet
  expect_variable LD_PRELOAD "$jemalloc:$other/lib/allocrun/children.so"
}

@test "library that is an executable: falls back and says why" {
  cp "$show" "$jemalloc"
  edit_manifest 'del(.builds[].build_id)'
  expect_fallback "$jemalloc is not a shared library"
}

@test "library other than the manifest's: falls back and says why" {
  cp "$mimalloc" "$jemalloc"
  expect_fallback "has build ID "
}

# One byte of data changed: same size, same build ID, another library.
change_a_byte() {
  printf '\x01' | dd of="$jemalloc" bs=1 seek=$(($(stat -c %s "$jemalloc") / 2)) conv=notrunc status=none
}

@test "library with other bytes than the manifest's: noticed when that is asked for" {
  attempt "$other/bin/allocrun" --require integrity -- "$show" -
  expect_malloc "$jemalloc"
  expect_quiet
  change_a_byte
  attempt "$other/bin/allocrun" --require integrity -- "$show" -
  expect_refusal "integrity is required" "$jemalloc has sha256 $(sha256sum <"$jemalloc" | cut -d' ' -f1), the manifest says"
  attempt env ALLOCRUN_REQUIRE=integrity "$other/bin/allocrun" -- "$show" -
  expect_refusal "integrity is required"
  attempt "$other/bin/allocrun" --prefer integrity -- "$show" -
  expect_malloc "$mimalloc"
  expect_err "going on without integrity"
  attempt "$other/bin/allocrun" --list
  expect_out "does not fit: its bytes are not those that the manifest knows"
  expect_out "OTHER THAN in the manifest"
  # Another of the tree's builds is chosen: the tree is not what was installed all the same.
  attempt "$other/bin/allocrun" --allocator mimalloc --require integrity -- "$show" -
  expect_refusal "integrity is required" "$jemalloc"
}

@test "the library for children with other bytes: noticed when that is asked for" {
  local changed=$other/lib/allocrun/children.so
  printf x >>"$changed"
  attempt "$other/bin/allocrun" -- "$show" -
  expect_malloc "$jemalloc"
  attempt "$other/bin/allocrun" --require integrity -- "$show" -
  expect_refusal "integrity is required" "$changed has sha256 $(sha256sum <"$changed" | cut -d' ' -f1), this allocrun knows"
  attempt "$other/bin/allocrun" --prefer integrity -- "$show" -
  expect_malloc "$jemalloc"
  expect_variable LD_PRELOAD "$jemalloc"
  expect_err "going on without integrity"
  attempt "$other/bin/allocrun" --check --only builds-integrity
  expect_status 2
  expect_out "$changed (sha256"
}

@test "a library named by its path cannot prove its bytes" {
  launch --allocator "$(library_of jemalloc)" --require integrity -- "$show" -
  expect_refusal "integrity is required" "no manifest says what the bytes of"
  launch --allocator system --require integrity -- "$show" -
  expect_system_malloc
}

@test "library that needs a newer glibc: falls back and says why" {
  edit_manifest '(.builds[] | select(.allocator == "jemalloc")).min_glibc = "2.99"'
  attempt "$other/bin/allocrun" -- "$show" -
  expect_malloc "$mimalloc"
  expect_err "it needs glibc 2.99, the command's is 2."
  attempt "$other/bin/allocrun" --require preload --allocator jemalloc -- "$show" -
  expect_refusal "preload is required" "it needs glibc 2.99"
}

@test "library unreadable: falls back and says why" {
  needs_root "to be another user"
  chmod 000 "$jemalloc"
  attempt "${as_nobody[@]}" "$other/bin/allocrun" -- "$show" -
  expect_malloc "$mimalloc"
  expect_err "Permission denied"
}

@test "both libraries broken: the system's malloc, and why is said" {
  truncate -s 5000 "$jemalloc"
  rm "$mimalloc"
  attempt "$other/bin/allocrun" -- "$show" -
  expect_system_malloc
  expect_no_variable LD_PRELOAD
  expect_err "no allocator is preloaded: "
  expect_err "truncated"
  # glibc then gets the profile's options.
  expect_variable GLIBC_TUNABLES "glibc.malloc.arena_max=2"
  attempt "$other/bin/allocrun" --require preload -- "$show" -
  expect_refusal "preload is required" "truncated"
  # All reasons, for who looks closer.
  attempt "$other/bin/allocrun" --explain -- "$show"
  expect_out "$jemalloc is truncated"
  expect_out "$mimalloc is missing"
}

@test "manifest missing, empty, truncated, binary, of another version: said, and the command starts" {
  manifests=('' '{' '[]' 'null' '{"manifest": 2, "builds": []}' '{"manifest": 1}' '{"manifest": 1, "builds": [{}]}' '{"manifest": 1, "builds": [7]}' $'\xff\xfe')
  for text in "${manifests[@]}"; do
    printf '%s' "$text" >"$other_manifest"
    expect_no_builds
  done
  head -c 700 "$prefix/lib/allocrun/manifest.json" >"$other_manifest"
  expect_no_builds
  head -c 2000000 /dev/zero >"$other_manifest"
  expect_no_builds
  rm "$other_manifest"
  expect_no_builds
  mkdir "$other_manifest"
  expect_no_builds
}

expect_no_builds() {
  attempt "$other/bin/allocrun" -- "$show" -
  expect_system_malloc
  expect_err "no allocator is preloaded: "
  expect_err "manifest.json"
  attempt "$other/bin/allocrun" --require preload -- "$show" -
  expect_refusal "preload is required" "manifest.json"
  attempt "$other/bin/allocrun" --list
  expect_status 125
}

@test "manifest that points out of its folder: refused as a whole" {
  for file in ../../../evil.so /lib/evil.so a/../../evil.so ..; do
    edit_manifest ".builds[0].file = \"$file\""
    expect_no_builds
  done
}

@test "manifest with an unknown field: read all the same" {
  edit_manifest '.builds[].colour = "blue" | .future = {}'
  attempt "$other/bin/allocrun" -- "$show" -
  expect_malloc "$jemalloc"
  expect_quiet
}

@test "/PATH.so missing, truncated, not an ELF, with an unresolved NEEDED: said, system's malloc" {
  for file in /nowhere/lib.so "$BATS_TEST_TMPDIR/empty.so" "$libraries/needy/libjemalloc.so.2" "$BATS_TEST_TMPDIR"; do
    : >"$BATS_TEST_TMPDIR/empty.so"
    launch --allocator "$file" -- "$show" -
    expect_system_malloc
    expect_err "no allocator is preloaded: $file"
    launch --allocator "$file" --require preload -- "$show" -
    expect_refusal "preload is required" "$file"
    launch --allocator "$file,mimalloc" -- "$show" -
    expect_malloc "$(library_of mimalloc)"
    expect_err "$file"
  done
}
