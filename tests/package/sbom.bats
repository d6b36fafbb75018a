#!/usr/bin/env bats
# The bills of materials: SPDX 2.3, valid, true and complete.
# shellcheck disable=SC2154,SC2016 # what helpers.bash reads and sets; jq has variables too
bats_require_minimum_version 1.5.0

load helpers

venv=$root/build/tests/package/sbom

# The validator, as pinned.
setup_file() { python_tools "$root/build/tests/package/sbom" "$BATS_TEST_DIRNAME/requirements.txt"; }

# bill JQ-FILTER TARGET
bill() { jq -r "$1" "$(bill_of "$2")"; }

@test "valid, says the reference validator" {
  for bill in "$packages"/*.spdx.json; do
    attempt "$venv/bin/pyspdxtools" --infile "$bill"
    expect_status 0
    expect_equal "$bill: version" SPDX-2.3 "$(jq -r .spdxVersion "$bill")"
  done
}

@test "the validator does refuse a bill that is wrong" {
  jq '.files[0].checksums[0].checksumValue = "no checksum"' "$(bill_of "$native-glibc")" >"$BATS_TEST_TMPDIR/wrong.spdx.json"
  attempt "$venv/bin/pyspdxtools" --infile "$BATS_TEST_TMPDIR/wrong.spdx.json"
  [ "$status" -ne 0 ] || fails "$ran" "a failure" "$(attempt_result)"
}

@test "the bill beside a tarball is the one inside" {
  for target in $(targets); do
    expect_same_file "$(tree_of "$target")/share/doc/allocrun/allocrun.spdx.json" "$(bill_of "$target")"
  done
}

@test "every file is in it, with its checksums" {
  for target in $(targets); do
    cd "$(tree_of "$target")"
    expect_equal "$target: files" \
      "$(find . -type f ! -name SHA256SUMS ! -name allocrun.spdx.json | sort)" "$(bill '.files[].fileName' "$target" | sort)"
    for algorithm in SHA1 SHA256; do
      attempt "${algorithm,,}sum" -c --quiet <(bill ".files[] |
        \"\(.checksums[] | select(.algorithm == \"$algorithm\").checksumValue)  \(.fileName)\"" "$target")
      expect_status 0
    done
  done
}

@test "every build of the manifest: made from its sources, with version, licence and checksum" {
  for target in $(targets); do
    while read -r file allocator its_version licence source; do
      expect_equal "$target: what $file is made from" "$allocator $its_version $licence $source" "$(bill "
        (.files[] | select(.fileName == \"./lib/allocrun/$file\").SPDXID) as \$file |
        (.relationships[] | select(.spdxElementId == \$file and .relationshipType == \"GENERATED_FROM\").relatedSpdxElement) as \$from |
        .packages[] | select(.SPDXID == \$from) |
        \"\(.name) \(.versionInfo) \(.licenseDeclared) \(.checksums[0].checksumValue)\"" "$target")"
    done < <(jq -r '.builds[] | "\(.file) \(.allocator) \(.version) \(.licence) \(.source_sha256)"' "$(manifest_of "$target")")
  done
}

@test "every library that the launcher is linked with, in the version of its package" {
  for target in $(targets); do
    linked=$(bill '(.files[] | select(.fileName == "./bin/allocrun").SPDXID) as $launcher |
      [.relationships[] | select(.spdxElementId == $launcher and .relationshipType == "STATIC_LINK").relatedSpdxElement] as $to |
      .packages[] | select(.SPDXID as $id | $to | index($id)).name' "$target")
    # Those that design and Makefile name, whatever the map said.
    wanted=$(sed -n 's/^LIBS := //p' "$root/Makefile" | tr ' ' '\n' | sed 's/^-l//; s/^cap$/libcap/; s/^crypto$/openssl/')
    expect_equal "$target" "$(printf '%s\n' "$wanted" glibc libgcc | sort)" "$(sort <<<"$linked")"
  done
  expect_equal "version of libcap" "$(dpkg-query -W -f '${source:Version}' libcap-dev)" \
    "$(bill '.packages[] | select(.name == "libcap").versionInfo' "$native-glibc")"
}

@test "the licence of everything in it is in the tarball" {
  for target in $(targets); do
    while IFS=$'\t' read -r name licence comment; do
      [ "$licence" != NOASSERTION ] || fails "$target: licence of $name" "one" "$licence"
      text=$(tree_of "$target")/${comment#text: }
      [ -s "$text" ] || fails "$target: licence of $name" "a text in ${comment#text: }" "none"
    done < <(bill '.packages[] | "\(.name)\t\(.licenseDeclared)\t\(.licenseComments)"' "$target")
    # The long texts that Debian's copyright files point at.
    cd "$(tree_of "$target")/share/doc/allocrun/licenses"
    while read -r name; do
      [ -s "common-licenses/$name" ] || fails "$target" "common-licenses/$name, which a licence points at" "none"
    done < <(grep -ho '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' ./*.txt | sed 's|.*/||' | sort -u)
  done
}

@test "the bill of the Debian package: valid, and true of what it installs" {
  dpkg-deb -x "$packages"/allocrun_*.deb "$BATS_TEST_TMPDIR/deb"
  cd "$BATS_TEST_TMPDIR/deb/usr"
  attempt "$venv/bin/pyspdxtools" --infile share/doc/allocrun/allocrun.spdx.json
  expect_status 0
  jq -r '.files[] | "\(.checksums[1].checksumValue)  \(.fileName)"' share/doc/allocrun/allocrun.spdx.json >"$BATS_TEST_TMPDIR/sums"
  attempt sha256sum -c --quiet "$BATS_TEST_TMPDIR/sums"
  expect_status 0
  expect_equal "files" "$(find . -type f ! -name allocrun.spdx.json | sort)" "$(sed 's/^[^ ]*  //' "$BATS_TEST_TMPDIR/sums" | sort)"
}

@test "refused: a library that is not what the manifest says; a linked library without a licence" {
  cp -a "$(tree_of "$native-glibc")" "$BATS_TEST_TMPDIR/tree"
  "$root/launcher/package/linked" "$root/build/package/$native/launcher/allocrun.map" >"$BATS_TEST_TMPDIR/linked"
  export SOURCE_DATE_EPOCH=0
  bill_it() { "$root/launcher/package/sbom.py" --name test --linked "$BATS_TEST_TMPDIR/linked" "$BATS_TEST_TMPDIR/tree"; }
  attempt bill_it
  expect_status 0
  echo >>"$BATS_TEST_TMPDIR/tree/lib/allocrun/$(jq -r '.builds[0].file' "$BATS_TEST_TMPDIR/tree/lib/allocrun/manifest.json")"
  attempt bill_it
  expect_status 1
  expect_err "is not the library that the manifest names"
  printf '/usr/lib/libnew.a(new.o)\n' >"$BATS_TEST_TMPDIR/map"
  attempt "$root/launcher/package/linked" "$BATS_TEST_TMPDIR/map"
  expect_status 1
  expect_err "linked with libnew.a: add it, with its licence"
}
