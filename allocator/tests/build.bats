#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# allocator/build: idempotent, reproducible, and never half done. mimalloc stands
# for both where the recipe does not matter: it builds in seconds.

load helpers

setup_file() {
  # Sources as the main build got them; without them the tests would be of the network.
  export ALLOCRUN_SOURCES="${ALLOCRUN_SOURCES:-$repo_dir/build/sources}"
  "$allocator_dir/fetch"
  mkdir "$BATS_FILE_TMPDIR/finished"
  cd "$BATS_FILE_TMPDIR/finished"
  build mimalloc
}
setup() { cd "$BATS_TEST_TMPDIR"; }

# For tests that begin with a finished build: prefix and work of one that was made once.
finished_build() { cp -a "$BATS_FILE_TMPDIR/finished/." .; }

build() { timeout 600 "$allocator_dir/build" --prefix prefix --work work "$@"; }

snapshot() { find prefix work -type f ! -name .lock -printf '%p %T@ %s\n' | sort; }

# Runs the build of NAME until it prints a line with TEXT, then kills all of it.
build_and_kill_at() {
  local text=$1 line pid
  rm -f progress
  mkfifo progress
  setsid "$allocator_dir/build" --prefix prefix --work work --jobs 1 "$2" >progress 2>&1 3>&- &
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

# Neither in the prefix nor in the work folder is anything that looks finished.
assert_nothing_finished() {
  assert_equal "$(find prefix -type f)" '' 'files in the prefix'
  assert_equal "$(find work -mindepth 2 -maxdepth 2 -type d ! -name 'tmp.*')" '' 'finished builds in the work folder'
}

# What the manifest names is there, byte for byte.
assert_whole() {
  local id
  for id in $(jq -r '.builds[].id' "$1/lib/allocrun/manifest.json"); do
    assert_equal "$(sha256sum <"$1/lib/allocrun/$(value_in "$1" "$id" file)" | cut -d' ' -f1)" "$(value_in "$1" "$id" sha256)" "$id"
    [ -s "$1/lib/allocrun/$(value_in "$1" "$id" debug_file)" ] || fail "$id has no debug file"
    [ -s "$1/$(value_in "$1" "$id" licence_file)" ] || fail "$id has no licence file"
  done
}
value_in() { jq -r --arg id "$2" ".builds[] | select(.id == \$id) | .$3" "$1/lib/allocrun/manifest.json"; }

@test "build: interrupted in any step, nothing looks finished, and the next one is whole" {
  local step
  for step in unpack compile link check; do
    build_and_kill_at ": $step" mimalloc
    assert_nothing_finished
  done
  run build mimalloc
  assert_status 0
  assert_contains "$output" compile
  assert_equal "$(find work -name 'tmp.*')" '' 'left over work'
  assert_whole prefix
}

@test "build: interrupted while it configures, nothing looks finished" {
  build_and_kill_at ': configure' jemalloc
  assert_nothing_finished
}

# Every file comes into the prefix by a rename. A mv that ends the build at the Nth of
# them stands for an interruption between any two.
@test "build: interrupted between any two files that it installs, a manifest is only there when all is" {
  local n
  finished_build
  mkdir bin
  cat >bin/mv <<'SH'
#!/usr/bin/env bash
echo >>"$COUNT"
[ "$(wc -l <"$COUNT")" -lt "$KILL_AT" ] || kill -KILL -- "-$(ps -o pgid= "$$" | tr -d ' ')"
exec /bin/mv "$@"
SH
  chmod +x bin/mv
  mkdir fresh
  for ((n = 1; n < 30; n++)); do
    # Into a prefix that has another build of the same: each file of it is replaced.
    rm -rf half && cp -r prefix half
    for file in half/lib/allocrun/*/*/*.so* half/lib/allocrun/*/*/.debug/* half/share/doc/allocrun/licenses/*; do echo old >"$file"; done
    : >count
    COUNT=$PWD/count KILL_AT=$n PATH=$PWD/bin:$PATH run setsid -w timeout 60 \
      "$allocator_dir/build" --prefix half --work work mimalloc
    # The first rename is that of the old manifest; before it all is as it was.
    [ "$n" -eq 1 ] || [ ! -e half/lib/allocrun/manifest.json ] || assert_whole half
    [ "$status" -ne 0 ] || break
  done
  [ "$n" -ge 5 ] || fail "only $n files were renamed"
  assert_equal "$status" 0 'the last one'
  assert_whole half
  # What an interruption left is put right by the next build.
  KILL_AT=3 COUNT=$PWD/count2 PATH=$PWD/bin:$PATH run setsid -w timeout 60 "$allocator_dir/build" --prefix fresh --work work mimalloc
  [ "$status" -ne 0 ] || fail 'was not interrupted'
  run "$allocator_dir/build" --prefix fresh --work work mimalloc
  assert_status 0
  diff -r prefix fresh
}

@test "build: finished work whose library is damaged or gone is built again" {
  finished_build
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

# A disk of its own, so small that the library does not fit.
@test "build: a prefix on a full disk is one line, and has no manifest" {
  [ "$(id -u)" -eq 0 ] || fail 'only root can mount a full disk'
  finished_build
  mkdir small
  run unshare --mount bash -c "
    mount -t tmpfs -o size=150k none small
    '$allocator_dir/build' --prefix small --work work mimalloc
    status=\$?
    find small -name manifest.json -printf 'a manifest'
    find small -name '*.new' -printf 'half a file'
    exit \$status"
  assert_status 1
  assert_equal "${#lines[@]}" 1 'lines of output'
  assert_contains "$output" 'build: cannot write'
  assert_contains "$output" 'No space left'
}

@test "build: a compile error shows the log's end and its path; the old build stays" {
  finished_build
  cp prefix/lib/allocrun/manifest.json before
  cp -r "$allocator_dir" allocator
  echo '#error broken on purpose' >>allocator/mimalloc/fork.c
  run timeout 600 allocator/build --prefix prefix --work work mimalloc
  assert_status 1
  assert_contains "$output" 'broken on purpose'
  assert_contains "$output" "$PWD/work/mimalloc-3.5.0"
  cmp before prefix/lib/allocrun/manifest.json
}

# A machine with everything but the compiler of a target.
@test "build: a missing compiler is one line, for each target" {
  local tool target compiler
  mkdir bin
  for tool in bash env timeout awk sed grep cut paste dirname realpath sha256sum mkdir mktemp rm mv uname nproc sort head \
    cat find xargs ar ld objcopy readelf make autoconf patch tar xz gzip flock; do
    ln -s "$(type -P $tool)" bin/
  done
  for tool in ld objcopy; do
    for target in aarch64-linux-gnu-$tool; do [ -z "$(type -P "$target")" ] || ln -s "$(type -P "$target")" bin/; done
  done
  for target in $(cd "$allocator_dir/targets" && printf '%s\n' *.sh | sed 's/\.sh$//'); do
    case $target in
      "$(uname -m)"-glibc) compiler=gcc ;;
      "$(uname -m)"-musl) compiler=musl-gcc ;;
      *) compiler=${target%-*}-linux-gnu-gcc ;;
    esac
    PATH=$PWD/bin run build --target "$target"
    assert_status 1
    assert_equal "${#lines[@]}" 1 'lines of output'
    [[ $output == 'build: not on this machine: '*"$compiler"* ]] || fail "$target: $output"
    assert_contains "$output" 'tests/require build installs what a build needs'
  done
  [ ! -e work ] || assert_nothing_finished
}

@test "build: unknown recipe, variant, target and option, no prefix: one line and what there is" {
  run build frobmalloc
  assert_status 1
  assert_equal "$output" "build: no recipe 'frobmalloc' (there are: jemalloc jemalloc-prof mimalloc)"
  run build jemalloc-frob
  assert_status 1
  assert_equal "$output" "build: no recipe 'jemalloc-frob' (there are: jemalloc jemalloc-prof mimalloc)"
  # One that there is, but not for the target that is asked for.
  run build "mimalloc-3.5.0-$(uname -m)-musl"
  assert_status 1
  assert_equal "${#lines[@]}" 1 'lines of output'
  for target in sparc-glibc '' ../targets/x86_64-glibc all-glibc; do
    run build --target "$target" mimalloc
    assert_status 1
    assert_equal "${#lines[@]}" 1 'lines of output'
    assert_contains "$output" "no recipes for '$target' (there are:"
  done
  run build --target
  assert_status 125
  run "$allocator_dir/build" --frob
  assert_status 125
  run "$allocator_dir/build"
  assert_status 125
  for jobs in many 0 -1 ''; do
    run build --jobs "$jobs"
    assert_status 125
  done
  [ ! -e prefix ] || assert_nothing_finished
}

@test "build: damaged source, or lock entry without checksum: refused before anything is unpacked" {
  local name file
  # The two allocators, and what the targets of other machines need besides.
  while read -r name _ file; do
    rm -rf cache && mkdir cache
    cp "$ALLOCRUN_SOURCES"/* cache/
    echo damaged >"cache/$file"
    # shellcheck disable=SC2046 # words
    ALLOCRUN_SOURCES=$PWD/cache run build $(whose "$name")
    assert_status 1
    assert_contains "${lines[-1]}" "$(echo damaged | sha256sum | cut -d' ' -f1)"
    assert_contains "${lines[-1]}" "$(awk -v name="[$name]" '/^\[/ { here = $0 == name } here && /^sha256/ { print $3 }' "$allocator_dir/sources.lock")"
    assert_lacks "$output" unpack

    sed "/^\[$name\]/,/^upstream/ { /^sha256/d }" "$allocator_dir/sources.lock" >lock
    # shellcheck disable=SC2046 # words
    run build --lock lock $(whose "$name")
    assert_status 1
    assert_contains "$output" 'no sha256: refused'
    assert_lacks "$output" unpack
    assert_equal "$(find prefix work -type f ! -name .lock)" '' 'files'
  done < <("$allocator_dir/fetch" --list)
}
# What to build that needs a source.
whose() {
  case $1 in
    musl*-arm64) echo --target aarch64-musl mimalloc ;;
    *) echo "$1" ;;
  esac
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
  local id target wanted=()
  mkdir -p 'a deeper/folder with spaces'
  export CFLAGS=-O0 CPPFLAGS=-DNDEBUG=7 LDFLAGS=-Wl,-z,lazy MAKEFLAGS=-n CONFIG_SITE=/dev/null LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=12345 TZ=Asia/Tokyo
  umask 077
  cd 'a deeper/folder with spaces'
  for target in $(targets); do wanted+=(--target "$target"); done
  timeout 1500 "$allocator_dir/build" --prefix prefix --work work --jobs "$(nproc)" "${wanted[@]}"
  cmp "$manifest" prefix/lib/allocrun/manifest.json
  diff -r --exclude=probe --exclude=children.so "$libdir" prefix/lib/allocrun
  for id in $(ids); do
    cmp "$prefix/$(value_of "$id" licence_file)" "prefix/$(value_of "$id" licence_file)"
  done
}
