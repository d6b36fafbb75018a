#!/usr/bin/env bats
# A real vLLM on a node, rolled out, broken, rolled back: eight minutes of make check-fleet. Needs root and podman.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # for the shell inside; what helpers.bash sets and reads
bats_require_minimum_version 1.5.0

load helpers

setup_file() {
  [ "$(id -u)" -eq 0 ] || return 0
  "$repo/tests/vllm/setup" >&2
  "$repo/build/vllm/venv/bin/python" -B "$repo/tests/vllm/model.py" >&2
  fleet_file
}

setup() {
  [ "$(id -u)" -eq 0 ] || skip "needs root: containers"
  prefix=allocrun-test-vllm-$$-$BATS_TEST_NUMBER fleet=1
}

teardown() { fleet_stop; }

chat() {
  on "$prefix-1" curl -fsS http://127.0.0.1:8001/v1/completions -H 'Content-Type: application/json' \
    -d "{\"model\": \"$repo/build/vllm/model\", \"prompt\": \"a\", \"max_tokens\": 4}"
}

# How many of vLLM's processes have the library of that version in them, of how many.
proved() {
  on "$prefix-1" sh -c 'for pid in $(systemctl show -P ControlGroup vllm | xargs -I{} cat /sys/fs/cgroup/systemd{}/cgroup.procs); do
    grep -l "$1" /proc/$pid/maps || true; done | wc -l' sh "$1"
}

@test "vLLM: put behind allocrun by the policy, proved in all its processes; a change that is not healthy is taken back; and without it again" {
  fleet_start 1 --shm-size 1g --volume "$repo/build/vllm:$repo/build/vllm:ro"
  on "$prefix-1" sh -c 'printf "[Service]\nEnvironment=HOME=/root HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 VLLM_CPU_KVCACHE_SPACE=1\nExecStart=%s/venv/bin/vllm serve %s/model --host 127.0.0.1 --port 8001 --max-model-len 2048 --dtype bfloat16 --enforce-eager\n" "$1" "$1" \
    >/etc/systemd/system/vllm.service && systemctl daemon-reload && systemctl start vllm' sh "$repo/build/vllm"
  until_true 900 on "$prefix-1" curl -fsS -o /dev/null http://127.0.0.1:8001/health
  before=$(manifest "$prefix-1")
  printf '[units]\nvllm.service = on\n' >"$BATS_TEST_TMPDIR/units.conf"
  health='curl -fsS -o /dev/null http://127.0.0.1:8001/health'
  playbook rollout -e "allocrun_artefact=$shared/0.1.0.tar.gz" -e "allocrun_policy=$BATS_TEST_TMPDIR/units.conf" \
    -e allocrun_health=http://127.0.0.1:8001/health -e allocrun_health_timeout=5m
  [ "$status" -eq 0 ]
  is 1 confirmed 0.1.0
  # API server, engine core, worker.
  [ "$(proved versions/0.1.0/lib/allocrun/)" -ge 3 ]
  chat | jq -e '.choices | length == 1'
  # The new version is never healthy; the one before is, when its model is loaded.
  playbook rollout -e "allocrun_artefact=$shared/0.2.0.tar.gz" -e "allocrun_policy=$BATS_TEST_TMPDIR/units.conf" \
    -e "$(jq -nc --arg health "readlink /opt/allocrun/current | grep -q 0.1.0 && $health" '{allocrun_health: $health}')" \
    -e allocrun_health_timeout=90s
  [ "$status" -ne 0 ]
  is 1 reverted 0.1.0
  [ "$(proved versions/0.1.0/lib/allocrun/)" -ge 3 ]
  chat | jq -e '.choices | length == 1'
  playbook remove -e '{"allocrun_units": ["vllm.service"]}'
  [ "$status" -eq 0 ]
  until_true 900 on "$prefix-1" curl -fsS -o /dev/null http://127.0.0.1:8001/health
  [ "$(proved allocrun)" -eq 0 ]
  on "$prefix-1" sh -c 'rmdir /etc/allocrun/policy.d /etc/allocrun 2>/dev/null || true'
  [ "$(manifest "$prefix-1")" = "$before" ]
}
