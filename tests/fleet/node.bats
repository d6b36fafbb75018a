#!/usr/bin/env bats
# allocrun-node in a real systemd container: bats tests/fleet/node.bats, about 80 s. Needs root and podman.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # for the shell inside; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  "$repo/tests/images/base" fleet
  export shared=$BATS_FILE_TMPDIR/t
  fleet_artefacts "$shared"
}

setup() {
  [ "$(id -u)" -eq 0 ] || skip "needs root: containers"
  container=allocrun-test-node-$$-$BATS_TEST_NUMBER
  start_host "$container" --volume "$shared/allocrun-node:$node:ro" --tmpfs /small:size=3m --cap-add SYS_ADMIN,SYS_PTRACE
  is_up "$container"
}

teardown() { podman rm --force --time 0 "$container" >/dev/null 2>&1 || true; }

@test "node: a server goes forth, is proved and confirmed, and nobody's timer is left" {
  server "/opt/allocrun/current/bin/allocrun -- /bin/sleep 900" || true
  inside "$node" stage /t/0.1.0.tar.gz --sums /t/SHA256SUMS
  inside "$node" apply --confirm-within 60s --unit srv.service
  inside systemctl restart srv
  run inside "$node" gate
  [ "$status" -eq 1 ]
  [[ $output == *"nothing is proved"* ]]
  inside "$node" gate --without-server
  inside "$node" confirm
  inside "$node" stage /t/0.2.0.tar.gz
  inside "$node" apply --confirm-within 60s --unit srv.service
  inside systemctl is-active allocrun-deadman.timer
  inside "$node" gate
  inside "$node" confirm
  run inside systemctl is-active allocrun-deadman.timer
  [ "$status" -ne 0 ]
  [ "$(inside readlink /opt/allocrun/current)" = versions/0.2.0 ]
}

@test "node: the gate refuses a server on glibc; the way back is exact" {
  inside sh -c 'mkdir -p /etc/allocrun/policy.d && cd /etc/allocrun/policy.d && echo "[launch]" >50-fleet.conf &&
    chmod 640 50-fleet.conf && chown 1:2 50-fleet.conf'
  server "/bin/sleep 900"
  before=$(manifest "$container")
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s --unit srv.service --policy /t/good.conf --owner ann
  [ "$(manifest "$container")" != "$before" ]
  run inside "$node" gate --owner bob
  [ "$status" -eq 5 ]
  [[ $output == *"by ann"* ]]
  run inside "$node" gate
  [ "$status" -eq 1 ]
  [[ $output == *"preload-effective is fail"* ]]
  run inside "$node" confirm
  [ "$status" -eq 3 ]
  inside "$node" revert
  state_is reverted
  [ "$(manifest "$container")" = "$before" ]
}

@test "node: nobody confirms: it goes back by itself" {
  server "/bin/sleep 900"
  before=$(manifest "$container")
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 2s --unit srv.service
  until_true 100 state_is reverted
  [ "$(manifest "$container")" = "$before" ]
  inside systemctl is-active srv
}

@test "node: a corrupted artefact, other bytes and a policy that cannot be read change nothing" {
  inside sh -c 'head -c 100000 /t/0.1.0.tar.gz >/tmp/0.1.0.tar.gz'
  run inside "$node" stage /tmp/0.1.0.tar.gz
  [ "$status" -eq 3 ]
  [[ $output == *"cannot be unpacked"* ]]
  run inside "$node" stage /tmp/0.1.0.tar.gz --sums /t/SHA256SUMS
  [ "$status" -eq 3 ]
  [[ $output == *"not the bytes"* ]]
  [ -z "$(inside ls -A /opt/allocrun/versions)" ]
  inside "$node" stage /t/0.1.0.tar.gz
  run inside "$node" apply --confirm-within 60s --policy /t/bad.conf
  [ "$status" -eq 3 ]
  [[ $output == *"no section"* ]]
  state_is staged
  run inside test -e /opt/allocrun/current
  [ "$status" -ne 0 ]
}

