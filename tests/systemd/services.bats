#!/usr/bin/env bats
# What servers and systemd say to each other passes through allocrun; the units that come with it do what they say.
# shellcheck disable=SC2016,SC2034,SC2154 # text for the shell of the node; what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

teardown() {
  on bash -c 'systemctl stop "t-*" "allocrun@*" allocrun-tune 2>/dev/null; rm -rf /etc/allocrun /run/systemd/system/t-* /run/systemd/system/allocrun*
    umount /sys/kernel/mm 2>/dev/null; systemctl daemon-reload; systemctl reset-failed'
}

is_property() { [ "$(property "$1" "$2")" = "$3" ]; }

# --- servers behind allocrun ---------------------------------------------------

# server [LINE]...: t-server, behind allocrun, with more lines of [Service].
server() {
  { printf '[Service]\nType=notify\nExecStart=/opt/programs/notifier\n'; printf '%s\n' "$@"; } | put /run/systemd/system/t-server.service
  policy_units "t-server.service = on"
}

@test "services: READY=1, reload by signal, and systemctl stop" {
  server 'ExecReload=/bin/bash -c "kill -HUP $MAINPID"'
  start_unit t-server
  expect_front t-server
  expect_equal "what it says" waiting "$(property t-server StatusText)"
  local main
  main=$(property t-server MainPID)
  run_on 'systemctl reload t-server'
  eventually is_property t-server StatusText reloaded
  expect_equal "its PID" "$main" "$(property t-server MainPID)"
  run_on 'systemctl stop t-server'
  expect_equal "result, status" "success 0" "$(property t-server Result) $(property t-server ExecMainStatus)"
  run_on 'journalctl --sync; journalctl --unit t-server --output cat --no-pager'
  expect_out ended
}

@test "services: the watchdog is the server's own, and ends it when it is silent" {
  server WatchdogSec=1
  start_unit t-server
  expect_front t-server
  run_on 'journalctl --sync; journalctl --unit t-server --output cat --no-pager'
  expect_out "watchdog mine"
  run_on 'systemctl kill --signal=USR1 t-server'
  eventually is_property t-server Result watchdog
}

@test "services: a socket that systemd has opened is the server's" {
  put /run/systemd/system/t-server.socket <<<$'[Socket]\nListenStream=/run/t-server.sock'
  server
  run_on 'systemctl start t-server.socket'
  expect_equal "before the first client" inactive "$(property t-server ActiveState)"
  # bash has no such sockets; the image has perl.
  run_on 'perl -MIO::Socket::UNIX -e "print IO::Socket::UNIX->new(\"/run/t-server.sock\")->getline"'
  expect_out_is served
  expect_front t-server
}

# --- the units that come with allocrun --------------------------------------------

@test "units: systemd finds nothing to complain of, and the exposure is below 3" {
  run_on 'systemd-analyze verify --man=no /usr/local/lib/systemd/system/{allocrun-*.*,allocrun@.service,run-allocrun.mount} 2>&1'
  expect_out_is ""
  local unit
  for unit in allocrun-tune allocrun-check allocrun-stat allocrun@x; do
    run_on 'systemd-analyze security --no-pager --threshold=29 "$1"' "$unit.service"
  done
}

