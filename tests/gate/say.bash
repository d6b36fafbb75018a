# shellcheck shell=bash
# How steps that run beside each other speak. Sourced.

# say TEXT...: lines on stdout, never between those of another step.
say() {
  local text
  text=$(printf '%s\n' "$@")
  flock build/tests printf '%s\n' "$text"
}

# with_log LOG COMMAND...: its words in LOG; as they come as well, when one tier alone was
# asked for. What it prints on stdout is no part of that.
with_log() {
  local log=$1
  shift
  if [ "${GATE_LIVE:-}" = true ]; then
    "$@" 2>&1 | tee "$log"
  else
    "$@" >"$log" 2>&1
  fi
}

# What is in LOG and has not been seen.
shown() {
  [ "${GATE_LIVE:-}" = true ] || sed 's/^/  /' "$1"
}
