#!/usr/bin/env bats
# The real vLLM, one whole server tree: API server, engine core, worker.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 VLLM_CPU_KVCACHE_SPACE=1

# serve NAME [--plain]: starts a server, behind allocrun unless --plain, leaves
# NAME.pid, .port, .log and .json (the launch record) in the file's folder. File descriptor 3 is bats' own: a server that kept it
# would keep bats waiting.
serve() {
  local base=$BATS_FILE_TMPDIR/$1 port
  port=$(free_port)
  echo "$port" >"$base.port"
  command_of "$port" >"$base.command"
  mapfile -t command <"$base.command"
  [ "${2-}" = --plain ] || command=("$allocrun" --record "$base.json" -- "${command[@]}")
  "${command[@]}" >"$base.log" 2>&1 </dev/null 3>&- &
  echo $! >"$base.pid"
  progress "vLLM ($1) is starting: $base.log"
  wait_healthy "$(<"$base.pid")" "http://127.0.0.1:$port/health" 600 "$base.log" >/dev/null
}

command_of() {
  printf '%s\n' "$venv/bin/vllm" serve "$model" --host 127.0.0.1 --port "$1" \
    --max-model-len 2048 --dtype bfloat16 --enforce-eager
}

chat() {
  request "http://127.0.0.1:$(<"$1.port")/v1/chat/completions" \
    '{"model": "'"$model"'", "temperature": 0, "max_tokens": 16,
      "messages": [{"role": "user", "content": "Which allocator serves you?"}]}'
}

setup_file() {
  install_vllm
  serve launched
}

