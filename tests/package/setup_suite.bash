# Once for all files here: the tarballs are unpacked, and what the tests start is compiled.
# shellcheck shell=bash

setup_suite() {
  local here root bill target version
  here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
  root=$(cd -- "$here/../.." && pwd -P)
  version=$(sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' "$root/launcher/version.h")
  if [ ! -f "$root/build/packages/SHA256SUMS" ]; then
    echo "no packages: make package" >&2
    return 1
  fi
  umask 022
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR"
  export suite=$BATS_SUITE_TMPDIR
  for bill in "$root/build/packages/allocrun-$version"-*.spdx.json; do
    target=${bill##*/allocrun-"$version"-}
    target=${target%.spdx.json}
    mkdir "$suite/$target" "$suite/$target-debug"
    tar -xf "${bill%.spdx.json}.tar.gz" -C "$suite/$target"
    tar -xf "${bill%.spdx.json}-debug.tar.gz" -C "$suite/$target-debug"
  done
  mkdir "$suite/programs"
  cp "$here/server.py" "$suite/"
  compile "$here/../cli/targets/show.c"
}

# The program that tells where its malloc comes from, for each machine and libc.
compile() {
  local flags=(-std=gnu17 -Wall -Wextra -Werror -O1)
  gcc "${flags[@]}" -o "$suite/programs/show" "$1" -ldl
  musl-gcc "${flags[@]}" -o "$suite/programs/show-musl" "$1"
  if [ -d "$suite/aarch64-glibc" ] && [ "$(uname -m)" != aarch64 ]; then
    aarch64-linux-gnu-gcc "${flags[@]}" -o "$suite/programs/show-aarch64" "$1" -ldl
  fi
}
