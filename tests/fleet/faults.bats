#!/usr/bin/env bats
# What goes wrong in a roll-out, and where each node is afterwards: make check-fleet. Needs root and podman.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # for the shell inside; what helpers.bash sets and reads
bats_require_minimum_version 1.5.0

load helpers

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  "$repo/tests/images/base" fleet
  export shared=$BATS_FILE_TMPDIR/t work=$BATS_FILE_TMPDIR/w
  fleet_artefacts "$shared"
  fleet_controller "$work"
}

setup() {
  [ "$(id -u)" -eq 0 ] || skip "needs root: containers"
  prefix=allocrun-test-faults-$$-$BATS_TEST_NUMBER fleet=3
  waves='["1", "1", "1"]'
}

teardown() {
  [ -z "${controller:-}" ] || kill -9 -- "-$controller" 2>/dev/null || true
  fleet_stop
}

lost() { jq -r 'select(.event == "failed").message' "$work/state/rollout.jsonl" | tail -n 1; }

# untouched HOST...: nothing of a transaction, the server runs.
untouched() {
  local host
  for host; do is "$host" absent none; done
}

# var NAME VALUE: as an option's value, whatever is in it.
var() { jq -nc --arg name "$1" --arg value "$2" '{($name): $value}'; }

# refused WORDS: the play has failed with them.
refused() {
  [ "$status" -ne 0 ]
  [[ $output$stderr == *"$1"* ]] || { echo "not said: $1"; return 1; }
  on "$prefix-1" test ! -e /opt/allocrun/versions
}

# back WORDS: the canary is as it was, with that reason, and the other node was not touched.
back() {
  [ "$status" -ne 0 ]
  [[ $(lost) == *"$1"* ]] || { echo "$(lost): not $1"; return 1; }
  is 1 reverted none
  [ "$(manifest "$prefix-1")" = "$before" ]
  untouched 2
}

# Its own session, so that all of it can be killed at once.
in_background() {
  (
    cd / && exec setsid ansible-playbook -i "$work/inventory" allocrun.fleet.rollout -e "allocrun_folder=$work/state" \
      -e "allocrun_artefact=$shared/0.1.0.tar.gz" -e "allocrun_policy=$shared/good.conf" \
      -e '{"allocrun_units": ["srv.service"], "allocrun_waves": ["1", "100%"]}' "$@"
  ) >"$BATS_TEST_TMPDIR/background" 2>&1 3>&- &
  controller=$!
}

@test "faults: refused in one line before any node is touched" {
  fleet_start 1
  fleet=1
  ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/ours"
  ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/theirs"
  echo "release $(cut -d' ' -f1,2 "$BATS_TEST_TMPDIR/theirs.pub")" >"$BATS_TEST_TMPDIR/signers"
  cp "$shared/SHA256SUMS" "$BATS_TEST_TMPDIR/"
  ssh-keygen -q -Y sign -n allocrun -f "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/SHA256SUMS" 2>/dev/null
  rollout 0.1.0 -e "allocrun_sums=$BATS_TEST_TMPDIR/SHA256SUMS" -e "allocrun_signature=$BATS_TEST_TMPDIR/SHA256SUMS.sig" \
    -e "allocrun_signers=$BATS_TEST_TMPDIR/signers"
  refused "its signature does not hold"
  cp "$shared/0.1.0.tar.gz" "$BATS_TEST_TMPDIR/"
  printf x >>"$BATS_TEST_TMPDIR/0.1.0.tar.gz"
  rollout 0.1.0 -e "allocrun_artefact=$BATS_TEST_TMPDIR/0.1.0.tar.gz"
  refused "not the bytes that"
  rollout 0.1.0 -e "allocrun_policy=$shared/bad.conf"
  refused "no section"
  rollout 0.1.0 -e '{"allocrun_waves": ["rack9"]}'
  refused "wave 'rack9'"
  rollout 0.1.0 -e allocrun_group=nobody
  refused "no hosts in the group 'nobody'"
  rollout 0.1.0 --limit "$prefix-1"
  refused "leave --limit away"
  cp "$work/known_hosts" "$BATS_TEST_TMPDIR/"
  # Another key than the one that is known: nobody is asked, nothing is taken.
  printf '%s %s\n' "$prefix-1" "$(cut -d' ' -f1,2 "$BATS_TEST_TMPDIR/ours.pub")" >"$work/known_hosts"
  rollout 0.1.0
  [ "$status" -ne 0 ]
  [[ $output$stderr == *"UNREACHABLE"* ]]
  cp "$BATS_TEST_TMPDIR/known_hosts" "$work/"
  rollout 0.1.0 -e '{"allocrun_units": {"a": 1}}'
  [ "$status" -ne 0 ]
  [[ $output$stderr == *allocrun_units* ]]
  untouched 1
}

@test "faults: a canary that is not healthy, grows, or runs on glibc goes back, and nobody else is touched" {
  fleet=2
  fleet_start 2
  before=$(manifest "$prefix-1")
  rollout 0.1.0 -e allocrun_health_timeout=2s -e "$(var allocrun_health 'test ! -e /opt/allocrun/current')"
  back "health"
  cat >"$shared/grows" <<'GROWS'
#!/bin/sh
allocrun=/opt/allocrun/current/bin/allocrun
[ -x $allocrun ] || exec sleep 900
exec $allocrun -- /usr/bin/python3 -c 'import time; held = b"x" * 200000000; time.sleep(900)'
GROWS
  printf '#!/bin/sh\nexec sleep 900\n' >"$shared/bare"
  on "$prefix-1" sh -c 'install -m 755 /t/grows /root/serve && sed -i "s|/t/serve|/root/serve|" /etc/systemd/system/srv.service &&
    systemctl daemon-reload && systemctl restart srv'
  before=$(manifest "$prefix-1")
  rollout 0.1.0 -e allocrun_health=/bin/true
  back "RSS"
  on "$prefix-1" sh -c 'install -m 755 /t/bare /root/serve && systemctl restart srv'
  rollout 0.1.0 -e allocrun_health=/bin/true
  back "preload-effective is fail"
}

