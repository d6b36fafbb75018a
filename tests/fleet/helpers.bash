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

is_up() { until_true 150 on "$1" systemctl is-active -q multi-user.target; }

# server COMMAND: the unit srv.service, active.
server() {
  inside sh -c 'printf "[Service]\nExecStart=%s\n[Install]\nWantedBy=multi-user.target\n" "$1" >/etc/systemd/system/srv.service &&
    systemctl daemon-reload && systemctl restart srv' sh "$1"
}

# manifest CONTAINER: what a transaction may touch, by path, kind, mode, owner, link and bytes.
manifest() {
  on "$1" sh -c 'find /etc/allocrun /etc/systemd /opt/allocrun/current /usr/lib/systemd/system -printf "%p %y %m %U %G %l\n" 2>/dev/null | sort
    find /etc/allocrun /etc/systemd -type f -exec sha256sum {} + 2>/dev/null | sort'
}

state_of() { on "$1" "$node" status --format json | jq -r .state; }
state_is() { [ "$(state_of "$container")" = "$1" ]; }
