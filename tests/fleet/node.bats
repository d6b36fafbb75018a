#!/usr/bin/env bats
# allocrun-node in a real systemd container: bats tests/fleet/node.bats, about 45 s. Needs root and podman.
# shellcheck disable=SC2016 # for the shell inside
bats_require_minimum_version 1.5.0

node=/opt/an

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  repo=$BATS_TEST_DIRNAME/../..
  "$repo/tests/images/base" systemd
  export shared=$BATS_FILE_TMPDIR/t
  mkdir -p "$shared/tree"
  cp "$repo/build/prefix/bin/allocrun-node" "$shared/"
  for version in 0.1.0 0.2.0; do
    cp -a "$repo/build/prefix" "$shared/tree/allocrun-$version"
    tar -C "$shared/tree" -I 'gzip -1' -cf "$shared/$version.tar.gz" "allocrun-$version"
    rm -r "$shared/tree/allocrun-$version"
  done
  (cd "$shared" && sha256sum ./*.tar.gz | sed 's|\./||' >SHA256SUMS)
  printf '[launch]\nprofile = memory\n' >"$shared/good.conf"
  printf '[nothing]\n' >"$shared/bad.conf"
}

setup() {
  [ "$(id -u)" -eq 0 ] || skip "needs root: containers"
  container=allocrun-test-node-$$-$BATS_TEST_NUMBER
  podman --runtime runc run --detach --name "$container" --pull=never --systemd=always --network=none \
    --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --volume "$shared:/t:ro" \
    --volume "$shared/allocrun-node:$node:ro" --tmpfs /small:size=3m localhost/allocrun-systemd:latest /sbin/init >/dev/null 3>&-
  until_true 100 inside systemctl is-active -q multi-user.target
}

teardown() { podman rm --force --time 0 "$container" >/dev/null 2>&1 || true; }

inside() { podman --runtime runc exec "$container" "$@" 3>&-; }

# until_true TRIES COMMAND...: five tries a second.
until_true() {
  local i
  for ((i = 0; i < $1; i++)); do
    ! "${@:2}" >/dev/null 2>&1 || return 0
    sleep 0.2
  done
  return 1
}

# server COMMAND: the unit srv.service, active.
server() {
  inside sh -c 'printf "[Service]\nExecStart=%s\n" "$1" >/etc/systemd/system/srv.service &&
    systemctl daemon-reload && systemctl restart srv' sh "$1"
}

# What a transaction may touch, by path, mode, owner, link and bytes.
manifest() {
  inside sh -c 'for f in /etc/allocrun/policy.d/* /opt/allocrun/current /etc/systemd/system/*; do
      [ ! -e "$f" ] && [ ! -L "$f" ] || stat -c "%N %a %u %g" "$f"; [ ! -f "$f" ] || sha256sum "$f"; done'
}

state_is() { [ "$(inside "$node" status --format json | jq -r .state)" = "$1" ]; }

@test "node: a server goes forth, is proved and confirmed, and nobody's timer is left" {
  server "/opt/allocrun/current/bin/allocrun -- /bin/sleep 900" || true
  inside "$node" stage /t/0.1.0.tar.gz --sums /t/SHA256SUMS
  inside "$node" apply --confirm-within 60s
  inside systemctl restart srv
  inside "$node" gate
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
  before=$(manifest)
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 60s --unit srv.service --policy /t/good.conf --owner ann
  [ "$(manifest)" != "$before" ]
  run inside "$node" gate --owner bob
  [ "$status" -eq 5 ] && [[ $output == *"by ann"* ]]
  run inside "$node" gate
  [ "$status" -eq 1 ] && [[ $output == *"preload-effective is fail"* ]]
  run inside "$node" confirm
  [ "$status" -eq 3 ]
  inside "$node" revert
  state_is reverted
  [ "$(manifest)" = "$before" ]
}

@test "node: nobody confirms: it goes back by itself" {
  server "/bin/sleep 900"
  before=$(manifest)
  inside "$node" stage /t/0.1.0.tar.gz
  inside "$node" apply --confirm-within 2s --unit srv.service
  until_true 100 state_is reverted
  [ "$(manifest)" = "$before" ]
  inside systemctl is-active srv
}

@test "node: a corrupted artefact, other bytes and a policy that cannot be read change nothing" {
  inside sh -c 'head -c 100000 /t/0.1.0.tar.gz >/tmp/0.1.0.tar.gz'
  run inside "$node" stage /tmp/0.1.0.tar.gz
  [ "$status" -eq 3 ] && [[ $output == *"cannot be unpacked"* ]]
  run inside "$node" stage /tmp/0.1.0.tar.gz --sums /t/SHA256SUMS
  [ "$status" -eq 3 ] && [[ $output == *"not the bytes"* ]]
  [ -z "$(inside ls -A /opt/allocrun/versions)" ]
  inside "$node" stage /t/0.1.0.tar.gz
  run inside "$node" apply --confirm-within 60s --policy /t/bad.conf
  [ "$status" -eq 3 ] && [[ $output == *"no section"* ]]
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
  inside "$node" gate
  inside "$node" revert
  run inside systemctl is-active srv
  [ "$output" = inactive ]
}

# Killed as soon as the journal says that it has begun: the restart of srv takes two seconds.
killed_in_apply() {
  inside sh -c 'mkdir -p /etc/systemd/system/srv.service.d && cd /etc/systemd/system/srv.service.d &&
    printf "[Service]\nExecStartPre=/bin/sleep 2\n" >slow.conf && systemctl daemon-reload && systemctl restart srv'
  before=$(manifest)
  inside "$node" stage /t/0.1.0.tar.gz
  inside sh -c '"$1" apply --confirm-within 600s --unit srv.service --policy /t/good.conf >/dev/null 2>&1 & pid=$!
    until [ -L /opt/allocrun/current ]; do sleep 0.02; done; kill -9 $pid' sh "$node"
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
  [ "$(manifest)" = "$before" ]
}

@test "node: killed with -9 in the middle of apply: recover takes it back" {
  server "/bin/sleep 900"
  killed_in_apply
  inside "$node" recover
  state_is reverted
  [ "$(manifest)" = "$before" ]
  inside systemctl is-active srv
}

@test "node: a full disk at stage leaves nothing" {
  run inside "$node" stage /t/0.1.0.tar.gz --root /small
  [ "$status" -eq 3 ] && [[ $output == *"cannot be unpacked"* ]]
  [ -z "$(inside ls -A /small/versions)" ]
  state_is absent
}
