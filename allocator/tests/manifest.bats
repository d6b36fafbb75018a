#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# What the manifest says, and the files that it speaks of.

load helpers

@test "manifest: every build has every key, with a value of the right form" {
  run jq -e '
    .manifest == 1 and (.builds | length) >= 3 and all(.builds[];
      (.id | test("^[a-z]+-[0-9.]+(-[a-z]+)?-(x86_64|aarch64)-(glibc|musl)(-[0-9]+k)?$"))
      and .allocator and .version and (.variant | type) == "string"
      and (.file | startswith("/") | not) and (.debug_file | startswith("/") | not)
      and (.tools | type) == "array" and .machine and .isa
      and (if .libc == "glibc" then .min_glibc | test("^2\\.[0-9]+$") else .libc == "musl" and .min_glibc == null end)
      and (.page_size == 4096 or .page_size == 65536)
      and (.build_id | test("^[0-9a-f]{40}$")) and (.sha256 | test("^[0-9a-f]{64}$"))
      and (.source_sha256 | test("^[0-9a-f]{64}$")) and (.flags | length) > 0
      and (.compiler | length) > 0 and (.features | index("cxx")) and .licence and .licence_file)
  ' "$manifest"
  assert_status 0
}

@test "manifest: no two builds have the same id, file, bytes or build ID" {
  local key
  for key in id file sha256 build_id debug_file; do
    assert_equal "$(jq -r ".builds[].$key" "$manifest" | sort | uniq -d)" '' "the same $key"
  done
}

says_what_it_is() {
  local expected
  expected=$(jq -r --arg id "$1" '.builds[] | select(.id == $id) |
    "\(.allocator)-\(.version)\(if .variant == "" then "" else "-" + .variant end)-\(.machine)-\(.libc)"' "$manifest")
  [[ $1 =~ ^"$expected"(-[0-9]+k)?$ ]] || fail "the entry of $1 is that of $expected"
  [[ $1 != *k ]] || assert_equal "$(value_of "$1" page_size)" $((${BASH_REMATCH[1]//[^0-9]/} * 1024)) 'page size'
  assert_equal "$(value_of "$1" 'variant == "prof"')" "$(value_of "$1" 'features | index("prof") != null')" 'profiling'
}
@test "manifest: the id says allocator, version, variant, machine, libc and page size" { each_build says_what_it_is; }

# Of this machine with glibc, or of what ALLOCRUN_TARGETS names ("all" is a target);
# and where there is one build of a target, there are all of that target.
@test "manifest: every build that was asked for is there" {
  local target id
  for target in ${ALLOCRUN_TARGETS:-$(uname -m)-glibc} $(targets); do
    run "$allocator_dir/build" --list --target "$target"
    assert_status 0
    for id in $output; do
      assert_contains " $(ids | paste -sd' ') " " $id " "not in the manifest"
    done
  done
}

@test "manifest: names no folder of this machine" {
  run cat "$manifest"
  assert_lacks "$output" "$repo_dir"
  assert_lacks "$output" "$prefix"
}

bytes_match() {
  assert_equal "$(sha256sum <"$(library_of "$1")" | cut -d' ' -f1)" "$(value_of "$1" sha256)" 'sha256 of the library'
  assert_equal "$(readelf -nW "$(library_of "$1")" | sed -n 's/.*Build ID: //p')" "$(value_of "$1" build_id)" 'build ID'
}
@test "manifest: checksum and build ID are those of the library" { each_build bytes_match; }

source_matches() {
  local lock=$allocator_dir/sources.lock
  assert_contains "$(cat "$lock")" "$(value_of "$1" source_sha256)" 'the source is one of sources.lock'
}
@test "manifest: every source checksum is in sources.lock" { each_build source_matches; }

licence_is_there() {
  local file
  file=$prefix/$(value_of "$1" licence_file)
  [ -s "$file" ] || fail "no licence file $file"
  assert_contains "$(cat "$file")" 'Copyright'
}
@test "manifest: the licence of every build is installed" { each_build licence_is_there; }

debug_file_is_there() {
  local file
  file=$libdir/$(value_of "$1" debug_file)
  assert_equal "$(readelf -nW "$file" | sed -n 's/.*Build ID: //p')" "$(value_of "$1" build_id)" 'build ID of the debug file'
  assert_equal "$(basename "$file")" "$(value_of "$1" build_id).debug" 'name of the debug file'
}
@test "manifest: the debug file of every build is that build's" { each_build debug_file_is_there; }

tools_are_there() {
  local tool
  for tool in $(value_of "$1" 'tools[]'); do
    [ -x "$libdir/$tool" ] || fail "no program $libdir/$tool"
  done
}
@test "manifest: the tools of every build can be run" { each_build tools_are_there; }

@test "manifest: nothing lies in the prefix that it does not name" {
  local named
  named=$(
    jq -r '.builds[] | .file, .debug_file, .tools[]' "$manifest"
    jq -r '.builds[0].file | split("/")[0] + "/README"' "$manifest"
    echo manifest.json
  )
  assert_equal "$(cd "$libdir" && find . -type f ! -name probe -printf '%P\n' | sort)" "$(sort -u <<<"$named")" 'files in lib/allocrun'
}
