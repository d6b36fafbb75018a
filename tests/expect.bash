# shellcheck shell=bash
# What tests say when something is not as it should be, and how they wait.

# fails WHAT EXPECTED ACTUAL
fails() {
  printf -- '-- %s\n   expected: %s\n   actual:   %s\n' "$1" "$2" "$3"
  return 1
}

expect_equal() { [ "$2" = "$3" ] || fails "$1" "$2" "$3"; }
expect_in() { [[ "$3" == *"$2"* ]] || fails "$1" "something with '$2'" "$3"; }
expect_not_in() { [[ "$3" != *"$2"* ]] || fails "$1" "nothing with '$2'" "$3"; }

# eventually COMMAND...: waits up to 180 s until it succeeds.
eventually() {
  local deadline=$((SECONDS + 180))
  until "$@" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || fails "$*" "success within 180 s" "none" || return 1
    sleep 0.02
  done
}
