#!/usr/bin/env bats
# The wheels, installed by pip into environments of their own. Costs 15 s.
# shellcheck disable=SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

wheel_of() {
  local platform=manylinux_2_28
  [ "${1#*-}" = glibc ] || platform=musllinux_1_2
  printf '%s/allocrun-%s-py3-none-%s_%s.whl' "$packages" "$version" "$platform" "${1%%-*}"
}

# member WHEEL NAME: one file of it.
member() { python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' "$@"; }

@test "wheel: pip installs it, a server runs under it, and no file is left of it" {
  local venv=$BATS_TEST_TMPDIR/venv before
  python3 -m venv "$venv"
  # Empty folders, two levels above what it had put there, pip leaves.
  before=$(cd "$venv" && find . ! -type d | grep -v __pycache__ | sort)
  "$venv/bin/pip" install -q --no-index --disable-pip-version-check "$(wheel_of "$native-glibc")"
  attempt "$venv/bin/allocrun" -- "$suite/programs/show" -
  expect_status 0
  expect_quiet
  [[ $(shown malloc) == "$venv"/lib/allocrun/*jemalloc* ]] || fails "$ran" "the wheel's jemalloc" "$(shown malloc)"
  attempt "$venv/bin/allocrun" --check --only builds-integrity
  expect_status 0
  # The tree of the tarball, with the modes that it needs.
  (cd "$(tree_of "$native-glibc")" && find . -type f ! -name SHA256SUMS) | while read -r file; do
    cmp "$(tree_of "$native-glibc")/$file" "$venv/$file"
    [ ! -x "$(tree_of "$native-glibc")/$file" ] || [ -x "$venv/$file" ] || fails "$file" "executable" "$(stat -c %A "$venv/$file")"
  done
  "$venv/bin/pip" uninstall -q -y --disable-pip-version-check allocrun
  expect_equal "the environment" "$before" "$(cd "$venv" && find . ! -type d | grep -v __pycache__ | sort)"
}

@test "wheel: the same tarball gives the same bytes, and each target has one" {
  for target in $(targets); do
    "$root/launcher/package/wheel.py" "$packages/allocrun-$version-$target.tar.gz" "$BATS_TEST_TMPDIR"
    cmp "$(wheel_of "$target")" "$BATS_TEST_TMPDIR/$(basename "$(wheel_of "$target")")"
  done
}

@test "wheel: licences and the bill of materials lie where tools look for them" {
  local wheel info=allocrun-$version.dist-info
  for target in $(targets); do
    wheel=$(wheel_of "$target")
    python3 -m zipfile -t "$wheel" >/dev/null
    expect_equal "the bill of $wheel" "$(sha256sum <"$(bill_of "$target")")" \
      "$(member "$wheel" "$info/sboms/allocrun.spdx.json" | sha256sum)"
    member "$wheel" "$info/METADATA" | sed -n 's/^License-File: //p' | while read -r file; do
      member "$wheel" "$info/licenses/$file" | cmp - "$(tree_of "$target")/share/doc/allocrun/licenses/$file"
    done
    member "$wheel" "$info/WHEEL" | grep -qx "Tag: py3-none-$(basename "${wheel#*-py3-none-}" .whl)"
  done
}
