#!/usr/bin/env bats
# --copy-to: the own tree, verified, as a whole or not at all. Costs 6 s.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() { copy=$BATS_TEST_TMPDIR/volume; }

# own_prefix: one that may be broken, in $own.
own_prefix() {
  own=$BATS_TEST_TMPDIR/own
  cp -a "$prefix" "$own"
}

# What lies below a folder, temporary files and all.
names() { (cd "$1" && find . ! -name . | sort); }

@test "--copy-to: a tree that runs, whatever the umask, and nothing to do the second time" {
  attempt bash -c "umask 077; '$allocrun' --copy-to '$copy/allocrun'"
  expect_status 0
  expect_quiet
  attempt "$copy/allocrun/bin/allocrun" -- "$show" -
  expect_status 0
  expect_quiet
  expect_equal "LD_PRELOAD" "$copy/allocrun/lib/allocrun/$(of_build file jemalloc):$copy/allocrun/lib/allocrun/children.so" \
    "$(variable LD_PRELOAD)"
  expect_equal "what others may not read" "" "$(find "$copy" ! -perm -o=r; find "$copy" -type d ! -perm -o=x)"
  # Where it comes from, each one is the same.
  (cd "$copy/allocrun" && find . -type f) | while read -r file; do
    cmp "$copy/allocrun/$file" "$prefix/$file"
  done
  attempt "$copy/allocrun/bin/allocrun" --check --only builds-integrity
  expect_status 0
  before=$(find "$copy" -printf '%p %i %m\n' | sort)
  launch --copy-to "$copy/allocrun"
  expect_out ", 0 of them new"
  expect_equal "the tree" "$before" "$(find "$copy" -printf '%p %i %m\n' | sort)"
  # What is damaged is put right, by a new file: a server may have the old one mapped.
  echo damaged >>"$copy/allocrun/lib/allocrun/probe"
  attempt "$copy/allocrun/bin/allocrun" --copy-to "$copy/allocrun"
  launch --copy-to "$copy/allocrun"
  expect_out ", 1 of them new"
  cmp "$copy/allocrun/lib/allocrun/probe" "$prefix/lib/allocrun/probe"
}

@test "--copy-to: as nobody, without capabilities, in a root that has nothing but allocrun" {
  needs_root "a root of its own"
  image=$BATS_TEST_TMPDIR/image
  mkdir -p "$image/opt" "$image/volume"
  cp -a "$prefix" "$image/opt/allocrun"
  chmod 777 "$image/volume"
  chmod a+rx "$BATS_TEST_TMPDIR" "$image"
  attempt chroot --userspec="$nobody:$nobody" "$image" /opt/allocrun/bin/allocrun --copy-to /volume
  # Without /proc the launcher goes by the path that it was called by.
  expect_status 0
  expect_quiet
  cmp "$image/volume/bin/allocrun" "$allocrun"
  [ -s "$image/volume/lib/allocrun/manifest.json" ]
}

@test "--copy-to: what is not as the manifest or SHA256SUMS says is not copied" {
  own_prefix
  (cd "$own" && find . -type f -printf '%P\n' | xargs -d '\n' sha256sum -- >SHA256SUMS)
  attempt "$own/bin/allocrun" --copy-to "$copy"
  expect_status 0
  rm -r "$copy"
  for file in lib/allocrun/probe "lib/allocrun/$(of_build file jemalloc)"; do
    cp "$own/$file" "$BATS_TEST_TMPDIR/kept"
    printf x >>"$own/$file"
    attempt "$own/bin/allocrun" --copy-to "$copy"
    expect_refusal "$own/$file: has other bytes than the manifest or SHA256SUMS says; nothing was copied"
    [ ! -e "$copy" ] || fails "$ran" "no folder" "$(names "$copy")"
    cp "$BATS_TEST_TMPDIR/kept" "$own/$file"
  done
  rm "$own/lib/allocrun/manifest.json"
  attempt "$own/bin/allocrun" --copy-to "$copy"
  expect_refusal "manifest.json is missing"
  [ ! -e "$copy" ] || fails "$ran" "no folder" "$(names "$copy")"
}

@test "--copy-to: a full disk, a read-only one, a file size limit: one line, and nothing half left" {
  needs_mounts "a small disk"
  mkdir "$copy"
  attempt in_mounts "mount -t tmpfs -o size=2m none '$copy'" bash -c "
    '$allocrun' --copy-to '$copy/a/b'; echo status \$?; find '$copy' -mindepth 1"
  expect_err "No space left on device; nothing was copied"
  expect_out_is "status 125"
  attempt in_mounts "mount -t tmpfs -o ro none '$copy'" bash -c "
    '$allocrun' --copy-to '$copy'; echo status \$?; find '$copy' -mindepth 1"
  expect_err "Read-only file system; nothing was copied"
  expect_out_is "status 125"
  attempt bash -c "ulimit -f 400; '$allocrun' --copy-to '$copy'; echo status \$?; find '$copy' -mindepth 1"
  expect_err "File too large; nothing was copied"
  expect_out_is "status 125"
}

@test "--copy-to: what has a name of ours and is no file stays; the old copy serves on" {
  launch --copy-to "$copy"
  rm "$copy/lib/allocrun/probe"
  mkdir "$copy/lib/allocrun/probe"
  echo old >"$copy/lib/allocrun/manifest.json"
  before=$(names "$copy")
  launch --copy-to "$copy"
  expect_refusal "$copy/lib/allocrun/probe: is there and no regular file; nothing was copied"
  expect_equal "the tree" "$before" "$(names "$copy")"
  expect_equal "the manifest" old "$(<"$copy/lib/allocrun/manifest.json")"
  touch "$BATS_TEST_TMPDIR/file"
  launch --copy-to "$BATS_TEST_TMPDIR/file"
  expect_refusal "Not a directory"
}

# Whoever finds a launcher there can start: looked at between any two renames.
@test "--copy-to: at no moment is there a launcher without what it needs" {
  attempt strace -f -e trace=rename,renameat,renameat2 -o "$BATS_TEST_TMPDIR/trace" "$allocrun" --copy-to "$copy"
  expect_status 0
  expect_equal "the last two" $'manifest.json\nallocrun' \
    "$(sed -n 's|.*rename.*/\([^/"]*\)".*|\1|p' "$BATS_TEST_TMPDIR/trace" | tail -2)"
  # Killed before its first rename: nothing has a name yet.
  attempt strace -f -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal=KILL:when=1 \
    -o "$BATS_TEST_TMPDIR/trace" "$allocrun" --copy-to "$copy-killed"
  [ ! -e "$copy-killed/bin/allocrun" ] || fails "$ran" "no launcher" "one"
  launch --copy-to "$copy-killed"
  expect_status 0
}
