#!/usr/bin/env bats
# make install and make uninstall.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# make_in TARGET DESTDIR PREFIX
make_in() {
  # Not as a part of the make that may run the tests.
  attempt env -u MAKEFLAGS -u MAKELEVEL make -s -C "$root" "$1" DESTDIR="$2" PREFIX="$3"
  expect_status 0
}

files() { (cd "$1" && find . \( -type f -o -type l \) -printf '%P\n' | sort); }

setup() { stage=$BATS_TEST_TMPDIR/stage; }

@test "installed: works from there, and from a copied and moved tree" {
  make_in install "$stage" /opt/allocrun
  installed=$stage/opt/allocrun
  attempt "$installed/bin/allocrun" --require preload -- "$show" -
  expect_status 0
  expect_in "malloc" "$installed/lib/allocrun/" "$(shown malloc)"
  cp -a "$installed" "$BATS_TEST_TMPDIR/copy"
  mv "$installed" "$BATS_TEST_TMPDIR/moved"
  for tree in copy moved; do
    attempt "$BATS_TEST_TMPDIR/$tree/bin/allocrun" --require preload -- "$show" -
    expect_status 0
    expect_in "malloc" "$BATS_TEST_TMPDIR/$tree/lib/allocrun/" "$(shown malloc)"
  done
}

@test "installed: launcher, builds, licences, manual pages, completions, with their modes" {
  make_in install "$stage" /opt/allocrun
  for file in bin/allocrun bin/allocbench lib/allocrun/manifest.json share/man/man8/allocrun.8 share/man/man1/allocbench.1 share/man/man5/policy.conf.5 \
    share/man/man7/allocrun-numa.7 share/man/man7/allocrun-tune.7 share/allocrun/presets/gpu-inference.conf \
    share/bash-completion/completions/allocrun share/zsh/site-functions/_allocrun; do
    [ -f "$stage/opt/allocrun/$file" ] || fails "make install" "$file" "$(files "$stage")"
  done
  expect_equal "mode of the launcher" 755 "$(stat -c %a "$stage/opt/allocrun/bin/allocrun")"
  expect_equal "files that others cannot read" "" "$(find "$stage" ! -perm -444)"
  expect_equal "files that others can write" "" "$(find "$stage" ! -type l -perm /022)"
  while read -r licence; do
    [ -s "$stage/opt/allocrun/$licence" ] || fails "make install" "$licence" "$(files "$stage")"
  done < <(jq -r '.builds[].licence_file' "$stage/opt/allocrun/lib/allocrun/manifest.json")
}

@test "installed: nothing in it names the place where it was built" {
  make_in install "$stage" /opt/allocrun
  expect_equal "files with the checkout's path" "" "$(grep -rlF "$root/" "$stage" || true)"
}

@test "installed with umask 077: others can use it" {
  mkdir "$stage"
  umask 077
  make_in install "$stage" /opt/allocrun
  umask 022
  expect_equal "folders that others cannot enter" "" "$(find "$stage" -type d ! -perm -555)"
}

@test "uninstalled: nothing is left" {
  make_in install "$stage" /opt/allocrun
  make_in uninstall "$stage" /opt/allocrun
  expect_equal "what is left" "" "$(cd "$stage" && find . -mindepth 1 -path '*allocrun*' ! -path ./opt/allocrun)"
  expect_equal "files left" "" "$(files "$stage")"
}

@test "uninstalled: foreign files and folders stay" {
  mkdir -p "$stage/usr/local"/{bin,lib/allocrun,share/man/man8,etc}
  foreign=(bin/other lib/allocrun/site.so share/man/man8/other.8 etc/other.conf)
  for file in "${foreign[@]}"; do
    echo kept >"$stage/usr/local/$file"
  done
  make_in install "$stage" /usr/local
  make_in uninstall "$stage" /usr/local
  expect_equal "files left" "$(printf '%s\n' "${foreign[@]}" | sort)" "$(files "$stage/usr/local")"
}

@test "installed twice, uninstalled once: nothing is left" {
  make_in install "$stage" /opt/allocrun
  make_in install "$stage" /opt/allocrun
  make_in uninstall "$stage" /opt/allocrun
  expect_equal "files left" "" "$(files "$stage")"
}

@test "DESTDIR and PREFIX with spaces" {
  make_in install "$BATS_TEST_TMPDIR/a b" "/opt/c d"
  attempt "$BATS_TEST_TMPDIR/a b/opt/c d/bin/allocrun" --version
  expect_status 0
  make_in uninstall "$BATS_TEST_TMPDIR/a b" "/opt/c d"
  expect_equal "files left" "" "$(files "$BATS_TEST_TMPDIR/a b")"
}

@test "uninstall where nothing is installed: said, nothing removed" {
  mkdir -p "$stage/opt/allocrun/bin"
  echo kept >"$stage/opt/allocrun/bin/allocrun"
  attempt make -s -C "$root" uninstall DESTDIR="$stage" PREFIX=/opt/allocrun
  [ "$status" -ne 0 ] || fails "$ran" "a failure" "$(attempt_result)"
  expect_err "nothing of allocrun is installed"
  expect_equal "files" opt/allocrun/bin/allocrun "$(files "$stage")"
}
