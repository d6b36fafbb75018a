# What the tests of units share: one machine with systemd for each file, a container of tests/images/base, with the
# tree under test as its /usr/local. Each test has units of its own, and takes them away.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # text for the shell of the node; set here for the tests; suite: setup_suite.bash

# shellcheck source-path=SCRIPTDIR source=../cli/helpers.bash
. "$BATS_TEST_DIRNAME/../cli/helpers.bash"

inside=/usr/local/bin/allocrun

# The name of the file's machine, and its first process; they last over all tests of a file.
node() { cat "$BATS_FILE_TMPDIR/node"; }
node_pid() { cat "$BATS_FILE_TMPDIR/pid"; }
# at COMMAND...: on the node. As `podman exec`, at a tenth of its price.
at() {
  bounded nsenter --target "$(node_pid)" --mount --uts --ipc --net --pid --cgroup -- \
    env -i -C / PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root "$@"
}

# SYS_ADMIN, for without it systemd leaves its mount namespaces out; SYS_PTRACE for the audit.
boot_node() {
  [ "$(id -u)" -eq 0 ] || return 0
  "$BATS_TEST_DIRNAME/../images/base" systemd
  echo "allocrun-systemd-$$-${BATS_TEST_FILENAME##*/}" >"$BATS_FILE_TMPDIR/node"
  bounded podman --runtime runc run --detach --name "$(node)" --pull=never --ulimit nofile=1024:1024 \
    --ulimit nproc=1000:1000 --network=none --systemd=always --cap-add SYS_ADMIN,SYS_PTRACE \
    --volume "$prefix:/usr/local:ro" --volume "$programs:/opt/programs:ro" \
    localhost/allocrun-systemd:latest /sbin/init >/dev/null 3>&-
  podman inspect --format '{{.State.Pid}}' "$(node)" >"$BATS_FILE_TMPDIR/pid"
  eventually is_booted
}

is_booted() { [[ "$(at systemctl is-system-running)" == running ]]; }

end_node() { [ ! -s "$BATS_FILE_TMPDIR/node" ] || podman rm --force --time 0 "$(node)" >/dev/null 2>&1 || true; }

setup_file() { boot_node; }
teardown_file() { end_node; }

setup() { needs_root "containers"; }

# on COMMAND...: on the node. Leaves what attempt does.
on() { attempt at "$@"; }
# run_on TEXT [WORD]...: the shell's commands, which have to end well.
run_on() {
  on bash -euc "$1" bash "${@:2}"
  [ "$status" -eq 0 ] || fails "$1" "status 0" "$(attempt_result)"
}

# put PATH: a file of the node, from stdin, with its folders.
put() { at bash -c 'mkdir -p "${1%/*}" && cat >"$1"' bash "$1"; }

# policy_units LINE...: [units] of the node's policy, and a daemon-reload.
policy_units() {
  { echo '[units]'; printf '%s\n' "$@"; } | put /etc/allocrun/policy.conf
  run_on 'systemctl daemon-reload'
}

# start_unit NAME: or what its journal says.
start_unit() {
  on systemctl restart "$1"
  [ "$status" -eq 0 ] ||
    fails "$ran" "status 0" "$(attempt_result) $(at journalctl --no-pager --unit "$1" --output cat)"
}

# property UNIT NAME
property() { at systemctl show "$1" --property="$2" --value; }
# How many mappings of jemalloc the main process of a unit has.
mappings() { at bash -c 'grep -c jemalloc "/proc/$(systemctl show "$1" --property=MainPID --value)/maps" || true' bash "$1"; }
expect_front() { [ "$(mappings "$1")" -gt 0 ] || fails "$1" "jemalloc in it" "none; $(at systemctl cat "$1")"; }
expect_plain() { expect_equal "mappings of jemalloc in $1" 0 "$(mappings "$1")"; }
# The words that the unit's main process was started with.
words_of() { at bash -c 'tr "\0" " " <"/proc/$(systemctl show "$1" --property=MainPID --value)/cmdline"' bash "$1"; }

# What the generator has made; a line each.
generated() { at find /run/systemd/generator.late -name zz-allocrun.conf -printf '%P\n' | sort; }
