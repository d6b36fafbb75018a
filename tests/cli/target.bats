#!/usr/bin/env bats
# Bad input: commands that nothing, or nothing of ours, can be preloaded into. They run
# without, and why is said; required, they do not run.
# shellcheck disable=SC2154,SC2030,SC2031 # what helpers.bash sets, for one test
bats_require_minimum_version 1.5.0

load helpers

# expect_without_preload TEXT COMMAND...: runs with its own malloc and says TEXT; 125 when
# the preload is required.
expect_without_preload() {
  local text=$1
  shift
  launch -- "$@"
  expect_system_malloc
  expect_no_variable LD_PRELOAD
  expect_err "no allocator is preloaded: "
  expect_err "$text"
  launch --require preload -- "$@"
  expect_refusal "preload is required and cannot be done" "$text"
}

@test "target static: runs without preload and says why" {
  expect_without_preload "statically linked" "$programs/show-static" -
  expect_without_preload "statically linked" "$programs/show-static-pie" -
}

@test "target that nothing fits: LD_PRELOAD stays as it was" {
  for name in show-static show-musl; do
    attempt env LD_PRELOAD=/nowhere/libtcmalloc.so "$allocrun" -- "$programs/$name" -
    expect_variable LD_PRELOAD /nowhere/libtcmalloc.so
  done
}

@test "target musl where only glibc builds fit: runs without preload and says why" {
  expect_without_preload "it is built for glibc, the command uses musl" "$programs/show-musl" -
  expect_no_variable MALLOC_CONF
  launch -- "$programs/show-musl" -
  expect_no_variable GLIBC_TUNABLES
}

@test "target whose loader's libc is not known: runs without preload and says why" {
  cp "$(loader_of "$show")" "$BATS_TEST_TMPDIR/loader.so"
  gcc -std=gnu17 -Wl,--dynamic-linker="$BATS_TEST_TMPDIR/loader.so" -o "$BATS_TEST_TMPDIR/show" "$BATS_TEST_DIRNAME/targets/show.c" -ldl
  expect_without_preload "whose libc is not known" "$BATS_TEST_TMPDIR/show" -
}

loader_of() { readelf -p .interp "$1" | sed -n 's/.* \(\/[^ ]*\)$/\1/p'; }

@test "target setuid to another user: runs without preload and says why" {
  needs_root "to make a setuid file"
  cp "$show" "$BATS_TEST_TMPDIR/show"
  chown daemon "$BATS_TEST_TMPDIR/show"
  chmod u+s "$BATS_TEST_TMPDIR/show"
  expect_without_preload "is setuid: the loader ignores LD_PRELOAD" "$BATS_TEST_TMPDIR/show" -
  launch -- "$BATS_TEST_TMPDIR/show" -
  expect_equal "AT_SECURE" 1 "$(shown secure)"
}

@test "target setgid to another group: runs without preload and says why" {
  needs_root "to make a setgid file"
  cp "$show" "$BATS_TEST_TMPDIR/show"
  chgrp daemon "$BATS_TEST_TMPDIR/show"
  chmod g+s "$BATS_TEST_TMPDIR/show"
  expect_without_preload "is setgid: the loader ignores LD_PRELOAD" "$BATS_TEST_TMPDIR/show" -
}

@test "target setuid to the user it runs as, or under no_new_privs: preloaded, and it works" {
  needs_root "to make a setuid file"
  cp "$show" "$BATS_TEST_TMPDIR/show"
  chmod u+s "$BATS_TEST_TMPDIR/show"
  launch -- "$BATS_TEST_TMPDIR/show" -
  expect_malloc "$(library_of jemalloc)"
  chown daemon "$BATS_TEST_TMPDIR/show"
  chmod u+s "$BATS_TEST_TMPDIR/show"
  launch --no-new-privs -- "$BATS_TEST_TMPDIR/show" -
  expect_malloc "$(library_of jemalloc)"
  launch --user daemon -- "$BATS_TEST_TMPDIR/show" -
  expect_malloc "$(library_of jemalloc)"
  # Root's, for a user who is not.
  chown root "$BATS_TEST_TMPDIR/show"
  chmod u+s "$BATS_TEST_TMPDIR/show"
  launch --user daemon -- "$BATS_TEST_TMPDIR/show" -
  expect_system_malloc
  expect_err "is setuid"
}

