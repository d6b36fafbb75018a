# Once for all files here: the images of images/build, and those that stand in for what cannot be had.
# shellcheck shell=bash

# shellcheck source=tests/suite.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.bash"

setup_suite() {
  local here
  here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
  suite_begin "$here"
  gcc -std=gnu17 -Wall -Wextra -Werror -O1 -o "$suite/programs/server" "$here/server.c"
  gcc -std=gnu17 -Wall -Wextra -Werror -O1 -static -o "$suite/programs/server-static" "$here/server.c"
  musl-gcc -std=gnu17 -Wall -Wextra -Werror -O1 -Dstrerrorname_np=strerror -o "$suite/programs/server-musl" "$here/server.c"
  # Beside it in the images that stand in.
  cp /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4 "$suite/programs/"
  echo 'int iomp5_stand_in;' | gcc -shared -fPIC -x c -o "$suite/programs/libiomp5.so" -
  install -m 755 /dev/stdin "$suite/programs/nvidia_entrypoint.sh" <<<$'#!/bin/bash\n[ $# -gt 0 ] || set -- /bin/bash\nexec "$@"'
  [ "$(id -u)" -eq 0 ] || return 0
  "$here/base" bookworm
  "$here/../../images/build" allocrun slim >&2
  "$here/stand-ins" "$suite/programs" >&2
  local name
  for name in musl distroless stripped ubi; do
    "$here/../../images/build" --base "localhost/stand-in-$name" --tag "localhost/allocrun-test-$name" slim >&2
  done
  "$here/../../images/build" --base localhost/stand-in-vllm-cpu --tag localhost/allocrun-test-vllm vllm >&2
  "$here/../../images/build" --base localhost/stand-in-nvidia --tag localhost/allocrun-test-triton triton >&2
}

# What was made here, and containers that a test has left.
teardown_suite() {
  [ "$(id -u)" -eq 0 ] || return 0
  podman ps --all --quiet --filter "label=allocrun.suite=$suite" | xargs -r podman rm --force --time 0 >/dev/null
  # Those derived from them have the label, too.
  podman images --quiet --filter label=allocrun.stand-in=yes | sort -u | xargs -r podman rmi --force >/dev/null
}