@test "node: a unit that is down on purpose, or masked, stays so" {
  server "/bin/sleep 900"
  inside systemctl stop srv
  inside systemctl mask dbus.service
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s --unit srv.service --unit dbus.service
  run inside systemctl is-active srv
  [ "$output" = inactive ]
  run inside "$node" gate
  [ "$status" -eq 1 ]
  [[ $output == *"nothing is proved"* ]]
  inside "$node" gate --without-server
  inside "$node" revert
  run inside systemctl is-active srv
  [ "$output" = inactive ]
}

# Killed as soon as the journal says that it has begun: the restart of srv waits for the end of /slow.
killed_in_apply() {
  inside sh -c 'mkdir -p /etc/systemd/system/srv.service.d && cd /etc/systemd/system/srv.service.d &&
    printf "[Service]\nExecStartPre=/bin/sh -c \"while [ -e /slow ]; do sleep 0.1; done\"\n" >slow.conf && systemctl daemon-reload && systemctl restart srv'
  before=$(manifest "$container")
  inside "$node" stage /t/0.1.0.tar.gz
  inside sh -c 'touch /slow; "$1" apply --confirm-within 600s --unit srv.service --policy /t/good.conf >/dev/null 2>&1 & pid=$!
    until [ -L /opt/allocrun/current ]; do sleep 0.02; done; kill -9 $pid; rm /slow' sh "$node"
  state_is applied
  [ "$(inside "$node" status --format json | jq -r .whole)" = false ]
}

@test "node: killed with -9 in the middle of apply: the same call goes on, and the way back is still exact" {
  server "/bin/sleep 900"
  killed_in_apply
  run inside "$node" gate
  [ "$status" -eq 3 ]
  inside "$node" apply --confirm-within 600s --unit srv.service --policy /t/good.conf
  [ "$(inside "$node" status --format json | jq -r .whole)" = true ]
  inside "$node" revert
  [ "$(manifest "$container")" = "$before" ]
}

@test "node: killed with -9 in the middle of apply: recover takes it back" {
  server "/bin/sleep 900"
  killed_in_apply
  inside "$node" recover
  state_is reverted
  [ "$(manifest "$container")" = "$before" ]
  inside systemctl is-active srv
}

@test "node: a full disk at stage leaves nothing" {
  run inside "$node" stage /t/0.1.0.tar.gz --root /small
  [ "$status" -eq 3 ]
  [[ $output == *"cannot be unpacked"* ]]
  [ -z "$(inside ls -A /small/versions)" ]
  state_is absent
}

@test "node: the machine starts anew between apply and confirm: all is as it was before its servers start" {
  server "/bin/sleep 900"
  inside systemctl enable srv
  before=$(manifest "$container")
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 100h --unit srv.service --policy /t/good.conf
  [ "$(manifest "$container")" != "$before" ]
  podman --runtime runc stop --time 5 "$container" >/dev/null
  podman --runtime runc start "$container" >/dev/null
  is_up "$container"
  state_is reverted
  [ "$(manifest "$container")" = "$before" ]
  inside systemctl is-active srv
  [[ $(inside "$node" status) == *"taken back at the start of the machine"* ]]
  # The journal says so, and only then the server begins.
  inside sh -c 'began=$(date -d "$(systemctl show -P ExecMainStartTimestamp --timestamp=us srv)" +%s.%6N)
    awk "BEGIN { exit !($began > $(stat -c %.6Y /var/lib/allocrun/rollout.json)) }"'
}

