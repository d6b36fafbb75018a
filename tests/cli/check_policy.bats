#!/usr/bin/env bats
# allocrun --check and [check] of the policy file.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

bad=hgx-8gpu-two-socket

# audit_with [OPTION]...: with the policy on stdin.
audit_with() {
  policy "$BATS_TEST_TMPDIR/policy.conf"
  launch --check --sysroot "$root/tests/machines/$bad" --skip builds-integrity --policy "$policy_file" --format json "$@"
}
finding() { jq -r --arg id "$1" ".findings[] | select(.id == \$id) | .$2" <<<"$out"; }

@test "ignored with a reason: does not count, and is shown with it" {
  audit_with <<<$'[check]\nignore.autonuma = the vendor wants it\nignore.mempolicy-allowed = captured'
  expect_status 0
  expect_equal autonuma "fail" "$(finding autonuma status)"
  expect_equal autonuma "the vendor wants it" "$(finding autonuma ignored)"
  expect_equal summary "0 2" "$(jq -r '"\(.summary.fail) \(.summary.ignored)"' <<<"$out")"
}

@test "an ignore ends with its day" {
  audit_with <<<$'[check]\nignore.autonuma = until 2999-12-31: new nodes\nignore.mempolicy-allowed = captured'
  expect_status 0
  expect_equal autonuma "new nodes" "$(finding autonuma ignored)"
  audit_with <<<$'[check]\nignore.autonuma = until 2020-02-29: new nodes'
  expect_status 2
  expect_equal autonuma null "$(finding autonuma ignored)"
  expect_equal policy-ignores warn "$(finding policy-ignores status)"
  expect_match policy-ignores 'autonuma has expired on 2020-02-29 \(.*policy.conf:2\)' "$(finding policy-ignores observed)"
}

@test "an ignore that matches nothing is reported" {
  audit_with --only thp-cmdline,policy-ignores <<<$'[check]\nignore.thp-cmdline = long ago'
  expect_status 0
  expect_equal policy-ignores warn "$(finding policy-ignores status)"
  expect_in policy-ignores "thp-cmdline matches nothing" "$(finding policy-ignores observed)"
  audit_with --only thp-cmdline,policy-ignores --fail-on warn <<<$'[check]\nignore.thp-cmdline = long ago'
  expect_status 1
}

@test "thresholds move what warns and fails" {
  audit_with --only oom-headroom <<<$'[check]\noom-headroom-warn = 1\noom-headroom-fail = 100'
  local before after
  before=$(finding oom-headroom status)
  audit_with --only oom-headroom <<<$'[check]\noom-headroom-warn = 100\noom-headroom-fail = 100'
  after=$(finding oom-headroom status)
  expect_equal "before, after" "warn ok" "$before $after"
}

@test "bad values in a named file: 125 with file and line" {
  local row
  for row in "ignore.thp-mdoe = x|no check 'thp-mdoe' to ignore (did you mean 'thp-mode'?)" \
    "ignore.thp-mode =|needs a reason" "ignore.thp-mode = until 2027-02-30: x|'2027-02-30' is no date" \
    "ignore = thp-mode|no key 'ignore'" "oom-headroom-warn = lots|bad value 'lots'" \
    "oom-headroom-warn = 99|oom-headroom-warn (99) lies beyond oom-headroom-fail (92)"; do
    audit_with <<<$'[check]\n'"${row%%|*}"
    expect_refusal "policy.conf:2: " "${row#*|}"
  done
}

@test "the default policy with an error: ignored as a whole, and --check fails on it" {
  needs_mounts "an /etc of its own"
  policy <<<$'[check]\nignore.policy-file = no\n[launch]\nnumb = off'
  attempt in_etc "$allocrun" --check --only policy-file,policy-ignores --format json
  expect_status 2
  expect_equal policy-file fail "$(finding policy-file status)"
  expect_in policy-file "policy.conf:4: no key 'numb'" "$(finding policy-file observed)"
  policy <<<$'[check]\nspare = 5'
  attempt in_etc "$allocrun" --check --only policy-file --format json
  expect_status 0
  expect_equal policy-file /etc/allocrun/policy.conf "$(finding policy-file observed)"
}

@test "a launch reads [check] and is not concerned by it" {
  policy "$BATS_TEST_TMPDIR/p.conf" <<<$'[check]\nignore.thp-mode = x\nspare = 5'
  launch --policy "$policy_file" -- true
  expect_status 0
  expect_quiet
}
