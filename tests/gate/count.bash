# shellcheck shell=bash disable=SC2034 # the counts are for who sources this
# Counts the TAP of a tier. Sourced.

passed=0
failed=0
skipped=0

# A skip that nobody has given a reason for is a failure in CI.
count_skip() {
  local line=$1
  skipped=$((skipped + 1))
  echo "  skipped: ${line#ok * }"
  [ "${CI:-}" = true ] || return 0
  while read -r name; do
    [ -n "$name" ] && [ "${line#*"$name"}" != "$line" ] && return 0
  done < <(sed 's/#.*//; s/[[:space:]]*$//' tests/allowed-skips)
  echo "  not among tests/allowed-skips: a failure"
  skipped=$((skipped - 1))
  failed=$((failed + 1))
}

# count_tap FILE: what was skipped, what failed and its diagnostics are printed.
count_tap() {
  local line planned=0 seen=0 is_failing=false
  while IFS= read -r line; do
    case $line in
      "not ok"*) seen=$((seen + 1)); failed=$((failed + 1)); is_failing=true; echo "  $line" ;;
      "ok "*\#[\ ]SKIP*|"ok "*\#[\ ]skip*) seen=$((seen + 1)); is_failing=false; count_skip "$line" ;;
      "ok "*) seen=$((seen + 1)); passed=$((passed + 1)); is_failing=false ;;
      1..[0-9]*) planned=$((planned + ${line#1..})) ;;
      *) ! $is_failing || echo "  $line" ;;
    esac
  done <"$1"
  if [ "$seen" -lt "$planned" ] || [ "$seen" -eq 0 ]; then
    echo "  $seen of $planned planned tests ran: a failure"
    failed=$((failed + 1))
  fi
}
