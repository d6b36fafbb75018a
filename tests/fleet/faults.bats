#!/usr/bin/env bats
# What goes wrong in a roll-out, and where each node is afterwards: make check-fleet. Needs root and podman.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # for the shell inside; what helpers.bash sets and reads
bats_require_minimum_version 1.5.0

load helpers

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  fleet_file
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

# other_machine FILE: the artefact, its programs of ELF's machine 183.
other_machine() {
  local tree=$BATS_TEST_TMPDIR/other
  mkdir -p "$tree"
  tar -xzf "$shared/0.1.0.tar.gz" -C "$tree"
  for program in allocrun allocrun-node; do
    printf '\267' | dd of="$tree/allocrun-0.1.0/bin/$program" bs=1 seek=18 conv=notrunc 2>/dev/null
  done
  tar -C "$tree" -I 'gzip -1' -cf "$1" allocrun-0.1.0
  rm -r "$tree"
}

# The one line is the node's or Ansible's; nothing of a transaction is there, and the server runs as it did.
@test "faults: bad input for one node: one line, and nothing is half-applied" {
  fleet=1
  fleet_start 1
  before=$(manifest "$prefix-1") pid=$(server_pid 1)
  other_machine "$BATS_TEST_TMPDIR/other.tar.gz"
  (cd "$BATS_TEST_TMPDIR" && sha256sum other.tar.gz >other.sums)
  rollout 0.1.0 -e "allocrun_artefact=$BATS_TEST_TMPDIR/other.tar.gz" -e "allocrun_sums=$BATS_TEST_TMPDIR/other.sums"
  refused "of another machine"
  on "$prefix-1" sh -c 'test ! -e /opt/allocrun && ! ls /var/tmp/*.tar.gz 2>/dev/null'
  # Another artefact than that of the last one, which has not ended.
  rollout 0.1.0
  refused "has not ended"
  rollout 0.1.0 -e allocrun_abandon=true -e '{"allocrun_units": ["absent.service"]}'
  [ "$status" -ne 0 ]
  [[ $output$stderr == *"absent.service: no such unit"* ]]
  is 1 staged none
  on "$prefix-1" sh -c 'rm -r /opt/allocrun /var/lib/allocrun'
  rollout 0.1.0 -e allocrun_soak=soon
  refused "'soon' is no time"
  # Neither known nor asked for.
  cp "$work/known_hosts" "$BATS_TEST_TMPDIR/"
  : >"$work/known_hosts"
  rollout 0.1.0 -e "$(var ansible_ssh_args "-o ControlPath=none")"
  refused "Host key verification failed"
  cp "$BATS_TEST_TMPDIR/known_hosts" "$work/"
  # Nobody has said how root is become.
  on "$prefix-1" sh -c 'useradd -m ann && install -d -m 700 -o ann /home/ann/.ssh && install -m 600 -o ann /key.pub /home/ann/.ssh/authorized_keys'
  rollout 0.1.0 -e ansible_user=ann -e ansible_become=true -e ansible_become_method=su -e ansible_become_timeout=3
  [ "$status" -ne 0 ]
  [[ $output$stderr == *[Pp]assword* || $output$stderr == *"privilege escalation"* ]]
  rollout 0.1.0 -e ansible_user=ann
  [ "$status" -ne 0 ]
  on "$prefix-1" sh -c 'mv /usr/bin/python3 /usr/bin/kept && test ! -e /opt/allocrun/versions'
  rollout 0.1.0
  refused "/usr/bin/python3"
  # The audit does without.
  on "$prefix-1" sh -c 'mkdir -p /opt/allocrun && tar -xzf /t/0.1.0.tar.gz -C /opt/allocrun && ln -s allocrun-0.1.0 /opt/allocrun/current'
  mkdir -p "$BATS_TEST_TMPDIR/reports"
  playbook check -e "allocrun_reports=$BATS_TEST_TMPDIR/reports" -e "allocrun_junit=$BATS_TEST_TMPDIR/reports" -e allocrun_check_limit=4
  [ "$status" -eq 0 ]
  jq -e '.findings | length > 5' "$BATS_TEST_TMPDIR/reports/$prefix-1.json"
  grep -q '<testsuite ' "$BATS_TEST_TMPDIR/reports/$prefix-1.xml"
  on "$prefix-1" rm -r /opt/allocrun
  playbook check
  refused "/opt/allocrun/current/bin/allocrun"
  [ "$(manifest "$prefix-1" | grep -v home)" = "$before" ]
  [ "$(server_pid 1)" = "$pid" ]
}