@test "target setuid where that does nothing: preloaded, and it works" {
  needs_mounts "to mount a file system with nosuid"
  attempt in_mounts "mount -t tmpfs -o nosuid none '$BATS_TEST_TMPDIR'; cp '$show' '$BATS_TEST_TMPDIR/show'; chown daemon '$BATS_TEST_TMPDIR/show'; chmod u+s '$BATS_TEST_TMPDIR/show'" \
    "$allocrun" -- "$BATS_TEST_TMPDIR/show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

@test "target file-capped, as a user: runs without preload and says why" {
  needs_root "to give a file capabilities"
  cp "$show" "$BATS_TEST_TMPDIR/show"
  setcap cap_net_raw+ep "$BATS_TEST_TMPDIR/show" || skip "this file system takes no capabilities"
  attempt "${as_nobody[@]}" "$allocrun" -- "$BATS_TEST_TMPDIR/show" -
  expect_system_malloc
  expect_err "is file-capped: the loader ignores LD_PRELOAD"
  expect_equal "AT_SECURE" 1 "$(shown secure)"
  attempt "${as_nobody[@]}" "$allocrun" --require preload -- "$BATS_TEST_TMPDIR/show" -
  expect_refusal "is file-capped"
  launch --user nobody --keep-caps net_raw -- "$BATS_TEST_TMPDIR/show" -
  expect_system_malloc
  expect_err "is file-capped"
}

@test "target file-capped, as root: the loader heeds LD_PRELOAD, and so it is preloaded" {
  needs_root "to give a file capabilities"
  cp "$show" "$BATS_TEST_TMPDIR/show"
  setcap cap_net_raw+ep "$BATS_TEST_TMPDIR/show" || skip "this file system takes no capabilities"
  launch -- "$BATS_TEST_TMPDIR/show" -
  expect_malloc "$(library_of jemalloc)"
}

@test "target of another ELF class: runs, or not, as without allocrun, and why is said" {
  [ "$(uname -m)" = x86_64 ] || skip "no compiler for 32 bits on $(uname -m)"
  gcc -m32 -nostdlib -static -o "$BATS_TEST_TMPDIR/ld-linux.so.2" "$BATS_TEST_DIRNAME/targets/exit42.S"
  gcc -m32 -nostdlib -pie -Wl,--dynamic-linker="$BATS_TEST_TMPDIR/ld-linux.so.2" -o "$BATS_TEST_TMPDIR/show" "$BATS_TEST_DIRNAME/targets/exit42.S"
  expect_foreign "it is built for x86_64, the command is i686"
  cp "$BATS_TEST_TMPDIR/ld-linux.so.2" "$BATS_TEST_TMPDIR/show"
  expect_foreign "statically linked"
  # A class that contradicts all the rest.
  cp "$show" "$BATS_TEST_TMPDIR/show"
  patch_bytes "$BATS_TEST_TMPDIR/show" 4 01
  expect_foreign ""
}

@test "target of another machine: runs, or not, as without allocrun, and why is said" {
  cp "$show" "$BATS_TEST_TMPDIR/show"
  # EM_AARCH64, or EM_X86_64 there.
  case $(uname -m) in
    aarch64) patch_bytes "$BATS_TEST_TMPDIR/show" 18 3e 00 ;;
    *) patch_bytes "$BATS_TEST_TMPDIR/show" 18 b7 00 ;;
  esac
  expect_foreign "the command is "
  patch_bytes "$BATS_TEST_TMPDIR/show" 18 34 12
  expect_foreign "the command is em-4660"
}

# expect_foreign TEXT: $BATS_TEST_TMPDIR/show ends as under env, and TEXT is said.
expect_foreign() {
  local wanted
  attempt env -- "$BATS_TEST_TMPDIR/show" -
  wanted=$status
  [ "$wanted" -ne 124 ] || fails "$ran" "an end" "none"
  launch -- "$BATS_TEST_TMPDIR/show" -
  expect_status "$wanted"
  expect_err "no allocator is preloaded: "
  expect_err "$1"
  launch --require preload -- "$BATS_TEST_TMPDIR/show" -
  expect_refusal "preload is required" "$1"
}

@test "target truncated or with impossible headers: no crash, and why is said" {
  local at
  for size in 0 1 4 16 20 63 64 100 500 4000; do
    head -c "$size" "$show" >"$BATS_TEST_TMPDIR/show"
    chmod +x "$BATS_TEST_TMPDIR/show"
    launch --explain -- "$BATS_TEST_TMPDIR/show"
    expect_status 0
    expect_out "REFUSED"
  done
  # Offsets and counts of the header, each set to the largest value.
  for at in 16 32 40 54 56 58 60 62; do
    cp "$show" "$BATS_TEST_TMPDIR/show"
    patch_bytes "$BATS_TEST_TMPDIR/show" "$at" ff ff
    launch --explain -- "$BATS_TEST_TMPDIR/show"
    expect_status 0
  done
}

@test "page size larger than the build's: runs without preload and says why" {
  make_prefix
  edit_manifest '.builds[].page_size = 1024'
  attempt "$other/bin/allocrun" -- "$show" -
  expect_system_malloc
  expect_err "it works with pages up to 1 KiB, this kernel's have 4 KiB"
  attempt "$other/bin/allocrun" --require preload -- "$show" -
  expect_refusal "preload is required" "it works with pages up to 1 KiB"
}

@test "page size larger than the build's, on a machine with 64K pages" {
  explain --sysroot "$root/tests/machines/superchip-memory-only-nodes-64k"
  expect_of .facts.page_size 65536
  expect_step preload refused
  # Whatever machine the bundled builds are for, one reason is given for each.
  expect_of '[.plan[] | select(.step == "preload").parts[] | select(.value == null and (.why | length) > 0)] | length >= 2' true
}

@test "target that links an allocator itself: never a second one" {
  gcc -o "$BATS_TEST_TMPDIR/linked" -Wl,--no-as-needed "$BATS_TEST_DIRNAME/targets/use.c" "$libraries/libtcmalloc_minimal.so.4" -Wl,-rpath,"$libraries"
  launch -- "$BATS_TEST_TMPDIR/linked"
  expect_status 0
  expect_err "the command links libtcmalloc_minimal.so.4 itself; two allocators are never loaded together"
  launch --require preload -- "$BATS_TEST_TMPDIR/linked"
  expect_refusal "links libtcmalloc_minimal.so.4 itself"
}

@test "an allocator in /etc/ld.so.preload: never a second one" {
  needs_mounts "for an /etc of its own"
  make_etc
  printf '# site\n%s\n' "$libraries/libtcmalloc_minimal.so.4" >"$etc/ld.so.preload"
  attempt in_etc "$allocrun" -- "$show" -
  expect_malloc "$libraries/libtcmalloc_minimal.so.4"
  expect_no_variable LD_PRELOAD
  expect_err "/etc/ld.so.preload loads"
  # What glibc takes for a comment is none of its entries.
  printf '%s # %s\n' "$libraries/libother.so" "$libraries/libtcmalloc_minimal.so.4" >"$etc/ld.so.preload"
  attempt in_etc "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
}
