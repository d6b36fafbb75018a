# What the tests of the packages share, beside what the tests of the command line have.
# shellcheck shell=bash disable=SC2034,SC2154 # set here for the tests; suite: setup_suite.bash

# bats' load looks beside the test.
load ../cli/helpers
packages=$root/build/packages
version=$(sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' "$root/launcher/version.h")
native=$(uname -m)

# The targets that there are tarballs of; needs_target skips where one was not packed.
targets() { (cd "$packages" && printf '%s\n' "allocrun-$version"-*.spdx.json) | sed "s/^allocrun-$version-//; s/\.spdx\.json$//"; }
needs_target() { [ -d "$suite/$1" ] || skip "no package for $1: make package TARGETS=all"; }
# The unpacked tree of a target.
tree_of() { printf '%s/%s/allocrun-%s' "$suite" "$1" "$version"; }
manifest_of() { printf '%s/lib/allocrun/manifest.json' "$(tree_of "$1")"; }
bill_of() { printf '%s/allocrun-%s-%s.spdx.json' "$packages" "$version" "$1"; }

elf_files() { find "$@" -type f -exec sh -c 'for f; do [ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || echo "$f"; done' sh {} +; }

# --- a server that runs meanwhile ------------------------------------------------

# start_server COMMAND...: the server under COMMAND, $server is its PID.
start_server() {
  rounds_file=$(mktemp -u "$suite/rounds.XXXXXX")
  PYTHONMALLOC=malloc "$@" python3 "$suite/server.py" "$rounds_file" 2>"$rounds_file.err" 3>&- &
  server=$!
  more_rounds 2
}

rounds() { cat "$rounds_file" 2>/dev/null || echo 0; }
has_rounds() { [ "$(rounds)" -ge "$1" ] || { kill -0 "$server" || return 0; false; }; }
# The server does N rounds more.
more_rounds() {
  local goal=$(($(rounds) + $1))
  eventually has_rounds "$goal"
  [ "$(rounds)" -ge "$goal" ] || fails "the server" "$goal rounds" "$(rounds), and its end: $(cat "$rounds_file.err")"
}

# end_server: it ends by itself when asked to, with 0.
end_server() {
  kill -TERM "$server"
  status=0
  wait "$server" || status=$?
  expect_equal "status of the server ($(cat "$rounds_file.err"))" 0 "$status"
}

# What a process has mapped of the bundled libraries. [COMMAND...]: run by it.
# The builds alone: not what watches over children.
mapped() { local pid=$1; shift; "$@" cat "/proc/$pid/maps" | grep -o '/[^ ]*/lib/allocrun/.*' | grep -v '/children\.so' | sort -u; }

# --- another version -------------------------------------------------------------

# change_libraries FOLDER: other bytes in each library below lib/allocrun of FOLDER, as a
# new version has them, and a manifest that fits.
change_libraries() {
  local manifest=$1/lib/allocrun/manifest.json file old new
  echo "of another version" >"$BATS_TEST_TMPDIR/section"
  while read -r file old; do
    objcopy --add-section ".test.$RANDOM$RANDOM"="$BATS_TEST_TMPDIR/section" "$1/lib/allocrun/$file"
    new=$(sha256sum <"$1/lib/allocrun/$file")
    sed -i "s/$old/${new%% *}/" "$manifest"
  done < <(jq -r '.builds[] | "\(.file) \(.sha256)"' "$manifest")
}
sum_of() { sha256sum <"$1" | cut -d' ' -f1; }