@test "faults: a node dies mid-wave: unreachable counts, the next wave does not begin; resumed, all are confirmed" {
  fleet=4 waves='["1", "2", "1"]'
  fleet_start 4
  rollout 0.1.0 -e "$(var allocrun_drain "sh -c 'test {{ inventory_hostname }} != $prefix-2 || podman kill $prefix-2'")"
  [ "$status" -ne 0 ]
  [[ $output$stderr == *"1 lost, 0 may be: $prefix-2"* ]]
  is 1 confirmed 0.1.0
  is 3 confirmed 0.1.0
  untouched 4
  podman --runtime runc start "$prefix-2" >/dev/null
  is_up "$prefix-2"
  on "$prefix-2" mkdir -p /run/sshd
  is 2 staged none
  rollout 0.1.0
  [ "$status" -eq 0 ]
  all_are confirmed 0.1.0
  [ "$(jq -r .event "$work/state/rollout.jsonl" | grep -c resumed)" -eq 1 ]
}

@test "faults: ssh drops in the gate: the node goes back by itself" {
  fleet=2
  fleet_start 2
  before=$(manifest "$prefix-1")
  rollout 0.1.0 -e allocrun_confirm_within=5s -e "$(var allocrun_health 'pkill -x sshd; true')"
  [ "$status" -ne 0 ]
  until_true 100 is 1 reverted none
  [ "$(manifest "$prefix-1")" = "$before" ]
  untouched 2
}

@test "faults: the controller is killed in the middle: its node goes back by itself, and the next run goes on" {
  fleet=2
  waves='["1", "100%"]'
  fleet_start 2
  before=$(manifest "$prefix-1")
  # Never healthy with the new version; the old one is.
  in_background -e allocrun_confirm_within=15s -e allocrun_health_timeout=20s -e "$(var allocrun_health 'test ! -e /opt/allocrun/current')"
  until_true 300 on "$prefix-1" systemctl is-active -q allocrun-deadman.timer
  kill -9 -- "-$controller"
  until_true 300 is 1 reverted none
  [ "$(manifest "$prefix-1")" = "$before" ]
  untouched 2
  rollout 0.1.0
  [ "$status" -eq 0 ]
  all_are confirmed 0.1.0
  [ "$(jq -r .event "$work/state/rollout.jsonl" | grep -c resumed)" -eq 1 ]
}

@test "faults: two roll-outs at once: the second is refused, with the first one's name, by its lock or by the node" {
  fleet=1
  fleet_start 1
  in_background -e "$(var allocrun_health 'test -e /tmp/healthy')" -e allocrun_confirm_within=5m
  until_true 300 on "$prefix-1" systemctl is-active -q allocrun-deadman.timer
  rollout 0.1.0
  [ "$status" -ne 0 ]
  [[ $output$stderr == *"lock: held by"*"0.1.0-"* ]]
  rollout 0.2.0 -e "allocrun_folder=$work/other"
  [ "$status" -ne 0 ]
  [[ $output$stderr == *" by "*"0.1.0-"* ]]
  on "$prefix-1" touch /tmp/healthy
  wait "$controller"
  is 1 confirmed 0.1.0
}

@test "faults: a full disk at stage; an old version that cannot read the policy; then /usr read-only is none" {
  fleet=1
  fleet_start 1
  before=$(manifest "$prefix-1")
  on "$prefix-1" sh -c 'mkdir -p /opt/allocrun && mount -t tmpfs -o size=3m none /opt/allocrun'
  rollout 0.1.0
  [ "$status" -ne 0 ]
  [ "$(manifest "$prefix-1")" = "$before" ]
  untouched 1
  on "$prefix-1" umount /opt/allocrun
  on "$prefix-1" sh -c 'mount --bind /usr /usr && mount -o remount,ro,bind /usr && ! touch /usr/x 2>/dev/null'
  rollout 0.1.0
  [ "$status" -eq 0 ]
  is 1 confirmed 0.1.0
  # What the old one says to a word that it does not know.
  cat >"$shared/old" <<'OLD'
#!/bin/sh
! grep -qs '^\[units\]' "$3" || { echo "allocrun: $3:1: no section [units]" >&2; exit 125; }
exec "${0%/*}/real" "$@"
OLD
  on "$prefix-1" sh -c 'cd /opt/allocrun/versions/0.1.0/bin && mv allocrun real && install -m 755 /t/old allocrun'
  before=$(manifest "$prefix-1")
  printf '[units]\nsrv.service = on\n' >"$BATS_TEST_TMPDIR/new.conf"
  rollout 0.2.0 -e "allocrun_policy=$BATS_TEST_TMPDIR/new.conf"
  [ "$status" -ne 0 ]
  [[ $(lost) == *"version 0.1.0 cannot read it"* ]]
  [ "$(manifest "$prefix-1")" = "$before" ]
}
