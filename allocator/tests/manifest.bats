#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# What the manifest says, and the files that it speaks of.

load helpers

@test "manifest: every build has every key, with a value of the right form" {
  run jq -e '
    .manifest == 1 and (.builds | length) >= 2 and all(.builds[];
      (.id | test("^[a-z]+-[0-9.]+(-[a-z]+)?-(x86_64|aarch64)-(glibc|musl)$"))
      and .allocator and .version and (.variant | type) == "string"
      and (.file | startswith("/") | not) and .machine and .libc
      and (.min_glibc | test("^2\\.[0-9]+$")) and (.page_size | type) == "number"
      and (.build_id | test("^[0-9a-f]{40}$")) and (.sha256 | test("^[0-9a-f]{64}$"))
      and (.source_sha256 | test("^[0-9a-f]{64}$")) and (.flags | length) > 0
      and (.compiler | length) > 0 and (.features | index("cxx")) and .licence and .licence_file)
  ' "$manifest"
  assert_status 0
}

@test "manifest: jemalloc 5.3.1 and mimalloc 3.5.0 are there for this machine" {
  run ids
  assert_contains "$output" "jemalloc-5.3.1-$(uname -m)-glibc"
  assert_contains "$output" "mimalloc-3.5.0-$(uname -m)-glibc"
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
