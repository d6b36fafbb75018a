# shellcheck shell=bash
# Boots all guests, two at a time; the tests read what they said. NUMA_PAIRS names those that
# are wanted; an empty one boots none and judges what lies there.

setup_suite() {
  local here
  here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
  if [ "${NUMA_PAIRS-all}" = "" ]; then
    unset NUMA_PAIRS
    return 0
  fi
  "$here/setup" || return 1
  # Its status is the tests' to find out; names are words.
  # shellcheck disable=SC2086
  "$here/all" ${NUMA_PAIRS-} >"$here/../../build/numa/all.log" 2>&1 || true
}