@test "node: only the artefact of a signer that is known, named by the sums, for this machine" {
  inside sh -c 'cd /tmp && ssh-keygen -q -t ed25519 -N "" -f ours && ssh-keygen -q -t ed25519 -N "" -f theirs &&
    cp /t/SHA256SUMS . && ssh-keygen -q -Y sign -n allocrun -f ours SHA256SUMS && cp SHA256SUMS changed && echo >>changed &&
    for who in ours theirs; do echo "release $(cut -d" " -f1,2 $who.pub)" >signers.$who; done
    mkdir other && tar -xzf /t/0.2.0.tar.gz -C other && printf "\267" | dd of=other/allocrun-0.2.0/bin/allocrun bs=1 seek=18 conv=notrunc &&
    tar -C other -czf other.tar.gz allocrun-0.2.0' 2>/dev/null
  run inside "$node" stage /t/0.1.0.tar.gz --sums /tmp/SHA256SUMS --signature /tmp/SHA256SUMS.sig --signers /tmp/signers.theirs
  [ "$status" -eq 3 ]
  [[ $output == *"its signature does not hold"* ]]
  run inside "$node" stage /t/0.1.0.tar.gz --sums /tmp/changed --signature /tmp/SHA256SUMS.sig --signers /tmp/signers.ours
  [ "$status" -eq 3 ]
  [[ $output == *"its signature does not hold"* ]]
  run inside "$node" stage /tmp/other.tar.gz --sums /tmp/SHA256SUMS --signature /tmp/SHA256SUMS.sig --signers /tmp/signers.ours
  [ "$status" -eq 3 ]
  [[ $output == *"does not name it"* ]]
  run inside "$node" stage /tmp/other.tar.gz
  [ "$status" -eq 3 ]
  [[ $output == *"of another machine"* ]]
  state_is absent
  inside "$node" stage /t/0.1.0.tar.gz --sums /tmp/SHA256SUMS --signature /tmp/SHA256SUMS.sig --signers /tmp/signers.ours
  state_is staged
}

@test "node: [units] says which, instances of a template too; a bad value is refused; enablement comes back" {
  server "/bin/sleep 900"
  inside sh -c 'cd /etc/systemd/system && printf "[Service]\nExecStart=/bin/sleep 90%%i\n" >w@.service && systemctl daemon-reload &&
    systemctl start w@1 w@2 && systemctl enable -q srv
    printf "[units]\nw@.service = on\nw@2.service = off\nsrv.service = on\nabsent.service = on\n" >/tmp/units.conf
    printf "[units]\nsrv.service = yes\n" >/tmp/wrong.conf'
  inside "$node" stage /t/0.1.0.tar.gz
  run inside "$node" apply --confirm-within 60s --policy /tmp/wrong.conf
  [ "$status" -eq 3 ]
  [[ $output == *"bad value 'yes'"* ]]
  [ "$(inside "$node" plan --policy /tmp/units.conf --format json | jq -c '.would.restarts | sort')" = '["srv.service","w@1.service"]' ]
  inside "$node" apply --confirm-within 60s --policy /tmp/units.conf
  [ "$(inside "$node" status --format json | jq -c '[.units[].name] | sort')" = '["srv.service","w@1.service"]' ]
  inside systemctl disable -q srv
  inside "$node" revert
  [ "$(inside systemctl is-enabled srv)" = enabled ]
  run inside "$node" apply --confirm-within 60s --unit absent.service
  [ "$status" -eq 3 ]
  [[ $output == *"no such unit"* ]]
}

@test "node: values of the kernel are set, and come back as they were" {
  # A file of ours stands for the kernel's: a container may not change the machine.
  inside sh -c 'echo 65530 >/tmp/count && mount --bind /tmp/count /proc/sys/vm/max_map_count
    printf "[node]\nmax-map-count = 777777\n" >/tmp/tune.conf'
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s --policy /tmp/tune.conf --tune
  [ "$(inside cat /proc/sys/vm/max_map_count)" = 777777 ]
  inside "$node" revert
  [ "$(inside cat /proc/sys/vm/max_map_count)" = 65530 ]
  run inside ls /var/lib/allocrun/tune.json
  [ "$status" -ne 0 ]
}

