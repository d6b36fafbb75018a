#!/usr/bin/env bats
# The RPM package, installed by rpm in a root of its own. No system that lives on RPM can be had here:
# rpm, its database and its scripts are real, dependencies are not looked for. Costs 10 s.
# shellcheck disable=SC2154,SC2016 # what helpers.bash reads and sets; text for shells in the root
bats_require_minimum_version 1.5.0

load helpers

rpm_of() { printf '%s/allocrun-%s-1.%s.rpm' "${2:-$packages}" "${3:-$version}" "$1"; }
query() { rpm -qp --queryformat "$1" "$(rpm_of "${2:-$native}")"; }
rpm_in_root() { in_root rpm --nodeps "$@" >"$BATS_TEST_TMPDIR/rpm.log" 2>&1 || fails "rpm $*" "success" "$(cat "$BATS_TEST_TMPDIR/rpm.log")"; }

setup() {
  id=$(jq -r '.builds[0].id' "$(manifest_of "$native-glibc")")
  library=/usr/lib/allocrun/$(jq -r '.builds[0].file' "$(manifest_of "$native-glibc")")
}

teardown() { end_root; }

@test "rpm: rpmlint finds nothing that has no reason" {
  attempt rpmlint --config "$root/launcher/package/rpmlint.toml" "$packages"/*.rpm
  expect_in "rpmlint" "0 errors, 0 warnings" "$out"
}

@test "rpm: the tarball's files, byte for byte, and its licence; it asks for the libc that the builds ask for" {
  local target machine
  for target in $(targets | grep -- '-glibc$'); do
    machine=${target%-glibc}
    mkdir "$BATS_TEST_TMPDIR/$machine"
    rpm2cpio "$(rpm_of "$machine")" >"$BATS_TEST_TMPDIR/cpio"
    (cd "$BATS_TEST_TMPDIR/$machine" && cpio -id --quiet <"$BATS_TEST_TMPDIR/cpio")
    diff -r --exclude SHA256SUMS "$(tree_of "$target")" "$BATS_TEST_TMPDIR/$machine/usr"
    expect_equal "$machine: requires" "glibc >= $(jq -r '.builds[].min_glibc' "$(manifest_of "$target")" | sort -V | tail -n 1)" \
      "$(rpm -qp --requires "$(rpm_of "$machine")" | grep -vE '^rpmlib\(|^/bin/sh$')"
    expect_equal "$machine: licence" "$(jq -r '[.packages[].licenseDeclared] | unique | map(if test(" OR ") then "(\(.))" else . end) | join(" AND ")' \
      "$(bill_of "$target")" | tr ' ' '\n' | sort)" "$(query '%{license}' "$machine" | tr ' ' '\n' | sort)"
  done
}

@test "rpm: the same tarball gives the same bytes" {
  mkdir "$BATS_TEST_TMPDIR/again"
  cp "$packages/allocrun-$version-$native-glibc.tar.gz" "$BATS_TEST_TMPDIR/again"
  (umask 077 && "$root/launcher/package/rpm" "$BATS_TEST_TMPDIR/again" >/dev/null)
  cmp "$(rpm_of "$native")" "$(rpm_of "$native" "$BATS_TEST_TMPDIR/again")"
}

@test "rpm: installed, upgraded under a running server, removed: the server goes on and nothing is left" {
  local newer=$BATS_TEST_TMPDIR/newer tree old_sum
  needs_mounts "a root of its own"
  make_root
  rpm_in_root -i "$(rpm_of "$native")"
  attempt in_root rpm -V --nodeps allocrun
  expect_status 0
  expect_out_is ""
  attempt in_root allocrun --require preload,integrity --allocator "$id" -- "$suite/programs/show" -
  expect_malloc "$library"
  attempt in_root env -u ALLOCRUN_RECORD allocrun -- true
  expect_status 0
  in_root sh -c 'mkdir -p /etc/allocrun && printf "[launch]\nprofile = memory\n" >/etc/allocrun/policy.conf'
  old_sum=$(in_root sha256sum "$library")
  start_server "${in_root[@]}" allocrun --require preload --allocator "$id" --

  mkdir "$newer"
  tree=$newer/allocrun-$version+test1
  cp -a "$(tree_of "$native-glibc")" "$tree"
  change_libraries "$tree"
  tar -C "$newer" -czf "$newer/allocrun-$version+test1-$native-glibc.tar.gz" "allocrun-$version+test1"
  "$root/launcher/package/rpm" "$newer" >/dev/null
  rpm_in_root -U "$(rpm_of "$native" "$newer" "$version+test1")"
  expect_equal "mapped" "$library (deleted)" "$(mapped "$server" in_root)"
  [ "$old_sum" != "$(in_root sha256sum "$library")" ] || fails "upgrade" "another library" "$old_sum"
  more_rounds 3
  in_root sh -c 'ls /run/allocrun/*.json' >/dev/null || fails "upgrade" "records stay" "they are gone"
  attempt in_root allocrun --require preload,integrity --allocator "$id" -- "$suite/programs/show" -
  expect_malloc "$library"

  rpm_in_root -e allocrun
  more_rounds 3
  end_server
  attempt in_root ls /run/allocrun
  [ "$status" -ne 0 ] || fails "rpm -e" "no /run/allocrun" "$out"
  expect_equal "what is left" "etc/allocrun/policy.conf" "$(changed)"
}

# By tests/fleet/artefacts.bats what the .deb leaves; that one's units need a systemd.
@test "rpm: removed beside a fleet's versions it leaves their journal and the launch records" {
  needs_mounts "a root of its own"
  make_root
  rpm_in_root -i "$(rpm_of "$native")"
  in_root sh -c 'mkdir -p /opt/allocrun/versions/0.0.9 /var/lib/allocrun /run/allocrun && echo {} | tee /var/lib/allocrun/rollout.json >/run/allocrun/1.json'
  rpm_in_root -e allocrun
  in_root test -s /var/lib/allocrun/rollout.json -a -s /run/allocrun/1.json || fails "rpm -e" "the fleet's own" "it is gone"
}
