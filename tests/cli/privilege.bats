#!/usr/bin/env bats
# --user, --keep-caps, --no-new-privs: read back from /proc/self/status of the command.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() { needs_root "to give up privileges"; }

# status_of [OPTION]...: /proc/self/status of a command that is launched so.
status_of() {
  launch "$@" -- cat /proc/self/status
  expect_status 0
}

# expect_field NAME VALUE: blanks between values are one space.
expect_field() {
  local value
  value=$(sed -n "s/^$1:[[:space:]]*//p" <<<"$out" | tr -s '\t ' '  ' | sed 's/ $//')
  [ "$value" = "$2" ] || fails "$ran: $1 in its status" "$2" "$value"
}

none=0000000000000000
net_bind_service=0000000000000400

@test "--user NAME: ids, groups, no capabilities" {
  make_etc
  attempt in_etc "$allocrun" --user server -- cat /proc/self/status
  expect_status 0
  expect_quiet
  expect_field Uid "4242 4242 4242 4242"
  expect_field Gid "4343 4343 4343 4343"
  expect_field Groups "4300 4301 4343"
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    expect_field "$set" "$none"
  done
}

@test "--user NAME:GROUP, UID, UID:GID, NAME:GID" {
  make_etc
  rows=("server:models 4242 4300" "4242 4242 4343" "4242:video 4242 4301" "777:888 777 888" "server:99 4242 99" "0:0 0 0")
  for row in "${rows[@]}"; do
    read -r user uid gid <<<"$row"
    attempt in_etc "$allocrun" --user "$user" -- cat /proc/self/status
    expect_status 0
    expect_field Uid "$uid $uid $uid $uid"
    expect_field Gid "$gid $gid $gid $gid"
  done
  attempt in_etc "$allocrun" --user 777:888 -- cat /proc/self/status
  expect_field Groups 888
}

@test "--user: HOME, USER and LOGNAME follow" {
  make_etc
  attempt in_etc env HOME=/root USER=root LOGNAME=root "$allocrun" --user server -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable HOME /var/lib/server
  expect_variable USER server
  expect_variable LOGNAME server
}

@test "--user: the allocator serves the user's process" {
  launch --user nobody -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_equal "ids" "65534 65534 65534 65534" "$(shown ids)"
  expect_equal "AT_SECURE" 0 "$(shown secure)"
}

@test "--user unknown: 125, nothing executed" {
  for user in nosuchuser 4294967295 99999999999 nobody:nosuchgroup 31337; do
    launch --user "$user" -- touch "$BATS_TEST_TMPDIR/executed"
    expect_refusal "user is required and cannot be done"
  done
  [ ! -e "$BATS_TEST_TMPDIR/executed" ] || fails "$ran" "nothing executed" "the command ran"
  launch --prefer user --user nosuchuser -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "going on without user"
}

@test "--user of somebody else, as a user: 125, nothing executed" {
  attempt "${as_nobody[@]}" "$allocrun" --user root -- "$show" -
  expect_refusal "user is required and cannot be done" "CAP_SETUID"
}

@test "--user with a library that it cannot read: no preload, said, the server runs" {
  make_prefix
  chmod 700 "$other"
  attempt "$other/bin/allocrun" --user nobody --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_system_malloc
  expect_no_variable LD_PRELOAD
  expect_err "$(basename "$(dirname "$(other_library jemalloc)")")"
  expect_err "the user cannot read it: Permission denied (tried, for the user or the capabilities change)"
  expect_no_err "ERROR: ld.so"
  json=$(<"$BATS_TEST_TMPDIR/record")
  expect_step preload refused
  expect_step user "done"
  expect_of '.environment.LD_PRELOAD' null
  # What was in LD_PRELOAD before is there again.
  attempt env LD_PRELOAD="$libraries/libother.so" "$other/bin/allocrun" --user nobody -- "$show" -
  expect_variable LD_PRELOAD "$libraries/libother.so"
}