@test "node: one run at a time; a version that a process maps stays, one that nobody has goes" {
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s
  inside "$node" gate --without-server
  inside "$node" confirm
  server "/opt/allocrun/current/bin/allocrun -- /bin/sleep 900"
  inside "$node" stage /t/0.2.0.tar.gz
  inside "$node" apply --confirm-within 60s
  inside "$node" gate --without-server
  inside "$node" confirm
  inside cp -a /opt/allocrun/versions/0.2.0 /opt/allocrun/versions/0.0.9
  inside sh -c 'flock /var/lib/allocrun/rollout.lock sleep 300 & while flock -n /var/lib/allocrun/rollout.lock true; do sleep 0.1; done'
  run inside "$node" gc
  [ "$status" -eq 5 ]
  inside pkill -x flock
  inside pkill -f "^sleep 300$"
  inside flock -w 60 /var/lib/allocrun/rollout.lock true
  # Back to one that is there still, and forth again, by its name.
  inside "$node" apply --confirm-within 60s --target 0.1.0
  inside "$node" gate --without-server
  inside "$node" confirm
  [ "$(inside readlink /opt/allocrun/current)" = versions/0.1.0 ]
  run inside "$node" apply --confirm-within 60s --target 0.7.0
  [ "$status" -eq 3 ]
  [[ $output == *"version 0.7.0 is not there"* ]]
  inside "$node" apply --confirm-within 60s --target 0.2.0
  inside "$node" gate --without-server
  inside "$node" confirm
  # Not current, not of the transaction any more: only the server has it.
  inside "$node" apply --confirm-within 60s --policy /t/good.conf
  inside "$node" gate --without-server
  inside "$node" confirm
  [[ $(inside "$node" gc) == *"removed: 0.0.9; kept: 0.1.0, 0.2.0"* ]]
  inside systemctl stop srv
  [[ $(inside "$node" gc) == *"removed: 0.1.0; kept: 0.2.0"* ]]
}

@test "node: removed, nothing of it is left but what a process has; a unit that would not start any more is refused" {
  server "/bin/sleep 900"
  before=$(manifest "$container")
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s --policy /t/good.conf
  run inside "$node" remove
  [ "$status" -eq 3 ]
  inside "$node" gate --without-server
  inside "$node" confirm
  printf '[Service]\nExecStart=/opt/allocrun/current/bin/allocrun -- /bin/sleep 900\n' >"$BATS_TEST_TMPDIR/own"
  podman cp "$BATS_TEST_TMPDIR/own" "$container:/etc/systemd/system/own.service"
  inside systemctl daemon-reload
  run inside "$node" remove --unit own.service
  [ "$status" -eq 3 ]
  [[ $output == *"own.service: starts /opt/allocrun/current/: take it out first"* ]]
  inside rm /etc/systemd/system/own.service
  [[ $(inside "$node" remove) == *"removed: 0.1.0"* ]]
  state_is absent
  inside rmdir /etc/allocrun/policy.d /etc/allocrun
  [ "$(manifest "$container")" = "$before" ]
}

@test "node: what a version brings for systemd is linked, an administrator's own stays; all of it goes with the way back" {
  inside sh -c 'cd /tmp && tar -xzf /t/0.2.0.tar.gz && cd allocrun-0.2.0 && rm -rf lib/systemd && mkdir -p lib/systemd/system/sysinit.target.wants lib/systemd/system-generators &&
    printf "[Service]\nType=oneshot\nExecStart=/bin/true\nRemainAfterExit=yes\n" | tee lib/systemd/system/x.service >lib/systemd/system/y.service &&
    ln -s ../x.service lib/systemd/system/sysinit.target.wants/x.service && ln -s ../../../bin/allocrun lib/systemd/system-generators/allocrun-generator &&
    cd .. && tar -czf 0.2.0.tar.gz allocrun-0.2.0 && echo "# mine" >/etc/systemd/system/y.service'
  before=$(manifest "$container")
  inside "$node" stage /tmp/0.2.0.tar.gz
  inside "$node" apply --confirm-within 60s
  [ "$(inside readlink /etc/systemd/system-generators/allocrun-generator)" = /opt/allocrun/current/bin/allocrun ]
  [ "$(inside systemctl show -P LoadState x.service)" = loaded ]
  inside allocrun --version
  inside systemctl list-dependencies --plain sysinit.target | grep -q x.service
  [ "$(inside cat /etc/systemd/system/y.service)" = "# mine" ]
  inside "$node" revert
  [ "$(manifest "$container")" = "$before" ]
  inside "$node" apply --confirm-within 60s
  inside "$node" gate --without-server
  inside "$node" confirm
  inside "$node" remove
  [ "$(manifest "$container")" = "$before" ]
}

