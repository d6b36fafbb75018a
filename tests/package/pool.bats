#!/usr/bin/env bats
# liballocpool's packages: a tarball for each machine, two .debs, two .rpms. Costs 5 s.
# shellcheck disable=SC2154,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

program=$root/allocator/pool/tests/musl.c
tarball_of() { printf '%s/allocpool-%s-%s.tar.gz' "$packages" "$version" "$1"; }

# unpack MACHINE: the tarball's tree in $tree.
unpack() {
  mkdir -p "$BATS_TEST_TMPDIR/$1"
  tar -xf "$(tarball_of "$1")" -C "$BATS_TEST_TMPDIR/$1"
  tree=$BATS_TEST_TMPDIR/$1/allocpool-$version
}

# compiles_in TREE COMPILER...: the program, with what pkg-config says of the tree; its path is $built.
compiles_in() {
  local tree=$1 flags
  shift
  read -ra flags <<<"$(PKG_CONFIG_PATH=$tree/lib/pkgconfig pkg-config --cflags --libs allocpool)"
  built=$BATS_TEST_TMPDIR/program-$RANDOM
  "$@" -Wall -Werror -o "$built" "$program" "${flags[@]}"
}

@test "pool: its tarball has the headers, both libraries, the manual, a licence and an example, and names no place" {
  local machine
  for machine in $(targets | sed 's/-.*//' | sort -u); do
    unpack "$machine"
    expect_equal "$machine: files" "include/allocpool.h include/allocpool.hpp lib/liballocpool.a lib/liballocpool.so lib/liballocpool.so.1 \
lib/pkgconfig/allocpool.pc share/doc/allocpool/LICENSE share/doc/allocpool/README.md share/doc/allocpool/table.cpp share/man/man3/allocpool.3" \
      "$(cd "$tree" && find . ! -type d -printf '%P\n' | sort | paste -sd' ')"
    expect_equal "$machine: what names the checkout" "" "$(grep -rlaF -- "$root" "$tree" || true)"
    expect_equal "$machine: libraries that it names, debug information" "" \
      "$(readelf -dSW "$tree/lib/liballocpool.so.1" | grep -E 'NEEDED|\.debug_' || true)"
    # Those of musl are fewer than glibc's: each is one of its.
    expect_equal "$machine: functions that musl has not" "" "$(comm -23 \
      <(readelf --dyn-syms -W "$tree/lib/liballocpool.so.1" | awk '$7 == "UND" && $8 { sub("@.*", "", $8); print $8 }' | sort -u) \
      <(readelf --dyn-syms -W "/lib/ld-musl-$native.so.1" | awk '$7 != "UND" { print $8 }' | sort -u) | grep -vx __stack_chk_guard || true)"
  done
}

@test "pool: unpacked anywhere a program is compiled with it, for glibc and for musl, and runs" {
  unpack "$native"
  mv "$tree" "$BATS_TEST_TMPDIR/elsewhere"
  tree=$BATS_TEST_TMPDIR/elsewhere
  for compiler in gcc musl-gcc; do
    compiles_in "$tree" "$compiler" -Wl,-rpath,"$tree/lib"
    attempt "$built"
    expect_status 0
    expect_out_is "it works"
  done
  compiles_in "$tree" gcc -static
  attempt "$built"
  expect_status 0
}

@test "pool: the aarch64 one serves an aarch64 program" {
  needs_target aarch64-glibc
  unpack aarch64
  compiles_in "$tree" aarch64-linux-gnu-gcc
  attempt qemu-aarch64-static -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$tree/lib:/usr/aarch64-linux-gnu/lib" "$built"
  expect_status 0
  expect_out_is "it works"
}

@test "pool: the .debs: one for who runs, one for who compiles" {
  local at=$BATS_TEST_TMPDIR/root deb
  for deb in liballocpool1 liballocpool-dev; do
    dpkg-deb -x "$packages/${deb}_${version}_$(dpkg --print-architecture).deb" "$at-$deb"
  done
  expect_equal "of liballocpool1" /lib/liballocpool.so.1 \
    "$(cd "$at-liballocpool1/usr" && find . -type f ! -path './share/*' -printf '/%P\n')"
  expect_equal "liballocpool-dev needs" "liballocpool1 (= $version)" \
    "$(dpkg-deb -f "$packages/liballocpool-dev_${version}_$(dpkg --print-architecture).deb" Depends)"
  cp -a "$at-liballocpool1/usr/lib/." "$at-liballocpool-dev/usr/lib/"
  compiles_in "$at-liballocpool-dev/usr" gcc -Wl,-rpath,"$at-liballocpool1/usr/lib"
  attempt "$built"
  expect_status 0
}

@test "pool: the .rpms: the tarball's files, byte for byte" {
  local name
  unpack "$native"
  mkdir "$BATS_TEST_TMPDIR/rpm"
  for name in liballocpool1 allocpool-devel; do
    rpm2cpio "$packages/$name-$version-1.$native.rpm" >"$BATS_TEST_TMPDIR/cpio"
    (cd "$BATS_TEST_TMPDIR/rpm" && cpio -id --quiet <"$BATS_TEST_TMPDIR/cpio")
  done
  diff -r "$tree" "$BATS_TEST_TMPDIR/rpm/usr"
}

@test "pool: no other package has it" {
  local file
  for file in "$packages"/allocrun-*.tar.gz; do
    expect_equal "$file" "" "$(tar -tf "$file" | grep allocpool || true)"
  done
  for file in "$packages"/allocrun-*.whl; do
    expect_equal "$file" "" "$(python3 -m zipfile -l "$file" | grep allocpool || true)"
  done
  expect_equal "allocrun.deb" "" "$(dpkg-deb -c "$packages"/allocrun_*.deb | grep allocpool || true)"
}
