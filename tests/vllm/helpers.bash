# What the tests of real servers share. A failing check prints the command, what was
# expected and what came.
# shellcheck shell=bash disable=SC2034 # used by those that load this

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
allocrun=${TREE_UNDER_TEST:-$root/build/prefix}/bin/allocrun
venv=$root/build/vllm/venv
model=$root/build/vllm/model
# shellcheck source-path=SCRIPTDIR source=../demo/lib.bash
. "$root/tests/demo/lib.bash"
# shellcheck source-path=SCRIPTDIR source=../expect.bash
. "$root/tests/expect.bash"

progress() { echo "# $*" >&3; }

# expect_ok COMMAND...: runs it bounded; its output is in $output.
expect_ok() {
  local status=0
  output=$(timeout 600 "$@" 2>&1) || status=$?
  [ "$status" -eq 0 ] || fails "$*" "exit 0" "exit $status: $output"
}

# check PID [OPTION]...: the audit of a process tree as JSON, in $json; $status.
check() {
  status=0
  json=$(timeout 600 "$allocrun" --check --format json --pid "$@") || status=$?
  json_at findings <<<"$json" >/dev/null || fails "allocrun --check --pid $*" "JSON" "exit $status: $json"
}

# values PYTHON-EXPRESSION: of every process `p` that the last check has looked at; its
# findings are in p["checks"], by ID. Those that have ended meanwhile are left out.
values() {
  "$python" -c '
import json, sys
report = json.load(sys.stdin)
for p in report["processes"]["list"]:
    p["checks"] = {f["id"]: f for f in report["findings"] if f["process"] and f["process"]["pid"] == p["pid"]}
    p["others"] = [l["allocator"] for l in p["libraries"]
                   if l["defines_malloc"] and not l["serves"] and l["allocator"] not in ("glibc", "musl")]
    if p["state"] in ("running", "denied"):
        print(eval(sys.argv[1]))' "$1" <<<"$json"
}

# Every process of the last check, and no other allocator in any of them.
expect_served_by() {
  expect_equal "what serves malloc in each" "$1" "$(values 'p["library"]' | sort -u)"
  expect_equal "other allocators" "[]" "$(values 'p["others"]' | sort -u)"
}

install_vllm() {
  [ -x "$allocrun" ] || fails "$allocrun" "built by make build" "not there"
  progress "$("$root/tests/vllm/setup" | tail -n 1)"
  "$venv/bin/python" -B "$root/tests/vllm/model.py" >&2
}

# our_library RECORD: the first LD_PRELOAD entry of the plan, links resolved.
our_library() {
  local entries
  entries=$(json_at environment LD_PRELOAD <"$1")
  readlink -f "${entries%%:*}"
}