@test "node: a unit that is starting or failing over and over is refused; what dies after its start is seen while it soaks" {
  server "/bin/sleep 900"
  inside sh -c 'cd /etc/systemd/system && printf "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=60\n" >loop.service &&
    systemctl daemon-reload && systemctl start --no-block loop'
  until_true 100 inside sh -c 'systemctl show -P SubState loop | grep -q auto-restart'
  inside "$node" stage /t/0.1.0.tar.gz
  for verb in plan "apply --confirm-within 60s"; do
    # shellcheck disable=SC2086 # words
    run inside "$node" $verb --unit srv.service --unit loop.service
    [ "$status" -eq 3 ]
    [[ $output == *"loop.service: is starting or stopping"* ]]
  done
  state_is staged
  inside test ! -e /opt/allocrun/current
  run inside "$node" plan --unit $'srv.service\nExecStart=/bin/false'
  [ "$status" -eq 2 ]
  inside mkfifo /root/die
  printf '#!/bin/sh\n[ -x /opt/allocrun/current/bin/allocrun ] || exec sleep 900\nexec /opt/allocrun/current/bin/allocrun -- sh -c "read _ </root/die"\n' >"$BATS_TEST_TMPDIR/dies"
  chmod 755 "$BATS_TEST_TMPDIR/dies"
  podman cp "$BATS_TEST_TMPDIR/dies" "$container:/root/dies"
  server /root/dies
  inside "$node" apply --confirm-within 60s --unit srv.service
  inside "$node" gate
  run inside sh -c '{ sleep 3; echo >/root/die; } & exec "$1" gate --soak 10s' sh "$node"
  [ "$status" -eq 1 ]
  [[ $output == *"srv.service is not active"* ]]
  run inside "$node" confirm
  [ "$status" -eq 3 ]
  inside "$node" revert
}

# The timer's run waits for the lock while its change is taken back: the next change is not its business.
@test "node: the timer of a change that was taken back does not reach the next one" {
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 15s
  # It has no time to look while somebody else has the lock.
  inside sh -c 'exec flock /var/lib/allocrun/rollout.lock sh -c "until systemctl -q is-active allocrun-deadman.service; do sleep 0.1; done
    kill -STOP \$(systemctl show -P MainPID allocrun-deadman.service)"'
  inside "$node" revert
  inside "$node" apply --confirm-within 60s
  inside pkill -CONT -f "revert --deadman" || true
  inside sleep 1
  state_is applied
  run inside systemctl is-active allocrun-deadman.service
  [ "$status" -ne 0 ]
}

@test "node: a version that a process maps under another name stays; half of a removed one is never taken for a version" {
  for version in 0.1.0 0.2.0; do
    inside "$node" stage "/t/$version.tar.gz"
    inside "$node" apply --confirm-within 60s
    inside "$node" gate --without-server
    inside "$node" confirm
  done
  inside "$node" apply --confirm-within 60s --policy /t/good.conf
  inside "$node" gate --without-server
  inside "$node" confirm
  # As a container that mounts it elsewhere.
  inside sh -c 'mkdir /mnt/v && unshare --mount sh -c "mount --bind /opt/allocrun/versions/0.1.0 /mnt/v && umount -l /opt/allocrun/versions 2>/dev/null
    exec /mnt/v/bin/allocrun -- sleep 900" >/dev/null 2>&1 &'
  until_true 100 inside sh -c 'grep -q /mnt/v/lib /proc/$(pgrep -x sleep)/maps'
  inside sh -c '! grep -q versions/0.1.0 /proc/$(pgrep -x sleep)/maps'
  [[ $(inside "$node" gc) == *"removed: none; kept: 0.1.0, 0.2.0"* ]]
  inside sh -c 'kill $(pgrep -x sleep)'
  until_true 100 inside sh -c '! pgrep -x sleep'
  # What gc leaves when it is killed.
  inside mv /opt/allocrun/versions/0.1.0 /opt/allocrun/versions/.removing
  run inside "$node" apply --confirm-within 60s --target 0.1.0
  [ "$status" -eq 3 ]
  inside cp -a /opt/allocrun/versions/0.2.0 /opt/allocrun/versions/0.0.9
  [[ $(inside "$node" gc) == *"removed: 0.0.9; kept: 0.2.0"* ]]
  [ "$(inside ls -A /opt/allocrun/versions)" = 0.2.0 ]
}