@test "units: each line of them that hardens has its reason above it" {
  local file
  for file in "$root"/systemd/*.service; do
    awk '/^#/ { reason = 1; next } /^$/ { reason = 0; next } /^(Protect|Private|Restrict|SystemCall|Memory|Lock|NoNew|Capab|Ambient|Keyring|RemoveIPC|UMask)/ && !reason { print FILENAME ": " $0 }' "$file"
  done >"$BATS_TEST_TMPDIR/bare"
  expect_equal "lines without a reason" "" "$(<"$BATS_TEST_TMPDIR/bare")"
}

@test "units: any server by one file, hardened, on its allocator, with a record" {
  printf 'SERVER=/opt/programs/notifier\nMALLOC_CONF=narenas:3\n' | put /etc/allocrun/servers/one.conf
  start_unit allocrun@one
  expect_front allocrun@one
  on "$inside" --check --unit allocrun@one --only preload-effective,options-in-force,launch-record --format json
  expect_status 0
  expect_equal "ok of each" "launch-record=ok options-in-force=ok preload-effective=ok process-found=ok" \
    "$(jq -r '.findings | map(.id + "=" + .status) | sort | join(" ")' <<<"$out")"
  expect_equal "its user" 1 "$(jq '[.processes.list[] | select(.uid > 60000)] | length' <<<"$out")"
  on "$inside" --check --all --only launch-record --quiet
  expect_status 0
  expect_equal "ExecStartPost" "status=0" "$(property allocrun@one ExecStartPost | grep -o 'status=[0-9]*')"
  run_on 'systemctl stop allocrun@one'
}

@test "units: the audit goes to the textfile and to the journal, with fields" {
  run_on 'systemctl start allocrun-check'
  run_on 'cat /var/lib/prometheus/node-exporter/allocrun.prom'
  expect_out 'allocrun_check_status{'
  expect_equal "nothing beside it" allocrun.prom "$(at ls -A /var/lib/prometheus/node-exporter)"
  # Who is behind a policy that cannot be read, it finds.
  put /etc/allocrun/policy.conf <<<'[lanuch]'
  run_on 'systemctl start allocrun-check; journalctl --sync; journalctl --no-pager --output json ALLOCRUN_STATUS=fail ALLOCRUN_CHECK=policy-file'
  expect_equal "priority and unit" "3 allocrun-check.service" "$(jq -r '.PRIORITY + " " + ._SYSTEMD_UNIT' <<<"$out" | tail -n 1)"
  expect_in "the line" "no section [lanuch]" "$(jq -r .MESSAGE <<<"$out" | tail -n 1)"
  expect_equal "findings are no failure" success "$(property allocrun-check Result)"
  # Without the folder it is one.
  run_on 'mkdir -p /run/systemd/system/allocrun-check.service.d; printf "[Service]\nEnvironment=ALLOCRUN_TEXTFILE=/nowhere/x.prom\n" >/run/systemd/system/allocrun-check.service.d/x.conf; systemctl daemon-reload'
  on systemctl start allocrun-check
  [ "$status" -ne 0 ] || fails "$ran" "a failure" "$(attempt_result)"
  run_on 'journalctl --sync; journalctl --unit allocrun-check --output cat --no-pager'
  expect_out "--output: '/nowhere/x.prom' cannot be written"
}

@test "units: what heaps hold, and the resident memory of servers, goes to the textfile folder" {
  server
  start_unit t-server
  run_on 'systemctl start allocrun-stat; cat /var/lib/prometheus/node-exporter/allocrun-heap.prom'
  expect_match "$ran" 'allocrun_heap_bytes[{]pid="[0-9]+",process="notifier",kind="dirty"[}] [0-9]+' "$out"
  expect_match "$ran" 'allocrun_process_resident_bytes[{]pid="[0-9]+",process="notifier",kind="anonymous"[}] [1-9]' "$out"
  # None runs: no failure, and no series.
  run_on 'systemctl stop t-server; systemctl start allocrun-stat; cat /var/lib/prometheus/node-exporter/allocrun-heap.prom'
  expect_equal "series" 0 "$(grep -c notifier <<<"$out" || true)"
}

@test "units: the timers are ones that run" {
  run_on 'systemctl start allocrun-check.timer allocrun-stat.timer; systemctl list-timers --no-pager --no-legend "allocrun-*"; systemctl stop allocrun-check.timer allocrun-stat.timer'
  expect_out allocrun-check.service
  expect_out allocrun-stat.service
}

@test "units: the node is not set up where its files cannot be written, and that is no failure" {
  put /etc/allocrun/policy.conf <<<$'[node]\nmax-map-count = 70000'
  run_on 'systemctl start allocrun-tune'
  expect_equal "state, condition" "inactive no" "$(property allocrun-tune ActiveState) $(property allocrun-tune ConditionResult)"
}

# A file in the place of the kernel's, which is the one of all machines here: what stands in it is what was written.
# In the unit's own view: systemd gives a unit whose devices are its own a /proc that can be written to.
@test "units: the node is set up, and put back when the unit is stopped" {
  local count
  count=$(</proc/sys/vm/max_map_count)
  printf '[node]\nmax-map-count = %d\n' $((count + 1)) | put /etc/allocrun/policy.conf
  put /run/systemd/system/allocrun-tune.service.d/x.conf <<<$'[Service]\nBindPaths=/run/t-count:/proc/sys/vm/max_map_count'
  run_on 'mount -t tmpfs tmpfs /sys/kernel/mm; echo "$1" >/run/t-count; systemctl daemon-reload' "$count"
  start_unit allocrun-tune
  expect_equal "what was set" $((count + 1)) "$(at cat /run/t-count)"
  run_on 'systemctl stop allocrun-tune'
  expect_equal "what was put back" "$count" "$(at cat /run/t-count)"
  expect_equal "the real one" "$count" "$(</proc/sys/vm/max_map_count)"
}

@test "units: the folder for records is a small one of its own, and is not put over records" {
  run_on 'findmnt -no FSTYPE,OPTIONS /run/allocrun'
  expect_match "$ran" 'tmpfs .*nosuid,nodev,noexec.*size=16384k,nr_inodes=4096' "$out"
  expect_equal "mode" 1777 "$(at stat -c %a /run/allocrun)"
  run_on 'systemctl stop run-allocrun.mount; mkdir -p /run/allocrun; touch /run/allocrun/1.json; systemctl start run-allocrun.mount'
  expect_equal "state, condition" "inactive no" "$(property run-allocrun.mount ActiveState) $(property run-allocrun.mount ConditionResult)"
  run_on 'rm /run/allocrun/1.json; systemctl start run-allocrun.mount'
  expect_equal "state" active "$(property run-allocrun.mount ActiveState)"
}
