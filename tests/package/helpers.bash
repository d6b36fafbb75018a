# What the tests of the packages share, beside what the tests of the command line have.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # text for another shell; set here for the tests; suite: setup_suite.bash

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

# --- a root to install in ----------------------------------------------------------

# What this machine's root holds, seen through an overlay whose changes are kept apart and looked at.
# make_root: a fresh root, with $suite and the test's folder in it; $holder holds it.
make_root() {
  layers=$BATS_TEST_TMPDIR/layers
  mkdir "$layers"
  unshare --mount --propagation private bash -euc '
    mount -t tmpfs tmpfs "$1"
    mkdir "$1"/{upper,work,root}
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
    for folder in /proc /dev "$2"; do mount --rbind "$folder" "$1/root$folder"; done
    mount -t tmpfs tmpfs "$1/root/run"
    touch "$1/root/run/ready"
    exec chroot "$1/root" sleep 600' make_root "$layers" "$BATS_RUN_TMPDIR" 3>&- &
  holder=$!
  disown "$holder"
  in_root=(nsenter --target "$holder" --mount --root --wd=/)
  eventually in_root test -e /run/ready
}
in_root() { "${in_root[@]}" "$@"; }
# What is changed in it, but for what dpkg, rpm and their logs always write.
changed() {
  # A device stands for what was taken away: the folder that a tune of this very machine has left.
  nsenter --target "$holder" --mount find "$layers/upper" ! -type d ! \( -type c -path '*/var/lib/allocrun' \) -printf '%P\n' |
    grep -vE '^((var/lib/rpm|root/\.rpmdb)/.*|var/lib/dpkg/(status|status-old|lock|lock-frontend|available|triggers/.*|info/format)|var/log/dpkg.log|var/cache/man/.*|var/cache/ldconfig/.*|etc/ld\.so\.cache)$' | sort
}
# For teardown: a server that still runs, and the root.
end_root() {
  [ -z "${server:-}" ] || kill -KILL "$server" 2>/dev/null || true
  [ -z "${holder:-}" ] || kill -KILL "$holder" 2>/dev/null || true
}
