#!/usr/bin/env bats
# Signed checksums: what launcher/package/verify.md tells to do is done.
# shellcheck disable=SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() {
  folder=$BATS_TEST_TMPDIR/packages
  mkdir "$folder"
  cp "$packages"/allocrun-"$version"-"$native"-glibc*.tar.gz "$folder/"
  "$root/launcher/package/sums" "$folder"
  ssh-keygen -q -t ed25519 -N '' -C release -f "$BATS_TEST_TMPDIR/key"
  signer "$BATS_TEST_TMPDIR/key" >"$folder/allowed_signers"
}

signer() { printf 'release@allocrun namespaces="allocrun" %s\n' "$(cut -d' ' -f1-2 "$1.pub")"; }
sign() { "$root/launcher/package/sign" "$@"; }

# verify: the two commands of the page, as they stand there, in $folder.
verify() {
  local commands
  commands=$(awk '/^## Each release/ { on = 1 } on && /^```/ { n++; next } on && n == 1' "$root/launcher/package/verify.md")
  expect_equal "commands of the page" 2 "$(wc -l <<<"$commands")"
  attempt sh -ec "cd '$folder'"$'\n'"$commands"
}

@test "sign: the page's commands find the release good, another key's or a changed one's not" {
  sign "$BATS_TEST_TMPDIR/key" "$folder"
  verify
  expect_status 0
  expect_in "the signature" 'Good "allocrun" signature' "$out"
  expect_in "the checksums" "allocrun-$version-$native-glibc.tar.gz: OK" "$out"

  echo x >>"$folder/allocrun-$version-$native-glibc.tar.gz"
  verify
  expect_status 1
  expect_in "the checksums" "allocrun-$version-$native-glibc.tar.gz: FAILED" "$out"

  # A list that is true of the changed file, but not signed.
  "$root/launcher/package/sums" "$folder"
  verify
  expect_status 255
  expect_in "the signature" "incorrect signature" "$out$err"

  # Signed anew: good again, the old signature is gone. Then by a key that does not count.
  sign "$BATS_TEST_TMPDIR/key" "$folder"
  verify
  expect_status 0
  ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/other"
  sign "$BATS_TEST_TMPDIR/other" "$folder"
  verify
  expect_status 255
}

@test "sign: a signature that was made for something else is none" {
  (cd "$folder" && ssh-keygen -q -Y sign -f "$BATS_TEST_TMPDIR/key" -n file SHA256SUMS)
  verify
  expect_status 255
}

@test "sign: nothing is signed that is not true, without packages, or without a key; one line says why" {
  echo x >>"$folder/allocrun-$version-$native-glibc.tar.gz"
  attempt sign "$BATS_TEST_TMPDIR/key" "$folder"
  expect_status 1
  expect_in "its last word" "nothing is signed" "$err"
  mkdir "$BATS_TEST_TMPDIR/empty"
  attempt sign "$BATS_TEST_TMPDIR/key" "$BATS_TEST_TMPDIR/empty"
  expect_status 1
  expect_in "its word" "no SHA256SUMS" "$err"
  "$root/launcher/package/sums" "$folder"
  attempt sign "$BATS_TEST_TMPDIR/no-key" "$folder"
  expect_status 1
  expect_in "its word" "no such key" "$err"
  echo "no key" >"$BATS_TEST_TMPDIR/bad"
  attempt sign "$BATS_TEST_TMPDIR/bad" "$folder"
  expect_status 1
  expect_in "its word" "cannot sign with this key" "$err"
  expect_equal "what is left" "" "$(find "$folder" -name '*.sig' -o -name '.sign*')"
}
