#!/usr/bin/env bats
# The wheels, installed by pip into environments of their own. Costs 20 s, 20 s for allocbench, and 15 s for the tools, once.
# shellcheck disable=SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

tools=$root/build/tests/package/wheel/bin

# With the tools that look at wheels and install them, as pinned.
setup_file() { python_tools "$root/build/tests/package/wheel" "$BATS_TEST_DIRNAME/wheel-requirements.txt"; }

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
  # The tree of the tarball, with the modes that it needs; units and the program that changes a node stay away.
  expect_equal "files of allocrun-node" "" "$(find "$venv" -name '*allocrun-node*')"
  (cd "$(tree_of "$native-glibc")" && find . -type f ! -name SHA256SUMS ! -name '*allocrun-node*' ! -path './lib/systemd/*' ! -path './lib/tmpfiles.d/*') | while read -r file; do
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

@test "wheel: twine finds every one well; auditwheel finds that it runs on the system of its tag and on older ones" {
  attempt "$tools/twine" check --strict "$packages"/*.whl
  expect_status 0
  expect_equal "wheels that passed" "$(targets | wc -l)" "$(grep -c PASSED <<<"$out")"
  # It knows this machine's libc alone.
  attempt "$tools/auditwheel" show --disable-isa-ext-check "$(wheel_of "$native-glibc")"
  expect_status 0
  tag=$(tr '\n' ' ' <<<"$out" | grep -o 'constrains the platform tag to "manylinux_2_[0-9]*' | grep -o '[0-9]*$')
  [ "$tag" -le 28 ] || fails "auditwheel" "manylinux_2_28 or older" "$out"
}

@test "wheel: uv tool and pipx install it offline, it serves, and they take it away" {
  local work=$BATS_TEST_TMPDIR
  export UV_TOOL_DIR=$work/uv UV_TOOL_BIN_DIR=$work/bin UV_CACHE_DIR=$work/cache PIPX_HOME=$work/pipx PIPX_BIN_DIR=$work/bin \
    PIPX_MAN_DIR=$work/man
  "$tools/uv" tool install -q --offline --no-index --no-python-downloads "$(wheel_of "$native-glibc")"
  serves_from "$work/bin/allocrun" "$work/uv"
  "$tools/uv" tool uninstall -q allocrun
  [ ! -e "$work/bin/allocrun" ] || fails "uv tool uninstall" "nothing" "$(ls "$work/bin")"

  "$tools/pipx" install -q --pip-args=--no-index "$(wheel_of "$native-glibc")" >/dev/null
  serves_from "$work/bin/allocrun" "$work/pipx"
  [ -e "$work/man/man8/allocrun.8" ] || fails "pipx" "the manual pages" "$(find "$work/man")"
  "$tools/pipx" uninstall allocrun >/dev/null
  [ ! -e "$work/bin/allocrun" ] || fails "pipx uninstall" "nothing" "$(ls "$work/bin")"
}

@test "wheel: its extra is what allocbench needs, and then it needs no other environment" {
  local venv=$BATS_TEST_TMPDIR/venv info=allocrun-$version.dist-info
  for target in $(targets); do
    expect_equal "$target: the extra" "$(sed "s/.*/Requires-Dist: &; extra == 'bench'/" "$root/tests/bench/allocbench/requirements.in")" \
      "$(member "$(wheel_of "$target")" "$info/METADATA" | grep '^Requires-Dist: ')"
  done
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --no-input --disable-pip-version-check "$(wheel_of "$native-glibc")[bench]"
  # Without what tells it of another environment, and from another folder.
  cd /
  attempt env -u ALLOCBENCH_VENV XDG_CACHE_HOME="$BATS_TEST_TMPDIR" "$venv/bin/allocbench" run -o "$BATS_TEST_TMPDIR/out" --rounds 1 \
    --arms glibc,balanced --cool 0 --metrics idle_pss --phases burst:5@20,idle:0.3 -- python3 "$root/tests/bench/programs/server.py" '{port}'
  expect_status 0
  expect_in "what was measured" "Too few rounds for a verdict: 1 of at least 7" "$out"
  expect_in "the launcher" "$venv/bin/allocrun" "$(cat "$BATS_TEST_TMPDIR/out/meta.json")"
  [ ! -e "$BATS_TEST_TMPDIR/allocrun" ] || fails "allocbench" "no environment of its own" "$(find "$BATS_TEST_TMPDIR/allocrun")"
}

# serves_from COMMAND FOLDER: what it starts has the jemalloc of that folder.
serves_from() {
  attempt "$1" -- "$suite/programs/show" -
  expect_status 0
  expect_quiet
  [[ $(shown malloc) == "$2"/*/lib/allocrun/*jemalloc* ]] || fails "$ran" "a jemalloc in $2" "$(shown malloc)"
}