# The journal on the disk is that of the change before until the new one is written.
@test "node: killed while it keeps what is there, the change before can still be taken back byte for byte" {
  inside sh -c 'mkdir -p /etc/allocrun/policy.d && echo "[launch]" >/etc/allocrun/policy.d/50-fleet.conf && chmod 600 /etc/allocrun/policy.d/50-fleet.conf'
  before=$(manifest "$container")
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s --policy /t/good.conf
  inside "$node" gate --without-server
  inside "$node" confirm
  # No journal can be written any more: as if it were killed there.
  inside sh -c 'echo "[launch]" >/tmp/next.conf; cp /var/lib/allocrun/rollout.json /tmp/j && mount --bind /tmp/j /var/lib/allocrun/rollout.json'
  run inside "$node" apply --confirm-within 60s --policy /tmp/next.conf
  [ "$status" -eq 4 ]
  inside umount /var/lib/allocrun/rollout.json
  state_is confirmed
  inside "$node" revert
  [ "$(manifest "$container")" = "$before" ]
}

# release SERIAL PERMILLE HALT VERSION: /tmp/r/release.json, signed by ours.
release() {
  inside sh -c 'cd /tmp/r && cp "/t/$4.tar.gz" . && cp /t/good.conf policy.conf && rm -f release.json.sig && sum() { sha256sum "$1" | cut -d" " -f1; } &&
    printf "{\"release\": 1, \"serial\": %s, \"permille\": %s, \"halt\": %s, \"version\": \"%s\", \"artefacts\": {\"%s\": {\"file\": \"%s\", \"sha256\": \"%s\"}}, \"policy\": {\"file\": \"policy.conf\", \"sha256\": \"%s\"}}\n" \
      "$1" "$2" "$3" "$4" "$(uname -m)" "$4.tar.gz" "$(sum "$4.tar.gz")" "$(sum policy.conf)" >release.json &&
    ssh-keygen -q -Y sign -n allocrun -f /tmp/ours release.json 2>/dev/null' sh "$@"
}

# pull STATUS WORDS [OPTION]...
pull() {
  local wanted=$1 words=$2
  shift 2
  run inside "$node" pull "${source:-/tmp/r}" --signers /tmp/signers --confirm-within 60s --unit srv.service "$@"
  [[ $status -eq $wanted && $output == *"$words"* ]] || { echo "$status: $output"; return 1; }
  inside test ! -e /var/lib/allocrun/pull
}