@test "faults: a unit with a drop-in of its own, one that is down on purpose, a masked one" {
  fleet_start 3
  sed -i "s/^$prefix-2\$/& allocrun_without_server=true allocrun_health=\/bin\/true/; s/^$prefix-3\$/& allocrun_health=\/bin\/true/" "$work/inventory"
  for i in 1 2 3; do
    on "$prefix-$i" sh -c 'cd /etc/systemd/system && sed -i "s|/t/serve|/usr/bin/python3 -m http.server -b 127.0.0.1 8001|" srv.service && mkdir srv.service.d &&
      printf "[Service]\nExecStart=\nExecStart=/usr/bin/python3 -m http.server -b 127.0.0.1 8000\n" >srv.service.d/override.conf &&
      systemctl daemon-reload && systemctl restart srv'
  done
  on "$prefix-2" systemctl -q disable --now srv
  on "$prefix-3" sh -c 'systemctl stop srv && mv /etc/systemd/system/srv.service /root/ && systemctl -q mask srv'
  for i in 1 2 3; do was[i]=$(manifest "$prefix-$i"); done
  printf '[units]\nsrv.service = on\n' >"$BATS_TEST_TMPDIR/units.conf"
  playbook rollout -e "allocrun_artefact=$shared/0.1.0.tar.gz" -e "allocrun_policy=$BATS_TEST_TMPDIR/units.conf" -e '{"allocrun_waves": ["1", "1", "1"]}'
  [ "$status" -ne 0 ]
  # Behind allocrun, by the administrator's own words.
  is 1 confirmed 0.1.0
  on "$prefix-1" grep -q /opt/allocrun/versions/0.1.0/lib/allocrun/ "/proc/$(server_pid 1)/maps"
  on "$prefix-1" curl -fsS -o /dev/null http://127.0.0.1:8000/
  [ "$(state_of "$prefix-2")" = confirmed ]
  [ "$(on "$prefix-2" sh -c 'systemctl is-active srv; systemctl is-enabled srv')" = $'inactive\ndisabled' ]
  [[ $(lost) == *"nothing is proved"* ]]
  [ "$(state_of "$prefix-3")" = reverted ]
  [ "$(manifest "$prefix-3")" = "${was[3]}" ]
  [ "$(on "$prefix-3" systemctl show -P LoadState srv)" = masked ]
  playbook rollback
  [ "$status" -eq 0 ]
  for i in 1 2 3; do [ "$(manifest "$prefix-$i")" = "${was[i]}" ]; done
  on "$prefix-1" sh -c "! grep -q allocrun /proc/$(server_pid 1)/maps"
  on "$prefix-1" curl -fsS -o /dev/null http://127.0.0.1:8000/
}

@test "faults: a node starts anew between apply and the gate: back before its server starts, counted as lost, gone on with" {
  fleet=2
  fleet_start 2
  before=$(manifest "$prefix-1")
  rollout 0.1.0 -e "$(var allocrun_health 'test -e /root/once || { touch /root/once; systemctl poweroff; sleep 20; }')"
  [ "$status" -ne 0 ]
  [[ $output$stderr == *"UNREACHABLE"* ]]
  untouched 2
  until_true 100 sh -c "! podman --runtime runc exec $prefix-1 true"
  podman --runtime runc start "$prefix-1" >/dev/null
  is_up "$prefix-1"
  on "$prefix-1" mkdir -p /run/sshd
  is 1 reverted none
  [ "$(manifest "$prefix-1")" = "$before" ]
  rollout 0.1.0
  [ "$status" -eq 0 ]
  all_are confirmed 0.1.0
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
  playbook rollback
  [ "$status" -ne 0 ]
  [[ $output$stderr == *"lock: held by"*"0.1.0-"* ]]
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
  # Refused on a node that has a version already: what was confirmed is not taken back.
  other_machine "$BATS_TEST_TMPDIR/other.tar.gz"
  (cd "$BATS_TEST_TMPDIR" && sha256sum other.tar.gz >other.sums)
  pid=$(server_pid 1)
  rollout 0.1.0 -e "allocrun_artefact=$BATS_TEST_TMPDIR/other.tar.gz" -e "allocrun_sums=$BATS_TEST_TMPDIR/other.sums"
  [ "$status" -ne 0 ]
  [[ $(lost) == *"is there, from other bytes"* ]]
  is 1 confirmed 0.1.0
  [ "$(server_pid 1)" = "$pid" ]
  # What the old one says to a word that it does not know.
  cat >"$shared/old" <<'OLD'
#!/bin/sh
! grep -qs '^\[units\]' "$3" || { echo "allocrun: $3:1: no section [units]" >&2; exit 125; }
exec "${0%/*}/real" "$@"
OLD
  on "$prefix-1" sh -c 'cd /opt/allocrun/versions/0.1.0/bin && mv allocrun real && install -m 755 /t/old allocrun'
  before=$(manifest "$prefix-1")
  printf '[units]\nsrv.service = on\n' >"$BATS_TEST_TMPDIR/new.conf"
  rollout 0.2.0 -e allocrun_abandon=true -e "allocrun_policy=$BATS_TEST_TMPDIR/new.conf"
  [ "$status" -ne 0 ]
  [[ $(lost) == *"version 0.1.0 cannot read it"* ]]
  [ "$(manifest "$prefix-1")" = "$before" ]
}

# Between two phases no run holds the node's lock: its owner's name is what the others see.
@test "faults: a controller that pauses between two phases: another takes nothing of its back, and undrains nothing" {
  fleet=1
  fleet_start 1
  in_background -e "$(var allocrun_health 'test ! -e /opt/allocrun/current || test -e /tmp/healthy')" -e allocrun_confirm_within=5m
  until_true 300 on "$prefix-1" systemctl is-active -q allocrun-deadman.timer
  kill -STOP -- "-$controller"
  # What runs on the node ends: apply, or a gate that finds it healthy.
  on "$prefix-1" touch /tmp/healthy
  until_true 300 sh -c "podman --runtime runc exec $prefix-1 flock -n /var/lib/allocrun/rollout.lock true"
  open=$(state_of "$prefix-1")
  [[ $open == applied || $open == gated ]]
  rollout 0.2.0 -e "allocrun_folder=$work/other" -e "$(var allocrun_undrain "touch $BATS_TEST_TMPDIR/undrained")"
  [ "$status" -ne 0 ]
  [[ $output$stderr == *" by "*"0.1.0-"* ]]
  [ "$(state_of "$prefix-1")" = "$open" ]
  [ ! -e "$BATS_TEST_TMPDIR/undrained" ]
  kill -CONT -- "-$controller"
  wait "$controller"
  is 1 confirmed 0.1.0
}
