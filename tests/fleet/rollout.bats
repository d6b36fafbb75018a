#!/usr/bin/env bats
# The collection against real systemd hosts, by real ssh: two minutes, on a busy machine four. Needs root and podman.
# shellcheck disable=SC2016,SC2154 # for the shell inside; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

watches=/proc/sys/fs/inotify/max_user_instances

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  export fleet=${FLEET_HOSTS:-4}
  fleet_file
  # A systemd of a host takes five of them, and twenty hosts more than a kernel gives root as it comes.
  cat "$watches" >"$BATS_FILE_TMPDIR/watches"
  [ "$fleet" -le 4 ] || [ "$(<"$watches")" -ge 512 ] || echo 512 >"$watches"
}

teardown_file() { [ ! -s "$BATS_FILE_TMPDIR/watches" ] || cat "$BATS_FILE_TMPDIR/watches" >"$watches"; }

setup() {
  [ "$(id -u)" -eq 0 ] || skip "needs root: containers"
  prefix=allocrun-test-fleet-$$-$BATS_TEST_NUMBER
  fleet_start "$fleet"
}

teardown() { fleet_stop; }

# One with another policy and one that is dead: they are named, in a real browser, too.
drift_is_seen() {
  on "$prefix-2" sh -c 'echo "[launch]" >/etc/allocrun/policy.d/90-mine.conf'
  podman --runtime runc stop --time 1 "$prefix-$fleet" >/dev/null
  playbook drift -e "allocrun_reports=$work/drift"
  [ "$status" -ne 0 ]
  [ "$(jq -c '[.nodes[] | select(.problems != []) | .problems[]] | sort' "$work/drift/drift.json")" = '["another policy","not reached"]' ]
  [ "$(wc -l <"$work/drift/drift.csv")" -eq $((fleet + 1)) ]
  # The clicks of a reader: sorted by host, downwards, the last host is first.
  sed 's|</script>|const th = document.querySelector("th"); th.click(); th.click(); document.title = document.querySelector("tbody").rows[0].cells[0].textContent; &|' \
    "$work/drift/drift.html" >"$work/drift/clicked.html"
  chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chromium" --dump-dom "file://$work/drift/clicked.html" >"$work/drift/dom" 2>/dev/null 3>&-
  grep -q "<title>$prefix-$fleet</title>" "$work/drift/dom"
  [ "$(grep -o '<tr class="drift">' "$work/drift/dom" | wc -l)" -eq 2 ]
  on "$prefix-2" rm /etc/allocrun/policy.d/90-mine.conf
  podman --runtime runc start "$prefix-$fleet" >/dev/null
  is_up "$prefix-$fleet"
  on "$prefix-$fleet" mkdir -p /run/sshd
}

mark_time() {
  for i in $(seq "$fleet"); do on "$prefix-$i" touch /mark; done
}

# Nothing of any node but what Ansible and systemd keep for themselves.
nothing_is_newer() {
  for i in $(seq "$fleet"); do
    newer=$(on "$prefix-$i" find / -xdev -newer /mark ! -type d ! -path '/root/.ansible/*' ! -path '/var/log/*')
    [ -z "$newer" ] || { echo "host $i: $newer"; return 1; }
    newer=$(on "$prefix-$i" find /opt /etc /usr /var/lib /var/tmp -xdev -newer /mark -type d)
    [ -z "$newer" ] || { echo "host $i: $newer"; return 1; }
  done
}

# The metrics of a server are in node_exporter's folder; the second run changes nothing.
is_watched() {
  playbook monitor
  [ "$status" -eq 0 ]
  on "$prefix-1" systemctl start allocrun-stat allocrun-check
  on "$prefix-1" grep -q '^allocrun_heap_bytes{.*kind="allocated"} [1-9]' /var/lib/prometheus/node-exporter/allocrun-heap.prom
  on "$prefix-1" grep -q '^allocrun_check_status{.*id="preload-effective".*} 0' /var/lib/prometheus/node-exporter/allocrun.prom
  playbook monitor
  [ "$status" -eq 0 ]
  [[ $output != *"changed="[1-9]* ]]
  for i in $(seq "$fleet"); do on "$prefix-$i" systemctl -q disable --now allocrun-check.timer allocrun-stat.timer; done
}

@test "fleet: canary and waves to confirmed; the second run and check mode change nothing; drift is seen; back to nothing" {
  before=$(manifest "$prefix-1")
  mark_time
  rollout 0.1.0 --check --diff
  [ "$status" -eq 0 ]
  [[ $output == *"changed="[1-9]* ]]
  nothing_is_newer
  [ ! -e "$work/state" ]
  [ "$(manifest "$prefix-1")" = "$before" ]
  rollout 0.1.0
  [ "$status" -eq 0 ]
  all_are confirmed 0.1.0
  for i in $(seq "$fleet"); do
    on "$prefix-$i" grep -q /opt/allocrun/versions/0.1.0/lib/allocrun/ "/proc/$(server_pid "$i")/maps"
  done
  behind=$(((fleet * 60 + 99) / 100))
  [ "$(jq -c 'select(.event == "wave").hosts | length' "$work/state/rollout.jsonl" | paste -sd' ')" = "1 $((behind - 1)) $((fleet - behind))" ]
  rollout 0.1.0
  [ "$status" -eq 0 ]
  [[ $output != *"changed="[1-9]* ]]
  is_watched
  drift_is_seen
  mark_time
  rollout 0.2.0 --check --diff
  [ "$status" -eq 0 ]
  [[ $output == *"+version: 0.2.0"* ]]
  nothing_is_newer
  all_are confirmed 0.1.0
  playbook rollback
  [ "$status" -eq 0 ]
  for i in $(seq "$fleet"); do
    [ "$(on "$prefix-$i" sh -c 'ls -A /etc/allocrun /opt/allocrun/current 2>/dev/null')" = "" ]
  done
  [ "$(manifest "$prefix-1")" = "$before" ]
}
