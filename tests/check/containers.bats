#!/usr/bin/env bats
# allocrun --check in real containers and systemd units: from outside, from inside, as
# HEALTHCHECK and as ExecStartPost. The images: tests/images/base.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

both=preload-effective,options-in-force
inside=/opt/allocrun/bin/allocrun
bookworm=localhost/debian:bookworm-slim
with_systemd=localhost/allocrun-systemd:latest

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  "$BATS_TEST_DIRNAME/../images/base" bookworm systemd
}

setup() {
  needs_root "containers"
  container=allocrun-test-$$-$BATS_TEST_NUMBER
}

teardown() { podman rm --force --time 0 "$container" >/dev/null 2>&1 || true; }

# contain [OPTION]... IMAGE COMMAND...: in the background, in $container; in $pid its first process.
contain() {
  bounded podman --runtime runc run --detach --name "$container" --pull=never --ulimit nofile=1024:1024 \
    --ulimit nproc=1000:1000 --network=host --volume "$prefix:/opt/allocrun:ro" "$@" >/dev/null 3>&-
  pid=$(podman inspect --format '{{.State.Pid}}' "$container")
}

# in_container COMMAND...: as `podman exec` and a HEALTHCHECK run it. Leaves what attempt does.
in_container() { attempt podman --runtime runc exec "$container" "$@"; }

# --- containers --------------------------------------------------------------

@test "containers: a server in one, from its host: proved, with its own paths, record and limits" {
  # Arenas are judged where there is more than one thread.
  contain -m 512m --cpus 1 "$bookworm" "$inside" --conf background_thread:true -- sleep 600
  eventually is_past "$pid" allocrun
  check --pid "$pid" --only "$both,launch-record,process-oom-headroom,process-arenas"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding options-in-force ok proved:
  expect_finding launch-record ok "/run/allocrun/1.json: launched by allocrun"
  expect_finding process-oom-headroom ok "of 512 MiB in use"
  expect_finding process-arenas ok "up to 1 arenas for 1 usable CPUs"
  expect_process .inner_pid 1
  expect_process .other_mounts true
  expect_match library '^/opt/allocrun/lib/.*/libjemalloc.so.2$' "$(process .library)"
  [ ! -e "$(process .library)" ] || fails "the library's path" "none of the host" "$(process .library)"
}

@test "containers: the same from inside, and what a plain start lacks" {
  contain "$bookworm" "$inside" -- sleep 600
  eventually is_past "$pid" allocrun
  in_container "$inside" --check --format json --pid 1 --only "$both,launch-record"
  json=$out
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)" 1
  expect_finding options-in-force ok proved: 1
  expect_finding launch-record ok "/run/allocrun/1.json" 1
  in_container "$inside" --check --all --only preload-effective --quiet
  expect_status 0
  # One that was started past the launcher, in the same container.
  in_container bash -c "sleep 600 & '$inside' --check --pid \$! --only '$both' --quiet"
  expect_status 2
  expect_out "malloc is glibc's own; its environment has no LD_PRELOAD"
}

@test "containers: with few rights, as the server's own user" {
  contain --user 65534 --cap-drop=all --read-only --security-opt no-new-privileges "$bookworm" "$inside" -q -- sleep 600
  eventually is_past "$pid" allocrun
  in_container "$inside" --check --pid 1 --only "$both" --quiet
  expect_status 0
  expect_match "$ran" '^ok: [0-9]+ ok$' "$out"
  # Root of the container, without CAP_SYS_PTRACE, may not look into another user's.
  attempt podman --runtime runc exec --user 0 "$container" "$inside" --check --pid 1 --only "$both" --quiet
  expect_status 3
  expect_out "may not be"
  # The host's may.
  check --pid "$pid" --only "$both"
  expect_status 0
}

# The server is small; one of vLLM's size has a hundred libraries, and is in the report of
# tests/vllm. User and system time of 20 checks, by the shell inside.
@test "containers: a HEALTHCHECK takes less than 50 ms of CPU" {
  contain "$bookworm" "$inside" -- sleep 600
  eventually is_past "$pid" allocrun
  # shellcheck disable=SC2016 # expanded inside
  in_container bash -c 'TIMEFORMAT="cpu %3U %3S"
    time for ((i = 0; i < 20; i++)); do "$@" >/dev/null || exit; done' bash \
    "$inside" --check --pid 1 --only "$both" --quiet
  expect_status 0
  local microseconds
  microseconds=$(awk '$1 == "cpu" { printf "%d", ($2 + $3) * 1000000 / 20 }' <<<"$err")
  report_figure "health check in a container: $microseconds us of CPU"
  [[ $microseconds -gt 0 && $microseconds -lt 50000 ]] || fails "$ran" "less than 50 ms" "$microseconds us: $err"
}

