#!/usr/bin/env bats
# The Debian package, installed by dpkg in a root of its own.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

deb=$packages/allocrun_${version}_$(dpkg --print-architecture).deb
newer_version=$version+test1

dpkg_in_root() { in_root env DEBIAN_FRONTEND=noninteractive dpkg "$@" >"$BATS_TEST_TMPDIR/dpkg.log" 2>&1; }

# make_newer: the package with a higher version and other libraries, in $newer.
make_newer() {
  local tree=$BATS_TEST_TMPDIR/newer
  dpkg-deb -R "$deb" "$tree"
  change_libraries "$tree/usr"
  sed -i "s/^Version: .*/Version: $newer_version/" "$tree/DEBIAN/control"
  (cd "$tree" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
  newer=$BATS_TEST_TMPDIR/newer.deb
  dpkg-deb --root-owner-group -Zgzip -z1 -b "$tree" "$newer" >"$BATS_TEST_TMPDIR/dpkg-deb.log"
}

setup() {
  id=$(jq -r '.builds[0].id' "$(manifest_of "$native-glibc")")
  library=/usr/lib/allocrun/$(jq -r '.builds[0].file' "$(manifest_of "$native-glibc")")
}

teardown() { end_root; }

@test "lintian finds nothing that has no reason" {
  attempt lintian --no-cfg --allow-root --fail-on error,warning --display-info "$packages"/*.deb
  expect_status 0
  # Information that is known: what our builds leave out on purpose, a file that explains; no version of the pool before.
  expect_equal "lintian" "" "$(grep -vE 'hardening-no-fortify-functions \[usr/lib/(allocrun/|liballocpool)|no-symbols-control-file|package-contains-documentation-outside-usr-share-doc \[usr/lib/allocrun/' <<<"$out")"
}

@test "it has the glibc builds, byte for byte, with their symbol tables; no conffile" {
  dpkg-deb -R "$deb" "$BATS_TEST_TMPDIR/deb"
  cd "$BATS_TEST_TMPDIR/deb"
  while read -r sum file; do
    expect_equal "$file" "$sum" "$(sum_of "usr/lib/allocrun/$file")"
    expect_in "$file" ".symtab" "$(readelf -SW "usr/lib/allocrun/$file")"
  done < <(jq -r '.builds[] | "\(.sha256) \(.file)"' usr/lib/allocrun/manifest.json)
  expect_equal "builds" "$(jq -r '.builds[].id' "$(manifest_of "$native-glibc")")" "$(jq -r '.builds[].id' usr/lib/allocrun/manifest.json)"
  expect_equal "licences that the manifest names and that are not there" "" \
    "$(jq -r '.builds[].licence_file' usr/lib/allocrun/manifest.json | while read -r f; do [ -s "usr/$f" ] || echo "$f"; done)"
  [ ! -e DEBIAN/conffiles ] || fails "the package" "no conffile" "$(cat DEBIAN/conffiles)"
  expect_equal "Depends" "libc6 (>= $(jq -r '.builds[].min_glibc' usr/lib/allocrun/manifest.json | sort -V | tail -n 1))" \
    "$(dpkg-deb -f "$deb" Depends)"
}

@test "installed: it works, with manual pages, completions and licences; dpkg verifies it" {
  needs_mounts "a root of its own"
  make_root
  dpkg_in_root -i "$deb" || fails "dpkg -i" "success" "$(cat "$BATS_TEST_TMPDIR/dpkg.log")"
  attempt in_root allocrun --require preload,integrity --allocator "$id" -- "$programs/show" -
  expect_malloc "$library"
  attempt in_root dpkg --verify allocrun
  expect_status 0
  expect_out_is ""
  for file in /usr/share/man/man8/allocrun.8.gz /usr/share/man/man5/policy.conf.5.gz \
    /usr/share/man/man7/allocrun-numa.7.gz /usr/share/man/man7/allocrun-tune.7.gz /usr/share/allocrun/presets/gpu-inference.conf \
    /usr/share/bash-completion/completions/allocrun /usr/share/zsh/vendor-completions/_allocrun \
    /usr/share/doc/allocrun/copyright /usr/share/doc/allocrun/examples/policy.conf; do
    in_root test -s "$file" || fails "installed" "$file" "$(in_root dpkg -L allocrun)"
  done
  attempt in_root allocrun --explain --policy /usr/share/doc/allocrun/examples/policy.conf -- true
  expect_status 0
  expect_equal "executables" $'/usr/bin/allocbench\n/usr/bin/allocrun\n/usr/bin/allocrun-node\n/usr/lib/allocrun/jeprof\n/usr/lib/allocrun/probe\n/usr/lib/systemd/system-generators/allocrun-generator' "$(in_root dpkg -L allocrun | while read -r f; do
    ! in_root test -f "$f" -a -x "$f" || echo "$f"; done)"
}

@test "upgraded over a running server: it keeps its library and goes on; a new one has the new; then the way back" {
  needs_mounts "a root of its own"
  make_newer
  make_root
  dpkg_in_root -i "$deb"
  old_sum=$(in_root sha256sum "$library")
  start_server "${in_root[@]}" allocrun --require preload --allocator "$id" --
  expect_equal "mapped before" "$library" "$(mapped "$server" in_root)"
  dpkg_in_root -i "$newer" || fails "dpkg -i" "success" "$(cat "$BATS_TEST_TMPDIR/dpkg.log")"
  more_rounds 3
  expect_equal "mapped after" "$library (deleted)" "$(mapped "$server" in_root)"
  expect_equal "version" "$newer_version" "$(in_root dpkg-query -W -f '${Version}' allocrun)"
  new_sum=$(in_root sha256sum "$library")
  [ "$old_sum" != "$new_sum" ] || fails "upgrade" "another library" "$new_sum"
  first=$server
  start_server "${in_root[@]}" allocrun --require preload,integrity --allocator "$id" --
  expect_equal "mapped by a new server" "$library" "$(mapped "$server" in_root)"
  # Back to the earlier version, under both.
  dpkg_in_root --force-downgrade -i "$deb"
  expect_equal "mapped after the way back" "$library (deleted)" "$(mapped "$server" in_root)"
  expect_equal "the earlier library" "$old_sum" "$(in_root sha256sum "$library")"
  more_rounds 3
  end_server
  server=$first
  end_server
}

@test "removed under a running server: it goes on; nothing is left" {
  needs_mounts "a root of its own"
  make_root
  dpkg_in_root -i "$deb"
  start_server "${in_root[@]}" allocrun --require preload --allocator "$id" --
  dpkg_in_root -r allocrun
  more_rounds 3
  expect_equal "mapped" "$library (deleted)" "$(mapped "$server" in_root)"
  end_server
  expect_equal "what is left of the package" "var/lib/dpkg/info/allocrun.list var/lib/dpkg/info/allocrun.postrm" "$(changed | paste -sd' ')"
  dpkg_in_root -P allocrun
  expect_equal "what is left" "" "$(changed)"
  attempt in_root sh -c 'command -v allocrun'
  [ "$status" -ne 0 ] || fails "purge" "no allocrun" "$out"
}

@test "purged: launch records go, the administrator's policy stays" {
  needs_mounts "a root of its own"
  make_root
  dpkg_in_root -i "$deb"
  in_root mkdir -p /etc/allocrun
  in_root sh -c 'printf "[launch]\nprofile = memory\n" >/etc/allocrun/policy.conf'
  attempt in_root env -u ALLOCRUN_RECORD allocrun -- true
  expect_status 0
  in_root sh -c 'ls /run/allocrun/*.json' >"$BATS_TEST_TMPDIR/records"
  dpkg_in_root -r allocrun
  in_root test -d /run/allocrun
  in_root sh -c 'mkdir -p /var/lib/allocrun && echo {} >/var/lib/allocrun/tune.json'
  dpkg_in_root -P allocrun
  attempt in_root ls /run/allocrun
  [ "$status" -ne 0 ] || fails "purge" "no /run/allocrun" "$out"
  expect_equal "what is left" "etc/allocrun/policy.conf" "$(changed)"
}
