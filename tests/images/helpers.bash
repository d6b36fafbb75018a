# What the tests of images share, on top of those of the command line.
# shellcheck shell=bash disable=SC2034,SC2154 # set here for the tests; those of ../cli/helpers.bash

# shellcheck source-path=SCRIPTDIR source=../cli/helpers.bash
. "$BATS_TEST_DIRNAME/../cli/helpers.bash"

version=$(sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' "$root/launcher/version.h")
both=preload-effective,options-in-force
inside=/opt/allocrun/bin/allocrun
bookworm=localhost/debian:bookworm-slim
slim=localhost/allocrun-slim:$version
image=localhost/allocrun:$version
server=(--volume "$programs/server:/usr/local/bin/vllm:ro")
# What podman needs on a machine without CAP_SYS_RESOURCE; crun knows no hybrid control groups.
run_options=(--pull=never --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --network=host --label "allocrun.suite=$suite")

podman_run() { bounded podman --runtime runc run "${run_options[@]}" "$@" 3>&-; }

# contain [OPTION]... IMAGE [WORD]...: in the background, in $container; its first process is $pid.
contain() {
  : "${containers:=0}"
  containers=$((containers + 1))
  container=allocrun-test-$$-$BATS_TEST_NUMBER-$containers
  podman_run --detach --name "$container" "$@" >/dev/null
  pid=$(podman inspect --format '{{.State.Pid}}' "$container")
}

# The server says so when it is there; podman keeps what it says. One that has ended never will.
is_ready() { podman logs "$container" 2>/dev/null | grep -qx ready; }
is_decided() { is_ready || [ "$(podman inspect --format '{{.State.Running}}' "$container")" != true ]; }
ready() {
  eventually is_decided
  is_ready || fails "the server" "ready" "$(logged)"
}

in_container() { attempt podman --runtime runc exec "$container" "$@"; }
logged() { podman logs "$container" 2>&1; }
remove() { podman rm --force --time 0 "$container" >/dev/null 2>&1 || true; }
teardown() {
  podman ps --all --quiet --filter "name=^allocrun-test-$$-$BATS_TEST_NUMBER-" | xargs -r podman rm --force --time 0 >/dev/null 2>&1 || true
  [ -z "${pods:-}" ] || podman pod rm --force --time 0 "$pods" >/dev/null 2>&1 || true
  [ -z "${composed:-}" ] || "${compose[@]}" down --timeout 1 >/dev/null 2>&1 || true
}

# proved [OPTION]...: the container's own check finds every process of it proved.
proved() {
  in_container "$inside" --check --here --only "$both" --quiet "$@"
  if [ "$status" -ne 0 ] || ! [[ $out =~ ^ok:\ [0-9]+\ ok$ ]]; then
    fails "$container: $row" "ok, from inside" "$(attempt_result) log: $(logged)"
  fi
}

# Tools from PyPI, as requirements.txt pins them: for YAML, schemas, Dockerfiles, bills of materials, Compose.
tools=$root/build/tests/images/tools/bin
images_tools() { python_tools "$root/build/tests/images/tools" "$BATS_TEST_DIRNAME/requirements.txt"; }
