#!/usr/bin/env bats
# The relocatable tarballs.
# shellcheck disable=SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

@test "SHA256SUMS: has every package, and each is what it says" {
  cd "$packages"
  attempt sha256sum -c --quiet SHA256SUMS
  expect_status 0
  expect_equal "files with a checksum" "$(find . -type f ! -name SHA256SUMS -printf '%P\n' | sort)" \
    "$(sed 's/^[^ ]* .//' SHA256SUMS | sort)"
}

@test "SHA256SUMS inside: has every file, and each is what it says" {
  for target in $(targets); do
    cd "$(tree_of "$target")"
    attempt sha256sum -c --quiet SHA256SUMS
    expect_status 0
    expect_equal "$target: files with a checksum" "$(find . -type f ! -name SHA256SUMS -printf '%P\n' | sort)" \
      "$(sed 's/^[^ ]* .//' SHA256SUMS | sort)"
  done
}

@test "layout: the launcher, builds of that machine and libc alone, licences, manual pages, completions" {
  for target in $(targets); do
    cd "$(tree_of "$target")"
    expect_equal "$target: top" "SHA256SUMS bin lib share" "$(printf '%s\n' * | paste -sd' ')"
    for file in bin/allocrun bin/allocrun-node share/man/man8/allocrun.8 share/man/man8/allocrun-node.8 share/man/man5/policy.conf.5 share/allocrun/presets/gpu-inference.conf \
      share/bash-completion/completions/{allocrun{,-node},allocbench} share/zsh/site-functions/_{allocrun{,-node},allocbench} \
      bin/allocbench share/man/man1/allocbench.1 share/allocrun/allocbench.schema.json share/allocrun/allocbench/{cli,workloads/service}.py \
      share/doc/allocrun/examples/policy.conf share/doc/allocrun/allocrun.spdx.json; do
      [ -s "$file" ] || fails "$target" "$file" "$(find . -type f)"
    done
    expect_equal "$target: machines and libcs" "$target" \
      "$(jq -r '.builds[] | "\(.machine)-\(.libc)"' lib/allocrun/manifest.json | sort -u)"
    expect_equal "$target: libraries" \
      "$({ jq -r '.builds[].file' lib/allocrun/manifest.json; printf "%s\n" children.so probe; } | sort)" \
      "$(cd lib/allocrun && elf_files . | sed 's|^\./||' | sort)"
    expect_equal "$target: libraries that are not what the manifest says" "" "$(cd lib/allocrun &&
      jq -r '.builds[] | "\(.sha256)  \(.file)"' manifest.json | sha256sum -c --quiet 2>&1)"
  done
}

@test "owners, modes and times do not depend on who packed it" {
  released=$(TZ=UTC date -d "$(sed -n '/^ -- /{s/.*>  //p;q}' "$root/launcher/package/debian/changelog")" '+%F %T')
  for tarball in "$packages"/*.tar.gz; do
    expect_equal "$tarball" "" "$(TZ=UTC tar --numeric-owner --full-time -tvf "$tarball" |
      grep -vE "^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x|lrwxr-xr-x) 0/0 +[0-9]+ $released alloc(run|pool)-$version/")"
  done
}

@test "nothing names the place where it was built" {
  mkdir "$BATS_TEST_TMPDIR/deb"
  for deb in "$packages"/*.deb; do
    dpkg-deb -R "$deb" "$BATS_TEST_TMPDIR/deb/$(basename "$deb" .deb)"
  done
  for place in "$root" "$(cd ~ && pwd -P)/" build/deb/ build/package/ build/sysroot/; do
    expect_equal "files with $place" "" \
      "$(grep -rlaF -- "$place" "$suite"/*-*/allocrun-* "$BATS_TEST_TMPDIR/deb" || true)"
  done
}