@test "node: without a controller it takes a signed release in its turn, once, and none that is older" {
  printf '#!/bin/sh\n[ -x /opt/allocrun/current/bin/allocrun ] || exec sleep 900\nexec /opt/allocrun/current/bin/allocrun -- sleep 900\n' >"$BATS_TEST_TMPDIR/serve"
  chmod 755 "$BATS_TEST_TMPDIR/serve"
  podman cp "$BATS_TEST_TMPDIR/serve" "$container:/root/serve"
  server /root/serve
  inside sh -c 'mkdir /tmp/r && cd /tmp && ssh-keygen -q -t ed25519 -N "" -f ours && echo "release $(cut -d" " -f1,2 ours.pub)" >signers'
  place=$((16#$(inside sha256sum /etc/machine-id | cut -c1-8) % 1000))
  release 1 "$place" false 0.1.0
  pull 0 "not yet the turn of this node, $place of 1000"
  release 1 1000 true 0.1.0
  pull 0 "is halted"
  state_is absent
  release 1 $((place + 1)) false 0.1.0
  inside sh -c 'cp /tmp/r/release.json /tmp/kept && echo >>/tmp/r/release.json'
  pull 3 "its signature does not hold"
  inside cp /tmp/kept /tmp/r/release.json
  inside sh -c 'echo >>/tmp/r/0.1.0.tar.gz'
  pull 4 "not the bytes that release.json names"
  inside cp /t/0.1.0.tar.gz /tmp/r/
  state_is absent
  # What could not be fetched is tried again: nothing was changed.
  pull 0 "version 0.1.0 confirmed"
  [ "$(inside readlink /opt/allocrun/current)" = versions/0.1.0 ]
  inside cmp /t/good.conf /etc/allocrun/policy.d/50-fleet.conf
  pull 0 "release 1 is here"
  confirmed=$(manifest "$container")
  # Never healthy with the second one: taken back, and not tried again until there is another.
  inside sh -c 'cd /tmp/r && exec python3 -m http.server -b 127.0.0.1 8080 >/dev/null 2>&1 &'
  source=http://127.0.0.1:8080
  until_true 50 inside curl -fsS -o /dev/null "$source/"
  release 2 1000 false 0.2.0
  pull 1 "health" --timeout 1s --health 'readlink /opt/allocrun/current | grep 0.1.0'
  state_is reverted
  [ "$(manifest "$container")" = "$confirmed" ]
  inside systemctl is-active srv
  began=$(inside systemctl show -P ExecMainStartTimestampMonotonic srv)
  pull 1 "release 2 was tried, and is not tried again: health"
  [ "$(inside systemctl show -P ExecMainStartTimestampMonotonic srv)" = "$began" ]
  release 3 1000 false 0.2.0
  pull 0 "version 0.2.0 confirmed"
  # What a mirror has kept.
  release 1 1000 false 0.1.0
  pull 3 "release 1 is older than 3"
  [ "$(inside readlink /opt/allocrun/current)" = versions/0.2.0 ]
  # What somebody else has begun is theirs.
  inside "$node" apply --confirm-within 60s --target 0.1.0 --owner ann
  release 4 1000 false 0.2.0
  pull 5 "by ann"
  state_is applied
}

# A clock cannot be set in a container. What goes by it is the text of a deadline; the timer does not.
@test "node: the clock may jump: the way back goes by the time that passes, and an artefact from the future is none the worse" {
  inside sh -c 'cd /tmp && tar -xzf /t/0.1.0.tar.gz && find allocrun-0.1.0 -exec touch -h -d 2040-01-01 {} + && tar -czf 0.1.0.tar.gz allocrun-0.1.0'
  inside "$node" stage /tmp/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s
  [[ $(inside systemctl show -P TimersMonotonic allocrun-deadman.timer) == *OnActiveUSec=1min* ]]
  [ -z "$(inside systemctl show -P TimersCalendar allocrun-deadman.timer)" ]
  # Its deadline is long over, by a clock that was set forward.
  inside sed -i 's/"deadline": [0-9]*/"deadline": 1/' /var/lib/allocrun/rollout.json
  inside "$node" gate --without-server
  inside "$node" confirm
  state_is confirmed
}

@test "node: a full disk at apply changes nothing that is not taken back" {
  server "/bin/sleep 900"
  inside sh -c 'mkdir -p /etc/allocrun/policy.d && mount -t tmpfs -o size=8k none /etc/allocrun/policy.d && { head -c 100000 /dev/zero >/etc/allocrun/policy.d/full 2>/dev/null || true; }'
  before=$(manifest "$container")
  inside "$node" stage /t/0.1.0.tar.gz
  run inside "$node" apply --confirm-within 60s --policy /t/good.conf --unit srv.service
  [ "$status" -eq 4 ]
  [[ $output == *"No space left on device: revert takes it back"* ]]
  inside "$node" recover
  state_is reverted
  [ "$(manifest "$container")" = "$before" ]
  inside systemctl is-active srv
}
