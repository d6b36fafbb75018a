#!/usr/bin/env bats
# The ways of getting allocrun to a server whose image is not touched: init container, image volume, hook, Compose,
# debug container; and the audit of a node from a container. Kubernetes itself cannot run here: its manifests are
# validated by its schemas (manifests.bats), podman runs what of them it can.
# shellcheck disable=SC2034,SC2154,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

setup_file() { images_tools; }
setup() { needs_root "containers"; }

@test "init container: the image copies itself into a volume, as anybody, with nothing else in it" {
  local volume=$BATS_TEST_TMPDIR/volume
  install -d -o 65532 "$volume"
  attempt podman_run --rm --read-only --cap-drop=all --security-opt no-new-privileges --volume "$volume:/allocrun" "$image" \
    --copy-to /allocrun
  expect_status 0
  # Again: nothing to do.
  attempt podman_run --rm --volume "$volume:/allocrun" "$image" --copy-to /allocrun
  expect_status 0
  contain --user 65532 --read-only --cap-drop=all "${server[@]}" --volume "$volume:/opt/allocrun:ro" "$bookworm" "$inside" -- vllm serve
  ready
  proved
}

@test "init container: a full or read-only volume: one line, 125, nothing is left" {
  attempt podman_run --rm --user 0 --tmpfs /allocrun:size=64k "$image" --copy-to /allocrun/tree
  expect_status 125
  expect_in "its word" "No space left on device" "$err"
  mkdir "$BATS_TEST_TMPDIR/volume"
  attempt podman_run --rm --user 0 --volume "$BATS_TEST_TMPDIR/volume:/allocrun:ro" "$image" --copy-to /allocrun/tree
  expect_status 125
  expect_in "its word" "Read-only file system" "$err"
  expect_equal "the volume" "" "$(ls "$BATS_TEST_TMPDIR/volume")"
}

@test "image volume: the image mounted beside an untouched one" {
  contain "${server[@]}" --user 65534 --mount "type=image,source=$image,destination=/allocrun" "$bookworm" \
    /allocrun/opt/allocrun/bin/allocrun -- vllm serve
  ready
  in_container /allocrun/opt/allocrun/bin/allocrun --check --here --only "$both" --quiet
  expect_status 0
}

@test "Kubernetes' Pod by podman: init container, volume in memory, limits, probe, nothing privileged" {
  local pod=allocrun-test-pod-$$
  container=$pod-server
  cat >"$BATS_TEST_TMPDIR/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
runtime = "runc"
CONF
  # The Pod of deployment-init.yaml, with what can be had here for its images, and what podman wants besides.
  "$tools/python" - "$root/images/kubernetes/deployment-init.yaml" "$pod" "$image" "$bookworm" "$programs/server" >"$BATS_TEST_TMPDIR/pod.yaml" <<'PYTHON'
import sys, yaml
path, name, image, base, server = sys.argv[1:]
template = next(d for d in yaml.safe_load_all(open(path)) if d["kind"] == "Deployment")["spec"]["template"]
spec = template["spec"]
spec["initContainers"][0]["image"] = image
container = spec["containers"][0]
container["image"] = base
container["resources"] = {"limits": {"cpu": "500m", "memory": "256Mi"}}
container["volumeMounts"].append({"name": "vllm", "mountPath": "/usr/local/bin/vllm", "readOnly": True})
spec["volumes"].append({"name": "vllm", "hostPath": {"path": server, "type": "File"}})
for one in spec["initContainers"] + spec["containers"]:
    one["imagePullPolicy"] = "Never"
template["metadata"] = {"name": name, "annotations": {"io.podman.annotations.init.container.type": "always"}}
print(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": spec}))
PYTHON
  CONTAINERS_CONF=$BATS_TEST_TMPDIR/containers.conf attempt podman kube play --network host "$BATS_TEST_TMPDIR/pod.yaml"
  pods=$pod
  expect_status 0
  ready
  proved
  in_container "$inside" --explain --format json -- vllm
  expect_in "options in 256 MiB" "dirty_decay_ms:1000" "$out"
}

@test "podman's hook: an annotation puts it before an untouched image's command; garbage changes nothing" {
  local hooks=$BATS_TEST_TMPDIR/hooks
  mkdir "$hooks"
  sed "s|/opt/allocrun|$prefix|" "$root/images/podman/hooks.d/allocrun.json" >"$hooks/allocrun.json"
  container=allocrun-test-$$-$BATS_TEST_NUMBER-hooked
  bounded podman --runtime runc --hooks-dir "$hooks" run "${run_options[@]}" --detach --name "$container" --annotation allocrun.inject=true \
    "${server[@]}" "$bookworm" vllm serve >/dev/null 3>&-
  ready
  proved
  in_container env
  expect_no_out LD_PRELOAD
  remove
  # Without the annotation nothing is changed.
  bounded podman --runtime runc --hooks-dir "$hooks" run "${run_options[@]}" --detach --name "$container" "${server[@]}" "$bookworm" \
    vllm serve >/dev/null 3>&-
  ready
  pid=$(podman inspect --format '{{.State.Pid}}' "$container")
  expect_equal "maps" "" "$(grep allocrun/lib "/proc/$pid/maps" || true)"
  attempt bash -c "echo garbage | '$allocrun' --oci-hook"
  expect_status 0
  expect_out_is garbage
}

@test "Compose: the file of compose/ as it is" {
  mkdir "$BATS_TEST_TMPDIR/models"
  local file=$BATS_TEST_TMPDIR/compose.yaml
  # podman-compose has no ulimits of its own; the rest is the file's.
  sed "s|^    read_only: true|    ulimits: {nofile: 1024, nproc: 1000}\n    network_mode: host\n    pull_policy: never\n    read_only: true|" \
    "$root/images/compose/compose.yaml" >"$file"
  export ALLOCRUN_IMAGE=localhost/allocrun-test-vllm ALLOCRUN_MEMORY=256m ALLOCRUN_MODELS=$BATS_TEST_TMPDIR/models
  compose=("$tools/podman-compose" --podman-args "--runtime runc" -p "allocrun-test-$$" -f "$file")
  composed=yes
  attempt "${compose[@]}" up -d
  expect_status 0
  container=$(podman ps --quiet --filter "label=io.podman.compose.project=allocrun-test-$$")
  [ -n "$container" ] || fails "$ran" "a container" "$(attempt_result)"
  ready
  proved
  attempt podman --runtime runc healthcheck run "$container"
  expect_status 0
}

@test "a node's audit from a container: again and again, until it is stopped" {
  mkdir "$BATS_TEST_TMPDIR/out"
  contain --user 0 --cap-drop=all --read-only --volume "$BATS_TEST_TMPDIR/out:/textfiles" "$image" \
    --check --every 1 --format prometheus --output /textfiles/allocrun.prom
  eventually has_seen
  rm "$BATS_TEST_TMPDIR/out/allocrun.prom"
  eventually has_seen
  attempt podman --runtime runc stop --time 60 "$container"
  expect_equal "exit code" 0 "$(podman inspect --format '{{.State.ExitCode}}' "$container")"
  expect_equal "what is left" allocrun.prom "$(ls "$BATS_TEST_TMPDIR/out")"
}
has_seen() { grep -q '^allocrun_check_status{id="thp-mode"' "$BATS_TEST_TMPDIR/out/allocrun.prom" 2>/dev/null; }
