#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# allocator/build: idempotent, reproducible, and never half done. mimalloc stands
# for both where the recipe does not matter: it builds in seconds.

load helpers

setup_file() {
  # Sources as the main build got them; without them the tests would be of the network.
  export ALLOCRUN_SOURCES="${ALLOCRUN_SOURCES:-$repo_dir/build/sources}"
  "$allocator_dir/fetch"
}
setup() { cd "$BATS_TEST_TMPDIR"; }

build() { timeout 600 "$allocator_dir/build" --prefix prefix --work work "$@"; }

snapshot() { find prefix work -type f ! -name .lock -printf '%p %T@ %s\n' | sort; }

# Runs the build until it prints a line with TEXT, then kills all of it.
build_and_kill_at() {
  local text=$1 line pid
  mkfifo progress
  setsid "$allocator_dir/build" --prefix prefix --work work mimalloc >progress 2>&1 3>&- &
  pid=$!
  while read -r line; do
    [[ $line == *"$text"* ]] && break
  done <progress
  kill -KILL -- "-$pid"
  wait "$pid" || true
  [[ $line == *"$text"* ]] || fail "the build never said: $text"
}

@test "build: a second run with nothing changed does nothing" {
  run build mimalloc
  assert_status 0
  snapshot >before
  run build mimalloc
  assert_status 0
  assert_equal "$output" '==> allocators: nothing to do'
  assert_equal "$(snapshot)" "$(cat before)" 'files and times'

  # What was damaged or lost in the prefix is put back, without building again.
  lib=$(find prefix -name 'libmimalloc*')
  echo damaged >"$lib"
  rm prefix/share/doc/allocrun/licenses/*
  run build mimalloc
  assert_status 0
  assert_lacks "$output" compile
  assert_equal "$(sha256sum <"$lib" | cut -d' ' -f1)" "$(jq -r '.builds[0].sha256' prefix/lib/allocrun/manifest.json)"
  assert_equal "$(find prefix/share -type f | wc -l)" 1 'licence files'

  # Another prefix is filled from the same work.
  run timeout 600 "$allocator_dir/build" --prefix 'other prefix' --work work mimalloc
  assert_status 0
  assert_lacks "$output" compile
  diff -r prefix 'other prefix'
}

@test "build: interrupted while compiling, nothing looks finished, and the next one is whole" {
  build_and_kill_at compile
  [ ! -e prefix/lib/allocrun/manifest.json ] || fail 'a manifest is there'
  assert_equal "$(find prefix -name '*.so*')" '' 'libraries in the prefix'
  run build mimalloc
  assert_status 0
  assert_contains "$output" compile
  assert_equal "$(find work -name 'tmp.*')" '' 'left over work'
  sum=$(jq -r '.builds[0].sha256' prefix/lib/allocrun/manifest.json)
  assert_equal "$(sha256sum <"$(find prefix -name 'libmimalloc*')" | cut -d' ' -f1)" "$sum"
}

@test "build: finished work whose library is damaged or gone is built again" {
  run build mimalloc
  assert_status 0
  sum=$(jq -r '.builds[0].sha256' prefix/lib/allocrun/manifest.json)
  rm -r prefix
  echo damaged >"$(find work -name 'libmimalloc*')"
  run build mimalloc
  assert_status 0
  assert_contains "$output" compile
  assert_equal "$(sha256sum <"$(find prefix -name 'libmimalloc*')" | cut -d' ' -f1)" "$sum"
  find work -name 'libmimalloc*' -delete
  run build mimalloc
  assert_status 0
  assert_contains "$output" compile
}

@test "build: fails on a full disk with the log's end, and leaves nothing that looks finished" {
  run bash -c "ulimit -f 300; trap '' XFSZ; timeout 600 '$allocator_dir/build' --prefix prefix --work work mimalloc"
  assert_status 1
  assert_contains "$output" "build: mimalloc 3.5.0:"
  assert_contains "$output" 'failed; the end of'
  assert_contains "$output" "$PWD/work/mimalloc-3.5.0"
  assert_equal "$(find prefix -type f)" '' 'files in the prefix'
}

@test "build: a compile error shows the log's end and its path; the old build stays" {
  run build mimalloc
  assert_status 0
  cp prefix/lib/allocrun/manifest.json before
  cp -r "$allocator_dir" allocator
  echo '#error broken on purpose' >>allocator/mimalloc/fork.c
  run timeout 600 allocator/build --prefix prefix --work work mimalloc
  assert_status 1
  assert_contains "$output" 'broken on purpose'
  assert_contains "$output" "$PWD/work/mimalloc-3.5.0"
  cmp before prefix/lib/allocrun/manifest.json
}

@test "build: a missing compiler is one line" {
  mkdir bin
  for tool in bash env timeout awk sed grep cut paste dirname realpath sha256sum mkdir mktemp rm mv uname nproc sort head \
    ld objcopy readelf make autoconf patch tar xz gzip flock; do
    ln -s "$(type -P $tool)" bin/
  done
  PATH=$PWD/bin run build mimalloc
  assert_status 1
  assert_equal "$output" 'build: not on this machine: gcc (tests/require build installs what a build needs)'
}

@test "build: unknown recipe, target and option, no prefix: one line and what there is" {
  run build frobmalloc
  assert_status 1
  assert_equal "$output" "build: no recipe 'frobmalloc' (there are: jemalloc mimalloc)"
  run build --target sparc-glibc mimalloc
  assert_status 1
  assert_contains "$output" "no recipes for 'sparc-glibc' (there are:"
  run "$allocator_dir/build" --frob
  assert_status 125
  run "$allocator_dir/build"
  assert_status 125
  run build --jobs many
  assert_status 125
}

@test "build: damaged source, or lock entry without checksum: refused before anything is unpacked" {
  mkdir cache
  echo damaged >cache/mold_2.42.1+dfsg.orig.tar.xz
  ALLOCRUN_SOURCES=$PWD/cache run build mimalloc
  assert_status 1
  assert_contains "$output" "$(echo damaged | sha256sum | cut -d' ' -f1)"
  assert_contains "$output" 91112631d553a1dcc925d0a62ce8a131c69c4aba5e9325a7f350c72b045e945f
  sed '/^sha256/d' "$allocator_dir/sources.lock" >lock
  run build --lock lock mimalloc
  assert_status 1
  assert_contains "$output" 'no sha256: refused'
  assert_equal "$(find prefix work -type f ! -name .lock)" '' 'files'
}

@test "build: two at once in one work folder end with one whole build" {
  build mimalloc >first 2>&1 3>&- &
  run build mimalloc
  assert_status 0
  wait $!
  assert_equal "$(cat first - <<<"$output" | grep -c compile)" 1 'times compiled'
  jq -e '.builds | length == 1' prefix/lib/allocrun/manifest.json
}

@test "build: environment, folder, umask and locale leave no trace: the same bytes, for each build" {
  local id
  mkdir -p 'a deeper/folder with spaces'
  export CFLAGS=-O0 CPPFLAGS=-DNDEBUG=7 LDFLAGS=-Wl,-z,lazy MAKEFLAGS=-n CONFIG_SITE=/dev/null LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=12345 TZ=Asia/Tokyo
  umask 077
  cd 'a deeper/folder with spaces'
  timeout 900 "$allocator_dir/build" --prefix prefix --work work --jobs 1
  for id in $(ids); do
    cmp "$(library_of "$id")" "prefix/lib/allocrun/$(value_of "$id" file)"
    cmp "$prefix/$(value_of "$id" licence_file)" "prefix/$(value_of "$id" licence_file)"
  done
  cmp "$manifest" prefix/lib/allocrun/manifest.json
}
