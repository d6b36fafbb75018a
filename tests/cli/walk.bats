#!/usr/bin/env bats
# Kind A and E, walked: the tools of util-linux and coreutils that drop, enter, unshare or limit do the
# same with and without allocrun. The long form, with servers and other programs: make torture-walk.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

@test "kind A: each tool that drops, enters, unshares or limits does what it does without, directly and as a child" {
  attempt "$root/tests/torture/walk" --short --allocrun "$allocrun"
  [ "$status" -eq 0 ] || fails "$ran" "the same status, stdout and stderr" "$(grep -A8 '^not ok' <<<"$out"; printf '%s' "$err")"
  # As many as there are, of which half need root.
  [ "$(grep -c '^ok' <<<"$out")" -gt 40 ] || fails "$ran" "more than 40 rows" "$out"
}