@test "the programs: static, position independent, without debug information, which lies in the other tarball" {
  for launcher in $(for target in $(targets); do printf '%s ' "$target:"allocrun{,-node}; done); do
    target=${launcher%:*} launcher=$(tree_of "${launcher%:*}")/bin/${launcher#*:}
    expect_equal "$target: interpreter and libraries" "" "$(readelf -ldW "$launcher" | grep -E 'INTERP|NEEDED' || true)"
    expect_in "$target: type" "DYN" "$(readelf -hW "$launcher" | grep Type:)"
    expect_not_in "$target: sections" ".debug_" "$(readelf -SW "$launcher")"
    expect_in "$target: sections" ".symtab" "$(readelf -SW "$launcher")"
    id=$(readelf -nW "$launcher" | sed -n 's/.*Build ID: *//p')
    debug=$suite/$target-debug/allocrun-$version/bin/.debug/$id.debug
    expect_in "$target: $debug" ".debug_info" "$(readelf -SW "$debug")"
  done
}

@test "every debug file belongs to a file that is shipped" {
  for target in $(targets); do
    ids=$(elf_files "$(tree_of "$target")" | while read -r file; do
      readelf -nW "$file" | sed -n 's/.*Build ID: *//p'; done | sort)
    while read -r debug; do
      expect_in "$target: build IDs" "$(basename "$debug" .debug)" "$ids"
    done < <(find "$suite/$target-debug" -name '*.debug' -type f)
  done
}

# runs_from TREE SHOW [COMMAND...]: each build of the tree serves the program SHOW.
runs_from() {
  local tree=$1 program=$2 id file
  shift 2
  attempt "$@" "$tree/bin/allocrun" --version
  expect_out_is "allocrun $version"
  attempt "$@" "$tree/bin/allocrun" --list
  expect_status 0
  listed=$out
  while read -r id file; do
    expect_in "--list" "$id" "$listed"
    attempt "$@" "$tree/bin/allocrun" --require preload --allocator "$id" -- "$program" -
    expect_malloc "$tree/lib/allocrun/$file"
  done < <(jq -r '.builds[] | "\(.id) \(.file)"' "$tree/lib/allocrun/manifest.json")
}

@test "relocatable: each glibc build serves a program, from where it was unpacked and from where it was moved" {
  needs_target "$native-glibc"
  runs_from "$(tree_of "$native-glibc")" "$show"
  mkdir -p "$BATS_TEST_TMPDIR/else/where"
  cp -a "$(tree_of "$native-glibc")" "$BATS_TEST_TMPDIR/else/where/here"
  runs_from "$BATS_TEST_TMPDIR/else/where/here" "$show"
}

@test "relocatable: each musl build serves a musl program, in a root that has nothing else" {
  needs_target "$native-musl"
  needs_root "chroot"
  mkdir -p "$BATS_TEST_TMPDIR/empty"/{lib,opt,proc}
  empty=$BATS_TEST_TMPDIR/empty
  cp "/lib/ld-musl-$native.so.1" "$empty/lib/"
  cp "$programs/show-musl" "$empty/show"
  tar -xf "$packages/allocrun-$version-$native-musl.tar.gz" -C "$empty/opt"
  in_empty() { in_mounts "mount -t proc proc '$empty/proc'" chroot "$empty" "$@"; }
  while read -r id file; do
    attempt in_empty "/opt/allocrun-$version/bin/allocrun" --require preload --allocator "$id" -- /show -
    expect_malloc "/opt/allocrun-$version/lib/allocrun/$file"
  done < <(jq -r '.builds[] | "\(.id) \(.file)"' "$(manifest_of "$native-musl")")
}

# as_aarch64 COMMAND...: the kernel starts aarch64 programs with qemu, for COMMAND alone.
as_aarch64() {
  # shellcheck disable=SC2016 # expanded there
  QEMU_LD_PREFIX=/usr/aarch64-linux-gnu bounded unshare --user --map-root-user --mount bash -euc '
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    elf="\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    mask="\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    printf "%s" ":aarch64:M::$elf:$mask:$(command -v qemu-aarch64-static):F" >/proc/sys/fs/binfmt_misc/register
    exec "$@"' as_aarch64 "$@"
}

@test "relocatable: each aarch64 build serves an aarch64 program" {
  needs_target aarch64-glibc
  if [ "$native" = aarch64 ]; then
    runs_from "$(tree_of aarch64-glibc)" "$show"
  else
    runs_from "$(tree_of aarch64-glibc)" "$programs/show-aarch64" as_aarch64
  fi
}

@test "the example policy: a launcher takes it" {
  needs_target "$native-glibc"
  tree=$(tree_of "$native-glibc")
  attempt "$tree/bin/allocrun" --explain --policy "$tree/share/doc/allocrun/examples/policy.conf" -- true
  expect_status 0
  expect_quiet
}

@test "refused: an unknown target; a changelog that is behind" {
  attempt "$root/launcher/package/tarballs" vax-glibc
  expect_equal "status" 1 "$status"
  expect_err "no target 'vax-glibc' (there are: all "
  mkdir -p "$BATS_TEST_TMPDIR/tree"
  cp -a "$root/launcher" "$BATS_TEST_TMPDIR/tree/"
  sed -i '1s/(.*)/(0.0.1)/' "$BATS_TEST_TMPDIR/tree/launcher/package/debian/changelog"
  for script in tarballs deb; do
    attempt "$BATS_TEST_TMPDIR/tree/launcher/package/$script"
    expect_equal "status" 1 "$status"
    expect_err "launcher/version.h says $version, debian/changelog 0.0.1"
    [ ! -e "$BATS_TEST_TMPDIR/tree/build" ] || fails "$script" "nothing made" "$(find "$BATS_TEST_TMPDIR/tree/build")"
  done
}

@test "the same bytes from another folder, by another user's settings" {
  other=$BATS_TEST_TMPDIR/some/other/place
  mkdir -p "$other/build"
  bash -euc '. "$1/launcher/package/common.sh"; export_sources "$2"' export "$root" "$other"
  # What others prove: that sources and allocators are the same (allocator/tests).
  for folder in allocator sources sysroot; do
    [ ! -d "$root/build/$folder" ] || ln -s "$root/build/$folder" "$other/build/$folder"
  done
  wanted=("$native-glibc")
  [ ! -d "$suite/aarch64-glibc" ] || wanted+=(aarch64-glibc)
  (
    umask 077
    cd "$other"
    export TZ=Asia/Tokyo LC_ALL=C.UTF-8 CFLAGS=-O1 HOME=/nonexistent
    launcher/package/tarballs "${wanted[@]}" && launcher/package/deb
  ) >"$BATS_TEST_TMPDIR/log" 2>&1 || fails "packing there" "success" "$(tail -n 20 "$BATS_TEST_TMPDIR/log")"
  for file in "$other/build/packages"/*alloc*; do
    cmp "$file" "$packages/${file##*/}" || fails "${file##*/}" "the same bytes" "others"
  done
  # Of each target two archives, its bill of materials, its wheel and its machine's pool; of the machine a package and
  # its own, of the pool three.
  expect_equal "packages compared" "$((5 * ${#wanted[@]} + 5))" "$(find "$other/build/packages" -name '*alloc*' | wc -l)"
}
