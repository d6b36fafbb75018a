#!/usr/bin/env bats
# --check --here: the container from inside, by a PID namespace of its own. Costs 4 s.
# shellcheck disable=SC2016,SC2034,SC2154 # what other shells expand, what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() {
  needs_root "a PID namespace"
  cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/server"
  # A shell that is called as an init is.
  cp "$(readlink -f /bin/sh)" "$BATS_TEST_TMPDIR/tini"
  cat >"$BATS_TEST_TMPDIR/check" <<SCRIPT
#!/bin/sh
'$allocrun' --check --here --only preload-effective --format json "\$@"
echo "status \$?" >&2
SCRIPT
  chmod +x "$BATS_TEST_TMPDIR/check"
  cd "$BATS_TEST_TMPDIR" || return
}

# inside PROGRAM SCRIPT: PID 1 of a PID namespace with its own /proc.
inside() { attempt unshare --pid --mount --fork --mount-proc --kill-child "$1" -c "$2"; }

names() { jq -r '[.processes.list[].name] | join(" ")' <<<"$out"; }

# Until what was started last is no shell any more.
exec_awaited='while ! grep -q server /proc/$!/comm; do :; done'

@test "--here: the server behind an init, and not the shells that call the check" {
  inside ./tini "'$allocrun' -- ./server 60 & $exec_awaited; ./check; exit 0"
  expect_err "status 0"
  expect_equal "processes" "server" "$(names)"
}

@test "--here: a server that is none of ours fails, --accept-unknown or not; nobody there is unknown" {
  inside ./tini "./server 60 & $exec_awaited; ./check --accept-unknown; exit 0"
  expect_err "status 2"
  expect_equal "processes" "server" "$(names)"
  inside ./tini "./check; exit 0"
  expect_err "status 3"
  inside ./tini "./check --accept-unknown; exit 0"
  expect_err "status 0"
}