@test "containers: the node audit inside one knows its limits, and does not break" {
  contain -m 512m --cpus 1 "$bookworm" sleep 600
  in_container "$inside" --check --format json
  [[ $status -le 3 ]] || fails "$ran" "status 0 to 3" "$(attempt_result)"
  expect_quiet
  expect_equal oom-headroom ok "$(jq -r '.findings[] | select(.id == "oom-headroom").status' <<<"$out")"
  expect_in oom-headroom "of 512 MiB in use" "$(jq -r '.findings[] | select(.id == "oom-headroom").observed' <<<"$out")"
  expect_equal builds-integrity ok "$(jq -r '.findings[] | select(.id == "builds-integrity").status' <<<"$out")"
}

# --- units -------------------------------------------------------------------

# unit NAME: /etc/systemd/system/NAME.service of the container, from stdin.
unit() {
  mkdir -p "$BATS_TEST_TMPDIR/units"
  cat >"$BATS_TEST_TMPDIR/units/$1.service"
}

is_booted() { [[ "$(podman exec "$container" systemctl is-system-running)" =~ running|degraded ]]; }

# boot [OPTION]...: a container with systemd and the units that were written.
boot() {
  local file
  local -a volumes=("$@")
  for file in "$BATS_TEST_TMPDIR"/units/*; do
    volumes+=(--volume "$file:/etc/systemd/system/${file##*/}:ro")
  done
  contain --systemd=always "${volumes[@]}" "$with_systemd" /sbin/init
  eventually is_booted
}

start_unit() {
  in_container systemctl start "$1"
  [ "$status" -eq 0 ] ||
    fails "$ran" "status 0" "$(attempt_result) $(podman exec "$container" journalctl --no-pager --unit "$1" --output cat)"
}

post="ExecStartPost=$inside --check --pid \$MAINPID --only $both --quiet"

# Type=simple: the check runs when the launcher has not executed the server yet. The server
# ends after its workers: of a main process that leaves children behind, systemd in a
# container with cgroups of the first version may miss their end, and waits 90 s for it.
@test "units: a server that runs on its allocator starts, and is found by the name of its unit" {
  unit server <<UNIT
[Service]
Type=simple
ExecStart=$inside -- /bin/bash -c 'trap : TERM; sleep 600 & sleep 600 & wait; kill %%1 %%2; wait'
KillMode=mixed
$post
UNIT
  boot
  start_unit server
  in_container "$inside" --check --unit server --only "$both,launch-record" --format json
  json=$out
  expect_status 0
  expect_equal processes 3 "$(jq .processes.count <<<"$json")"
  expect_equal "all proved" 3 "$(jq '[.findings[] | select(.id == "options-in-force" and .status == "ok")] | length' <<<"$json")"
  expect_equal "their record" 3 "$(jq '[.processes.list[] | select(.record.problem == null and .record.path != null)] | length' <<<"$json")"
  in_container "$inside" --check --cgroup /system.slice/server.service --only "$both" --quiet
  expect_status 0
  in_container "$inside" --check --all --only "$both" --quiet
  expect_status 0
  in_container systemctl show server --property=ExecStartPost --value
  expect_out "status=0"
  in_container systemctl stop server
  expect_status 0
  in_container "$inside" --check --unit server --only "$both" --quiet
  expect_status 3
  expect_out "no process of the unit server.service is running"
}

@test "units: one that runs without its allocator does not count as started" {
  unit plain <<UNIT
[Service]
Type=exec
ExecStart=/bin/sleep 600
$post
UNIT
  boot
  in_container systemctl start plain
  [ "$status" -ne 0 ] || fails "$ran" "a failure" "$(attempt_result)"
  in_container systemctl is-failed plain
  expect_out failed
  in_container journalctl --no-pager --unit plain --output cat
  expect_out "preload-effective"
  expect_out "malloc is glibc's own"
  in_container "$inside" --check --unit plain --only "$both" --quiet
  expect_status 3
}

# User= and the rest hold for ExecStartPost= too: the server's own user looks. With + it is
# root, to whom a memory is open that Yama closes to its own user.
@test "units: with User=, and hardened" {
  local plus
  for plus in '' +; do
    unit "hardened${plus:+-root}" <<UNIT
[Service]
Type=exec
User=nobody
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
CapabilityBoundingSet=
ExecStart=$inside -q -- /bin/sleep 600
${post/=/=$plus}
UNIT
  done
  # SYS_ADMIN: systemd leaves its mount namespaces out without it.
  boot --cap-add SYS_PTRACE,SYS_ADMIN
  for plus in '' -root; do
    start_unit "hardened$plus"
    in_container "$inside" --check --unit "hardened$plus" --only "$both" --format json
    json=$out
    expect_status 0
    expect_equal "another mount namespace" true "$(jq '.processes.list[0].other_mounts' <<<"$json")"
    expect_equal "user" 65534 "$(jq '.processes.list[0].uid' <<<"$json")"
  done
}
