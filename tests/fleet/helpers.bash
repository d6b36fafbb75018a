# shellcheck shell=bash
# Real systemd containers, one for each host. Needs root and podman.
# shellcheck disable=SC2016,SC2154 # for the shell inside; what the tests set

repo=${BATS_TEST_DIRNAME%/tests/fleet}
# Where the tests' program lies inside; the versions bring their own.
node=/opt/an

# fleet_artefacts FOLDER: two versions of this tree, sums, policies.
fleet_artefacts() {
  local version
  mkdir -p "$1/tree"
  cp "$repo/build/prefix/bin/allocrun-node" "$1/"
  for version in 0.1.0 0.2.0; do
    cp -a "$repo/build/prefix" "$1/tree/allocrun-$version"
    tar -C "$1/tree" -I 'gzip -1' -cf "$1/$version.tar.gz" "allocrun-$version"
    rm -r "$1/tree/allocrun-$version"
  done
  (cd "$1" && sha256sum ./*.tar.gz | sed 's|\./||' >SHA256SUMS)
  printf '[launch]\nprofile = memory\n' >"$1/good.conf"
  printf '[nothing]\n' >"$1/bad.conf"
}

# start_host NAME [OPTION]...: a container that is up.
start_host() {
  local name=$1
  shift
  podman --runtime runc run --detach --name "$name" --pull=never --systemd=always --network=none \
    --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --volume "$shared:/t:ro" "$@" \
    localhost/allocrun-fleet:latest /sbin/init >/dev/null 3>&-
}

on() { podman --runtime runc exec "$1" "${@:2}" 3>&-; }
# Of the one container of a test.
inside() { on "$container" "$@"; }

# until_true TRIES COMMAND...: five tries a second.
until_true() {
  local i
  for ((i = 0; i < $1; i++)); do
    ! "${@:2}" >/dev/null 2>&1 || return 0
    sleep 0.2
  done
  return 1
}

is_up() { until_true 600 on "$1" systemctl is-active -q multi-user.target; }

# server COMMAND: the unit srv.service, active.
server() {
  inside sh -c 'printf "[Service]\nExecStart=%s\n[Install]\nWantedBy=multi-user.target\n" "$1" >/etc/systemd/system/srv.service &&
    systemctl daemon-reload && systemctl restart srv' sh "$1"
}

# manifest CONTAINER: what a transaction may touch, by path, kind, mode, owner, link and bytes.
manifest() {
  on "$1" sh -c 'find /etc/allocrun /etc/systemd /opt/allocrun/current /usr/lib/systemd/system /usr/local/bin -printf "%p %y %m %U %G %l\n" 2>/dev/null | sort
    find /etc/allocrun /etc/systemd -type f -exec sha256sum {} + 2>/dev/null | sort'
}

state_of() { on "$1" "$node" status --format json | jq -r .state; }
state_is() { [ "$(state_of "$container")" = "$1" ]; }

# fleet_file: in setup_file, what all tests of a file share: the hosts' image, $shared with the artefacts, $work with
# a controller.
fleet_file() {
  "$repo/tests/images/base" fleet
  export shared=$BATS_FILE_TMPDIR/t work=$BATS_FILE_TMPDIR/w
  fleet_artefacts "$shared"
  fleet_controller "$work"
}

# --- the controller and its hosts: $work, $prefix, $fleet ------------------------

# fleet_controller FOLDER: ansible, the built collection, a key.
fleet_controller() {
  local work=$1
  "$repo/tests/fleet/setup"
  export PATH=$repo/build/fleet/venv/bin:$PATH
  mkdir -p "$work"
  ansible-galaxy collection build --output-path "$work" "$repo/ansible" >/dev/null
  ansible-galaxy collection install --offline --collections-path "$work" "$work"/allocrun-fleet-*.tar.gz >/dev/null 2>&1
  ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  cat >"$work/ansible.cfg" <<CFG
[defaults]
collections_path = $work
host_key_checking = true
nocolor = true
forks = 10
timeout = 20
local_tmp = $work/tmp
retry_files_enabled = false
[ssh_connection]
pipelining = true
CFG
  export ANSIBLE_CONFIG=$work/ansible.cfg
  # The server, with allocrun in front of it where there is one.
  cat >"$shared/serve" <<'SERVE'
#!/bin/sh
allocrun=/opt/allocrun/current/bin/allocrun
[ -x $allocrun ] || exec /usr/bin/python3 -m http.server -b 127.0.0.1 8000
exec $allocrun -- /usr/bin/python3 -m http.server -b 127.0.0.1 8000
SERVE
  chmod 755 "$shared/serve"
  printf '[Service]\nExecStart=/t/serve\n[Install]\nWantedBy=multi-user.target\n' >"$shared/srv.service"
}

# fleet_start N [OPTION]...: hosts $prefix-1 ..., each with its server, and $work/inventory.
fleet_start() {
  local i
  rm -rf "$work/state"
  for ((i = 1; i <= $1; i++)); do
    start_host "$prefix-$i" "${@:2}" --cap-add SYS_ADMIN,SYS_PTRACE --volume "$shared/allocrun-node:$node:ro" --volume "$work/key.pub:/key.pub:ro"
  done
  : >"$work/known_hosts"
  {
    echo "[allocrun]"
    for ((i = 1; i <= $1; i++)); do echo "$prefix-$i"; done
    cat <<VARS
[allocrun:vars]
ansible_user=root
ansible_ssh_private_key_file=$work/key
ansible_ssh_common_args=-o ProxyCommand="podman --runtime runc exec -i %h /usr/sbin/sshd -i" -o UserKnownHostsFile=$work/known_hosts -o BatchMode=yes -o ServerAliveInterval=5
ansible_python_interpreter=/usr/bin/python3
VARS
  } >"$work/inventory"
  for ((i = 1; i <= $1; i++)); do
    is_up "$prefix-$i"
    on "$prefix-$i" sh -c 'mkdir -p -m 700 /root/.ssh /run/sshd && install -m 600 /key.pub /root/.ssh/authorized_keys &&
      cp /t/srv.service /etc/systemd/system/ && systemctl daemon-reload && systemctl -q enable --now srv'
    printf '%s %s\n' "$prefix-$i" "$(on "$prefix-$i" cat /etc/ssh/ssh_host_ed25519_key.pub)" >>"$work/known_hosts"
  done
}

fleet_stop() {
  local i
  for ((i = 1; i <= fleet; i++)); do echo "$prefix-$i"; done | xargs podman rm --force --time 0 >/dev/null 2>&1 || true
}

# playbook NAME [OPTION]...
playbook() {
  local name=$1
  shift
  run --separate-stderr ansible-playbook -i "$work/inventory" "allocrun.fleet.$name" -e "allocrun_folder=$work/state" "$@" 3>&-
  printf '%s\n%s\n' "$output" "$stderr" >>"$BATS_TEST_TMPDIR/ansible.log"
  [ "$status" -eq 0 ] || tail -n 60 "$BATS_TEST_TMPDIR/ansible.log"
}

# rollout VERSION [OPTION]...
rollout() {
  local version=$1
  shift
  playbook rollout -e "allocrun_artefact=$shared/$version.tar.gz" -e "allocrun_policy=$shared/good.conf" \
    -e "allocrun_sums=$shared/SHA256SUMS" -e "{\"allocrun_units\": [\"srv.service\"], \"allocrun_waves\": ${waves:-[\"1\", \"60%\", \"100%\"]}}" \
    -e allocrun_health=http://127.0.0.1:8000/ "$@"
}

server_pid() { on "$prefix-$1" systemctl show -P MainPID srv; }

# all_are STATE VERSION
all_are() {
  local i
  for ((i = 1; i <= fleet; i++)); do
    is "$i" "$1" "$2"
  done
}

# is HOST STATE VERSION: and its server runs.
is() {
  local said
  said=$(on "$prefix-$1" "$node" status --format json | jq -r '"\(.state) \(.current // "none")"')
  [ "$said" = "$2 $3" ] || { echo "host $1 is $said, not $2 $3"; return 1; }
  on "$prefix-$1" systemctl is-active -q srv
}
