# shellcheck shell=bash disable=SC2034 # for the tests
# What the tests of this folder share.

repo=$(cd -- "$BATS_TEST_DIRNAME/../.." && pwd -P)
numa=$repo/tests/numa
results=$repo/build/numa/results

# proved PAIR GROUP: something was, and all of it. What was not is shown.
proved() {
  local tap=$results/$1/tap
  case " ${NUMA_PAIRS-$1} " in *" $1 "*) ;; *) skip "not among NUMA_PAIRS" ;; esac
  [ -r "$tap" ] || { echo "$1 was not booted:"; cat "$results/.$1.log"; return 1; }
  # Of a guest that did not come to its end each group says so itself.
  awk -v start="not ok $2: " 'index($0, start) == 1 { shown = 1; print; next } shown && /^#/ { print; next } { shown = 0 }' "$tap"
  ! grep -q "^not ok $2: " "$tap" || return 1
  grep -q "^ok $2: " "$tap" || { echo "$1 says nothing of $2"; return 1; }
}