@test "--user with a library that it cannot read, and preload required: 125, before anything is done" {
  make_prefix
  chmod 700 "$other"
  attempt "$other/bin/allocrun" --user nobody --require preload --record "$BATS_TEST_TMPDIR/record" -- "$show" -
  expect_refusal "preload is required and cannot be done" "the user cannot read"
  [ ! -e "$BATS_TEST_TMPDIR/record" ] || fails "$ran" "no record" "$(<"$BATS_TEST_TMPDIR/record")"
}

@test "--user with a command that it may not execute: 126, and the record says so" {
  cp "$show" "$BATS_TEST_TMPDIR/show"
  chmod 700 "$BATS_TEST_TMPDIR/show"
  launch --user nobody --record "$BATS_TEST_TMPDIR/record" -- "$BATS_TEST_TMPDIR/show" -
  expect_status 126
  expect_err "'$BATS_TEST_TMPDIR/show': Permission denied"
  expect_equal "not_started" "Permission denied" "$(jq -r .not_started "$BATS_TEST_TMPDIR/record")"
}

@test "--keep-caps none: every set is empty, also for root" {
  status_of --keep-caps none
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    expect_field "$set" "$none"
  done
  expect_field Uid "0 0 0 0"
}

@test "--keep-caps LIST: bounding and ambient sets have these alone" {
  for list in net_bind_service CAP_NET_BIND_SERVICE; do
    status_of --keep-caps "$list"
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
      expect_field "$set" "$net_bind_service"
    done
  done
  status_of --keep-caps net_bind_service,chown
  expect_field CapEff 0000000000000401
}

@test "--user with --keep-caps LIST: the user has these in force" {
  status_of --user nobody --keep-caps net_bind_service
  expect_field Uid "65534 65534 65534 65534"
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    expect_field "$set" "$net_bind_service"
  done
  launch --user nobody --keep-caps net_bind_service -- "$show" -
  expect_malloc "$(library_of jemalloc)"
}

@test "--user with --keep-caps all: what is said to be kept is in force" {
  attempt cat /proc/self/status
  all=$(sed -n 's/^CapEff:[[:space:]]*//p' <<<"$out")
  status_of --user nobody --keep-caps all
  expect_field CapEff "$all"
  expect_field CapBnd "$all"
}

@test "--keep-caps all: left as they are" {
  attempt cat /proc/self/status
  all=$(sed -n 's/^CapEff:[[:space:]]*//p' <<<"$out")
  status_of --keep-caps all
  expect_field CapEff "$all"
}

@test "--keep-caps of one that allocrun does not hold: 125" {
  attempt "${without_sys_resource[@]}" "$allocrun" --keep-caps sys_resource,chown -- true
  expect_refusal "caps is required" "does not hold cap_sys_resource"
  attempt "${as_nobody[@]}" "$allocrun" --keep-caps chown -- true
  expect_refusal "caps is required" "does not hold cap_chown"
}

@test "--keep-caps none as a user without any: nothing to do but the bounding set" {
  attempt "${as_nobody[@]}" "$allocrun" --prefer caps --keep-caps none -- "$show" -
  expect_malloc "$(library_of jemalloc)"
}

@test "--no-new-privs: set" {
  status_of --no-new-privs
  expect_field NoNewPrivs 1
  status_of
  expect_field NoNewPrivs 0
  status_of --no-new-privs=no
  expect_field NoNewPrivs 0
  attempt env ALLOCRUN_NO_NEW_PRIVS=yes "$allocrun" -- cat /proc/self/status
  expect_field NoNewPrivs 1
}

@test "all three together, in the order that works" {
  status_of --user nobody --keep-caps net_bind_service --no-new-privs --require user,caps,no-new-privs
  expect_field Uid "65534 65534 65534 65534"
  expect_field CapEff "$net_bind_service"
  expect_field NoNewPrivs 1
}

@test "what needs rights is done before they are given up" {
  launch --user nobody --oom-score-adj 300 --memlock 4096 --numa 0 -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  launch --user nobody --oom-score-adj 300 -- cat /proc/self/oom_score_adj
  expect_out_is 300
}
