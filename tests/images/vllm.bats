#!/usr/bin/env bats
# Real vLLM in a container as confined as an orchestrator has it: its environment mounted where it was made, for a
# layer of 3.7 GB would take minutes. Costs a minute and a half.
# shellcheck disable=SC2034,SC2154,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

# shellcheck source-path=SCRIPTDIR source=../demo/lib.bash
. "$BATS_TEST_DIRNAME/../demo/lib.bash"

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  "$BATS_TEST_DIRNAME/base" python
  "$root/images/build" --base localhost/allocrun-python:latest --tag localhost/allocrun-test-python slim >&2
  "$root/tests/vllm/setup" >&2
  "$root/build/vllm/venv/bin/python" -B "$root/tests/vllm/model.py" >&2
  # The server is another user than the one that made the model.
  chmod -R a+rX "$root/build/vllm/model"
}

setup() { needs_root "containers"; }

@test "vLLM: a chat request is answered in a container without rights; proved from inside, from the host and by a debug container" {
  local venv=$root/build/vllm/venv model=$root/build/vllm/model port host
  venv=$(realpath "$venv") model=$(realpath "$model")
  port=$(free_port)
  contain --user 2000:0 --read-only --tmpfs /tmp:exec --tmpfs /run/allocrun:mode=1777,size=1m --cap-drop=all \
    --security-opt no-new-privileges -m 8g --shm-size 512m --volume "$venv:$venv:ro" --volume "$model:$model:ro" \
    --env HOME=/tmp --env HF_HUB_OFFLINE=1 --env VLLM_NO_USAGE_STATS=1 --env VLLM_CPU_KVCACHE_SPACE=1 \
    localhost/allocrun-test-python "$venv/bin/vllm" serve "$model" --host 127.0.0.1 --port "$port" --max-model-len 2048 \
    --dtype bfloat16 --enforce-eager
  wait_healthy "$pid" "http://127.0.0.1:$port/health" 600 /dev/null >/dev/null || fails "vLLM" "healthy" "$(logged | tail -n 20)"
  attempt request "http://127.0.0.1:$port/v1/chat/completions" \
    '{"model": "'"$model"'", "max_tokens": 8, "messages": [{"role": "user", "content": "Which allocator serves you?"}]}'
  expect_status 0
  expect_in "the answer" '"role":"assistant"' "$out"

  row="from inside"
  in_container "$inside" --check --here --only "$both,launch-record" --format json
  expect_status 0
  host=$(jq '.processes.count' <<<"$out")
  [ "$host" -ge 3 ] || fails "from inside" "API server, engine and worker" "$out"
  expect_equal "not ok, from inside" "" "$(jq -r '.findings[] | select(.status != "ok") | "\(.id) \(.status) \(.observed)"' <<<"$out")"

  attempt "$allocrun" --check --pid "$pid" --only "$both" --format json
  expect_status 0
  expect_equal "not ok, from the host" "" "$(jq -r '.findings[] | select(.status != "ok") | "\(.id) \(.status) \(.observed)"' <<<"$out")"

  attempt podman_run --rm --user 2000:0 --pid "container:$container" "$image" --check --pid 1 --only "$both" --quiet
  expect_status 0
  # Neither what is executed in the container nor its probes have any of it.
  in_container env
  expect_no_out LD_PRELOAD
  attempt podman --runtime runc stop --time 60 "$container"
  expect_equal "exit code" 0 "$(podman inspect --format '{{.State.ExitCode}}' "$container")"
}
