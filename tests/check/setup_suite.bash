# Once for all files here: the tree under test is copied, so that a build that runs
# meanwhile changes nothing, and the programs that are looked at are compiled.
# shellcheck shell=bash

# shellcheck source=tests/suite.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.bash"

setup_suite() {
  local here
  here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
  suite_begin "$here"
  compile "$here/programs" "$suite/programs" "$suite/libraries"
}

compile() {
  local flags=(-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -O1) program
  for program in grow children liar mappings pause figures swollen; do
    gcc "${flags[@]}" -o "$2/$program" "$1/$program.c"
  done
  gcc "${flags[@]}" -static -o "$2/pause-static" "$1/pause.c"
  gcc "${flags[@]}" -static-pie -o "$2/pause-static-pie" "$1/pause.c"
  gcc "${flags[@]}" -no-pie -fno-pie -o "$2/pause-no-pie" "$1/pause.c"
  musl-gcc "${flags[@]}" -o "$2/pause-musl" "$1/pause.c"
  # With the marks of jemalloc, and variables of its options.
  gcc "${flags[@]}" -shared -fPIC -Wl,--build-id=sha1 -DMARKS -o "$3/libforeign.so" "$1/mymalloc.c"
  cp "$1/silent.py" "$2/"
  # It defines malloc, and that is all that it has of an allocator.
  gcc "${flags[@]}" -shared -fPIC -Wl,--build-id=sha1 -o "$3/libmymalloc.so" "$1/mymalloc.c"
}
