# Starting a server, talking to it, and stopping all of it again. Sourced by the demo
# and by the tests of real servers; needs no more than bash and Python.
# shellcheck shell=bash

python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "python3 is needed" >&2; exit 1; }

# A loopback port that nothing listens on now.
free_port() {
  "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# request URL [JSON]: prints the body of the answer; 1 unless the status is 200.
request() {
  "$python" - "$@" <<'PYTHON'
import signal, sys, urllib.error, urllib.request
signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
# No proxy from the environment: this is for the loopback.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
body = sys.argv[2].encode() if len(sys.argv) > 2 else None
try:
    with opener.open(urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"}), timeout=120) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as error:
    sys.exit(f"{error} {error.read().decode(errors='replace')}")
except OSError as error:
    sys.exit(str(error))
PYTHON
}

# json_at KEY...: the value at that path of the JSON on stdin.
json_at() {
  "$python" -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1:]:
    value = value[int(key) if isinstance(value, list) else key]
print(value if isinstance(value, str) else json.dumps(value))' "$@"
}

# start_time PID: with the PID it names one process for ever; nothing for a zombie.
start_time() {
  local stat state rest
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The name, in parentheses, may hold anything: the fields are counted behind it.
  read -r state rest <<<"${stat##*) }"
  [ "$state" != Z ] || return 1
  read -ra rest <<<"$rest"
  echo "${rest[18]}"
}

is_alive() { start_time "$1" >/dev/null; }

# tree_of PID: "PID/START-TIME" of it and of all that descend from it.
tree_of() {
  local started child
  local -a children
  started=$(start_time "$1") || return 0
  echo "$1/$started"
  read -rd '' -a children < <(cat "/proc/$1/task"/*/children 2>/dev/null) || true
  for child in ${children[@]+"${children[@]}"}; do
    tree_of "$child"
  done
}

# still_there PID/START-TIME...: those of them that still run.
still_there() {
  local one
  for one in "$@"; do
    [ "$(start_time "${one%/*}")" != "${one#*/}" ] || echo "$one"
  done
}

# wait_until_gone SECONDS PID/START-TIME...
wait_until_gone() {
  local deadline=$((SECONDS + $1)); shift
  while [ -n "$(still_there "$@")" ]; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# stop_tree PID: asks the server to stop, as an init would, and waits for all of its
# tree. 1 when something had to be killed: that is a fault worth telling.
stop_tree() {
  local -a tree left
  mapfile -t tree < <(tree_of "$1")
  [ ${#tree[@]} -gt 0 ] || return 0
  kill -TERM "$1" 2>/dev/null || true
  wait_until_gone 60 "${tree[@]}" && return 0
  mapfile -t left < <(still_there "${tree[@]}")
  echo "still running after 60 s, killed: ${left[*]%/*}" >&2
  kill -KILL "${left[@]%/*}" 2>/dev/null || true
  wait_until_gone 10 "${left[@]}" || true
  return 1
}

# wait_healthy PID URL SECONDS LOG: until URL answers. Says how long it takes, and
# stops at once with the last words of the log if the server has died.
wait_healthy() {
  local pid=$1 url=$2 limit=$3 log=$4 begun=$SECONDS told=0 waited
  until request "$url" >/dev/null 2>&1; do
    waited=$((SECONDS - begun))
    if ! is_alive "$pid" || [ "$waited" -ge "$limit" ]; then
      if is_alive "$pid"; then echo "not healthy after $limit s;"; else echo "the server has stopped;"; fi >&2
      echo "$log ends with:" >&2
      tail -n 15 "$log" >&2
      return 1
    fi
    if [ "$waited" -ge $((told + 10)) ]; then
      told=$waited
      echo "    $waited s"
    fi
    sleep 0.5
  done
}