teardown_file() {
  local pid
  for pid in "$BATS_FILE_TMPDIR"/*.pid; do
    [ ! -e "$pid" ] || stop_tree "$(<"$pid")"
  done
}

# The server that runs now: the tests after the one with a tcmalloc have that one.
setup() {
  for base in "$BATS_FILE_TMPDIR"/{launched,bundled}; do
    [ ! -e "$base.pid" ] || break
  done
  [ ! -e "$base.pid" ] || pid=$(<"$base.pid")
}

@test "vLLM: the PID that was started is the API server" {
  expect_in "cat /proc/$pid/cmdline" "vllm serve $model" "$(tr '\0' ' ' <"/proc/$pid/cmdline")"
  expect_equal "readlink /proc/$pid/exe" "$(readlink -f "$venv/bin/python")" "$(readlink "/proc/$pid/exe")"
  expect_in "the log" "(APIServer pid=$pid)" "$(<"$base.log")"
}

@test "vLLM: every process is served by the library of the launch record, and by no other" {
  local names
  check "$pid" --only preload-effective,options-in-force
  expect_equal "exit of --check: $json" 0 "$status"
  expect_served_by "$(our_library "$base.json")"
  names=$(values 'p["name"]')
  expect_in "processes" vllm "$names"
  expect_in "processes" VLLM::EngineCor "$names"
  expect_in "processes" VLLM::Worker "$names"
}

@test "vLLM: every process has that library mapped" {
  local library member
  library=$(our_library "$base.json")
  while read -r member; do
    expect_in "/proc/${member%/*}/maps" "$library" "$(<"/proc/${member%/*}/maps")"
  done < <(tree_of "$pid")
}

@test "vLLM: the options in force are those of the launch record, in every process" {
  local planned
  planned=$(json_at environment MALLOC_CONF <"$base.json")
  check "$pid" --only options-in-force
  expect_equal "where the options were read" proved "$(values 'p["options_evidence"]' | sort -u)"
  run "$python" - "$planned" "$json" <<'PYTHON'
import json, sys
planned = dict(pair.split(":", 1) for pair in sys.argv[1].split(","))
compared = 0
for process in json.loads(sys.argv[2])["processes"]["list"]:
    for key, actual in process["options"].items():
        if key in planned:
            compared += 1
            if planned[key] != actual:
                sys.exit(f"{process['name']}: {key} expected {planned[key]}, actual {actual}")
sys.exit(0 if compared >= 12 else f"only {compared} values could be compared: {planned}")
PYTHON
  [ "$status" -eq 0 ] || fails "options of every process against $planned" "equal" "$output"
}

@test "vLLM: the purge thread runs in every process that holds something, and jemalloc's own in none" {
  check "$pid" --only purge-in-force --fail-on warn
  expect_equal "exit of --check: $json" 0 "$status"
  expect_in "purge threads" "VLLM::Worker runs" "$(values 'p["name"][:12] + " " + p["purge"]["state"]')"
  expect_equal "threads of jemalloc's own" 0 "$(values 'p["purge_threads"]' | sort -u)"
}

@test "vLLM: --explain plans the environment that was launched" {
  local -a command
  mapfile -t command <"$base.command"
  expect_ok "$allocrun" --explain --format json -- "${command[@]}"
  for name in LD_PRELOAD MALLOC_CONF; do
    expect_equal "$name of --explain and of the launch record" \
      "$(json_at environment "$name" <"$base.json")" "$(json_at environment "$name" <<<"$output")"
  done
}

@test "vLLM: a chat request is answered" {
  local answer
  answer=$(chat "$base")
  expect_equal "completion_tokens of $answer" 16 "$(json_at usage completion_tokens <<<"$answer")"
  [ -n "$(json_at choices 0 message content <<<"$answer")" ] || fails "the answer" "some text" "$answer"
}

@test "vLLM: its children have ours first in LD_PRELOAD, and torch's libgomp kept" {
  local ours preload
  ours=$(json_at environment LD_PRELOAD <"$base.json")
  check "$pid" --only preload-effective
  while read -r preload; do
    expect_equal "first of LD_PRELOAD=$preload" "${ours%%:*}" "${preload%%:*}"
    expect_in "LD_PRELOAD" "/torch/lib/libgomp" "$preload"
  done < <(values 'p["environment"]["LD_PRELOAD"] if "VLLM::" in p["name"] else "skip"' | grep -v '^skip$')
  expect_equal "processes named VLLM::" 2 "$(values 'p["name"]' | grep -c '^VLLM::')"
  # As it is in their memory: the titles that they set overwrote what /proc shows.
  expect_equal "where it was read" proved "$(values 'p["environment_evidence"]' | sort -u)"
}

# vLLM's builds that bundle a tcmalloc put it BEFORE what they find in LD_PRELOAD for
# their children, unless they find the word libtcmalloc in it (vllm/platforms/cpu.py,
# check_and_update_config). Here the very code of this vLLM meets a real tcmalloc, in
# a copy of the package made of links.
@test "vLLM: a tcmalloc that the server bundles does not take over its children" {
  local package overlay=$BATS_FILE_TMPDIR/overlay tcmalloc
  tcmalloc=$(ldconfig -p | awk '/libtcmalloc_minimal\.so\.4 .*=>/ { print $NF; exit }')
  [ -n "$tcmalloc" ] || fails "ldconfig -p" "libtcmalloc_minimal.so.4 (tests/require vllm)" "none"
  package=$("$venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("vllm").submodule_search_locations[0])')
  mkdir -p "$overlay/vllm/platforms" "$overlay/vllm/libs"
  ln -s "$package"/* "$overlay/vllm/" 2>/dev/null || true
  ln -s "$package"/platforms/* "$overlay/vllm/platforms/"
  ln -s "$tcmalloc" "$overlay/vllm/libs/libtcmalloc_minimal.so.4"

  stop_tree "$pid"
  rm "$base.pid"
  PYTHONPATH=$overlay serve bundled
  setup
  check "$pid" --only preload-effective,options-in-force
  values 'p["name"], p["allocator"], p["environment"].get("LD_PRELOAD")'
  expect_equal "exit of --check" 0 "$status"
  expect_served_by "$(our_library "$base.json")"
}

@test "vLLM: SIGTERM to the PID that was started stops the whole tree" {
  local -a tree
  mapfile -t tree < <(tree_of "$pid")
  expect_in "the tree" "$pid/" "${tree[*]}"
  stop_tree "$pid"
  rm "$base.pid"
  expect_equal "processes left" "" "$(still_there "${tree[@]}")"
}

# After the other servers have ended: its memory is theirs.
@test "vLLM: the same server started with plain vllm serve fails the check" {
  base=$BATS_FILE_TMPDIR/plain
  serve plain --plain
  pid=$(<"$base.pid")
  check "$pid" --only preload-effective,options-in-force
  expect_equal "exit of --check" 2 "$status"
  expect_equal "what serves malloc in each" glibc "$(values 'p["allocator"]' | sort -u)"
  expect_in "the API server" "malloc is glibc's own" \
    "$(values 'p["checks"]["preload-effective"]["observed"] if p["pid"] == '"$pid"' else ""')"
  expect_equal "every process is named" "fail warn warn warn" \
    "$(values 'p["checks"]["preload-effective"]["status"]' | sort | paste -sd ' ')"
  local quiet=0 line
  line=$("$allocrun" --check --pid "$pid" --only preload-effective --quiet) || quiet=$?
  expect_equal "exit of --check --quiet" 2 "$quiet"
  expect_in "--check --quiet" "preload-effective (process $pid vllm): malloc is glibc's own" "$line"
  stop_tree "$pid"
  rm "$base.pid"
}

# Somebody's LD_PRELOAD line in place of allocrun.
under_foreign() {
  local library
  library=$(ldconfig -p | awk -v name="$2" '$1 == name && /=>/ { print $NF; exit }')
  [ -n "$library" ] || fails "ldconfig -p" "$2 (tests/require vllm)" "none"
  base=$BATS_FILE_TMPDIR/$1
  LD_PRELOAD=$library serve "$1" --plain
  pid=$(<"$base.pid")
  check "$pid" --only preload-effective
  values 'p["name"], p["allocator"], p["library"], p["checks"]["preload-effective"]'
  expect_equal "what serves malloc in each" "$1" "$(values 'p["allocator"]' | sort -u)"
  expect_equal "the library in each" "$(readlink -f "$library")" "$(values 'p["library"]' | sort -u)"
  expect_equal "exit of --check" 0 "$status"
  stop_tree "$pid"
  rm "$base.pid"
}
@test "vLLM: under the distribution's jemalloc the check says whose it is" { under_foreign jemalloc libjemalloc.so.2; }
@test "vLLM: under the distribution's tcmalloc as well" { under_foreign tcmalloc libtcmalloc_minimal.so.4; }
