#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# allocator/fetch: only what the lock file says gets in, and it says why otherwise.
# None of these needs the network.

load helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  mkdir tree cache
  echo 'int main(void) { return 0; }' >tree/main.c
  tar -czf good_1.0.orig.tar.gz tree
  good=$(sha256sum <good_1.0.orig.tar.gz | cut -d' ' -f1)
  write_lock "$good"
  export ALLOCRUN_SOURCES=$PWD/cache
}

write_lock() {
  printf '[good]\nversion = 1.0\nfile = good_1.0.orig.tar.gz\nsha256 = %s\nsubdir = .\nlicence = MIT\ndebian = good=1.0-1 forky\nupstream = nowhere\n' "$1" >lock
}

# Runs fetch on a machine with everything that it needs but apt: or, with files named,
# with the apt that they are.
fetch_without_apt() {
  local tool
  mkdir -p bin
  for tool in bash env awk sed grep cut paste dirname realpath sha256sum mkdir mktemp rm mv cp cat id sort find; do
    ln -sf "$(type -P $tool)" bin/
  done
  [ $# -eq 0 ] || cp "$@" bin/
  run env PATH="$PWD/bin" "$allocator_dir/fetch" --lock lock good
}

# An apt that knows one package of the right checksum and delivers DAMAGED bytes.
fake_apt() {
  mkdir -p fake
  cat >fake/apt-get <<SH
#!/usr/bin/env bash
case "\$*" in
  *--print-uris*) echo "'http://mirror.invalid/debian/dists/\$(. /etc/os-release; echo "\$VERSION_CODENAME")/InRelease' x 0" ;;
  *source*|*download*) $1 ;;
esac
SH
  cat >fake/apt-cache <<SH
#!/usr/bin/env bash
printf 'Package: good\nVersion: 1.0-7\nChecksums-Sha256:\n $good 100 good_1.0.orig.tar.gz\n'
SH
  chmod +x fake/*
}

@test "fetch: an archive that lies in the cache is verified and used, without any apt" {
  cp good_1.0.orig.tar.gz cache/
  fetch_without_apt
  assert_status 0
  assert_equal "$output" '==> good 1.0: good_1.0.orig.tar.gz verified'
}

@test "fetch: a mismatch is refused with both sums, one line, status 1" {
  echo damaged >cache/good_1.0.orig.tar.gz
  bad=$(sha256sum <cache/good_1.0.orig.tar.gz | cut -d' ' -f1)
  run "$allocator_dir/fetch" --lock lock good
  assert_status 1
  assert_equal "${#lines[@]}" 1 'lines of output'
  assert_contains "$output" "$good"
  assert_contains "$output" "$bad"
}

@test "fetch: a damaged download is refused with both sums and leaves nothing behind" {
  fake_apt 'echo damaged >good_1.0.orig.tar.gz'
  fetch_without_apt fake/*
  bad=$(echo damaged | sha256sum | cut -d' ' -f1)
  assert_status 1
  assert_contains "$output" "$good"
  assert_contains "$output" "$bad"
  assert_equal "$(find cache -mindepth 1)" '' 'left in the cache'
}

@test "fetch: a download with the right bytes comes in, whatever the package's revision" {
  fake_apt "[[ \$* == *good=1.0-7* ]] && cp '$PWD/good_1.0.orig.tar.gz' ."
  fetch_without_apt fake/*
  assert_status 0
  assert_equal "$(find cache -mindepth 1)" cache/good_1.0.orig.tar.gz 'left in the cache'
}

@test "fetch: a package of another machine comes in by its name, machine and version, or not at all" {
  mv good_1.0.orig.tar.gz good_1.0_arm64.deb
  sed -i -e 's/^file .*/file = good_1.0_arm64.deb/' -e 's/^debian .*/debian = good:arm64=1.0 bookworm/' lock
  fake_apt "[[ \$* == *'download good=1.0' ]] && cp '$PWD/good_1.0_arm64.deb' ."
  fetch_without_apt fake/*
  assert_status 0
  assert_equal "$(find cache -mindepth 1)" cache/good_1.0_arm64.deb 'left in the cache'

  rm cache/*
  fake_apt 'echo damaged >good_1.0_arm64.deb'
  fetch_without_apt fake/*
  assert_status 1
  assert_contains "$output" "$good"
  assert_equal "$(find cache -mindepth 1)" '' 'left in the cache'
}

@test "fetch: a download that fails leaves nothing behind and says where to put the file" {
  fake_apt 'exit 100'
  fetch_without_apt fake/*
  assert_status 1
  assert_contains "${lines[-1]}" "put it into $PWD/cache by hand"
  assert_lacks "$output" mirror.invalid
  assert_equal "$(find cache -mindepth 1)" '' 'left in the cache'
}

@test "fetch: neither cached nor an apt to ask: one line" {
  fetch_without_apt
  assert_status 1
  assert_equal "${#lines[@]}" 1 'lines of output'
  assert_contains "$output" 'no apt'
}

@test "fetch: a lock entry without a checksum is refused" {
  cp good_1.0.orig.tar.gz cache/
  sed -i '/^sha256/d' lock
  run "$allocator_dir/fetch" --lock lock good
  assert_status 1
  assert_equal "$output" 'fetch: good: the lock entry has no sha256: refused'
}

@test "fetch: an empty, short or misspelt checksum is refused" {
  cp good_1.0.orig.tar.gz cache/
  for sum in '' abc "${good^^}" "${good}0" "$good $good"; do
    write_lock "$sum"
    run "$allocator_dir/fetch" --lock lock good
    assert_status 1
    assert_contains "$output" refused
  done
}

@test "fetch: a file name that leads out of the cache is refused" {
  for name in ../good_1.0.orig.tar.gz /etc/passwd .hidden '' 'a b'; do
    write_lock "$good"
    sed -i "s|^file = .*|file = $name|" lock
    run "$allocator_dir/fetch" --lock lock good
    assert_status 1
    assert_contains "$output" 'not a plain file name'
  done
}

@test "fetch: an unknown name lists the known ones; an unknown option is a usage error" {
  run "$allocator_dir/fetch" --lock lock bad
  assert_status 1
  assert_equal "$output" "fetch: no source 'bad' in the lock file (there are: good)"
  run "$allocator_dir/fetch" --frobnicate
  assert_status 125
  run "$allocator_dir/fetch" --lock missing
  assert_status 1
  assert_contains "$output" 'cannot read the lock file'
}

@test "lock: every entry is complete, and no host of a registry or mirror is named" {
  run "$allocator_dir/fetch" --list
  assert_status 0
  assert_contains "$output" 'jemalloc 5.3.1'
  assert_contains "$output" 'mimalloc 3.5.0'
  run grep -rnE 'https?://[a-z]' "$allocator_dir" --include=sources.lock --include=fetch --include=build --include='*.sh'
  assert_status 1
}
