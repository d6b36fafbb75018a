#!/usr/bin/env bats
# make install over an earlier installation, and uninstall, under a running server.
# shellcheck disable=SC2154,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

install_tree() { "$root/launcher/package/install" "$1" "$place"; }
uninstall() { "$root/launcher/package/uninstall" "$place"; }

# The folder of an installation, and the tree of another version.
setup() {
  place=$BATS_TEST_TMPDIR/place
  tree=$(tree_of "$native-glibc")
  newer=$BATS_TEST_TMPDIR/newer
  cp -a "$tree" "$newer"
  change_libraries "$newer"
  library=$place/lib/allocrun/$(jq -r '.builds[0].file' "$(manifest_of "$native-glibc")")
  id=$(jq -r '.builds[0].id' "$(manifest_of "$native-glibc")")
  old_sum=$(sum_of "$tree${library#"$place"}")
  new_sum=$(sum_of "$newer${library#"$place"}")
}

# A test that fails leaves no server behind.
teardown() { [ -z "${server:-}" ] || kill -KILL "$server" 2>/dev/null || true; }

@test "another version over it: a running server keeps its library and goes on; a new one has the new" {
  install_tree "$tree"
  start_server "$place/bin/allocrun" --require preload --allocator "$id" --
  expect_equal "mapped before" "$library" "$(mapped "$server")"
  exec 7<"$library"
  for _ in 1 2 3; do
    install_tree "$newer"
    more_rounds 3
    install_tree "$tree"
    more_rounds 3
  done
  install_tree "$newer"
  expect_equal "mapped after" "$library (deleted)" "$(mapped "$server")"
  expect_equal "the old library's bytes" "$old_sum" "$(sha256sum <&7 | cut -d' ' -f1)"
  exec 7<&-
  expect_equal "the installed library" "$new_sum" "$(sum_of "$library")"
  old_server=$server
  start_server "$place/bin/allocrun" --require preload,integrity --allocator "$id" --
  expect_equal "mapped by a new server" "$library" "$(mapped "$server")"
  end_server
  server=$old_server
  end_server
}

@test "taken away: a running server goes on, and nothing is left" {
  install_tree "$tree"
  start_server "$place/bin/allocrun" --require preload --allocator "$id" --
  uninstall
  [ ! -e "$place" ] || fails "uninstall" "nothing left" "$(find "$place")"
  expect_equal "mapped" "$library (deleted)" "$(mapped "$server")"
  more_rounds 3
  end_server
}

@test "each file comes by a rename, the manifest after the libraries, the launcher last" {
  echo newer >>"$newer/bin/allocrun"
  install_tree "$tree"
  attempt strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=openat,creat,rename,renameat,renameat2,unlink,unlinkat,truncate,ftruncate \
    "$root/launcher/package/install" "$newer" "$place"
  expect_status 0
  expect_equal "installed files that were written to, cut or unlinked" "" "$(
    grep -E 'O_WRONLY|O_RDWR|O_CREAT|creat\(|truncate|unlink' "$BATS_TEST_TMPDIR/trace" |
      grep -F "\"$place/" | grep -v '\.new"' || true)"
  order=$(sed -nE "s|.*rename.*\"$place/([^\"]*)\.new\".* = 0|\1|p" "$BATS_TEST_TMPDIR/trace" | grep -v installed-files)
  expect_match "order" "libjemalloc[^ ]* .*lib/allocrun/manifest.json bin/allocrun$" "$(paste -sd' ' <<<"$order")"
}

@test "what did not change is not written again" {
  install_tree "$tree"
  before=$(cd "$place" && find . -type f ! -name installed-files -printf '%i %T@ %P\n')
  install_tree "$tree"
  expect_equal "inodes and times" "$before" "$(cd "$place" && find . -type f ! -name installed-files -printf '%i %T@ %P\n')"
}

@test "what only the earlier version had goes, with its folder; foreign files stay" {
  cp -a "$tree" "$BATS_TEST_TMPDIR/earlier"
  mkdir -p "$BATS_TEST_TMPDIR/earlier/lib/allocrun/old-build"
  echo old | tee "$BATS_TEST_TMPDIR/earlier/lib/allocrun/old-build/lib.so" >"$BATS_TEST_TMPDIR/earlier/bin/old-tool"
  install_tree "$BATS_TEST_TMPDIR/earlier"
  echo mine >"$place/bin/mine"
  install_tree "$tree"
  expect_equal "files" "$({ cd "$tree" && find . -type f; echo ./bin/mine; echo ./lib/allocrun/installed-files; } | sort)" \
    "$(cd "$place" && find . -type f | sort)"
  [ ! -e "$place/lib/allocrun/old-build" ] || fails "install" "no empty folder of the earlier version" "one"
  uninstall
  expect_equal "left" "./bin/mine" "$(cd "$place" && find . -type f)"
}

# full_disk N COMMAND...: the Nth rename of COMMAND fails.
full_disk() {
  local bin=$BATS_TEST_TMPDIR/bin
  mkdir -p "$bin"
  echo 0 >"$bin/calls"
  cat >"$bin/mv" <<MV
#!/bin/sh
n=\$((\$(cat '$bin/calls') + 1))
echo \$n >'$bin/calls'
[ \$n -ne $1 ] || { echo 'mv: no space left' >&2; exit 1; }
exec $(command -v mv) "\$@"
MV
  chmod +x "$bin/mv"
  PATH=$bin:$PATH attempt "${@:2}"
  [ "$status" -ne 0 ] || fails "$ran, rename $1 failing" "a failure" "$(attempt_result)"
}

@test "interrupted anywhere, at first and over an earlier one: what was there works, and all of it can be taken away" {
  for step in 1 2 3 9 14; do
    full_disk "$step" "$root/launcher/package/install" "$tree" "$place"
    [ ! -e "$place" ] || uninstall
    [ ! -e "$place" ] || fails "interrupted at first, uninstalled" "nothing left" "$(find "$place")"
  done
  install_tree "$tree"
  for step in 1 2 3 4 5; do
    change_libraries "$newer"
    echo "$step" | tee -a "$newer/bin/allocrun" >>"$newer/share/man/man8/allocrun.8"
    full_disk "$step" "$root/launcher/package/install" "$newer" "$place"
    attempt "$place/bin/allocrun" --require preload -- "$show" -
    expect_status 0
  done
  uninstall
  [ ! -e "$place" ] || fails "uninstall" "nothing left" "$(find "$place")"
}

@test "refused: a tree without a manifest is not finished" {
  rm "$newer/lib/allocrun/manifest.json"
  attempt "$root/launcher/package/install" "$newer" "$place"
  expect_status 1
  expect_err "nothing finished to install"
  [ ! -e "$place" ] || fails "install" "nothing put there" "$(find "$place")"
}
