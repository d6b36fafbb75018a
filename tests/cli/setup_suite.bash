# Once for all files here: the tree under test is copied, so that a build that runs
# meanwhile changes nothing, and the programs that the tests start are compiled.
# shellcheck shell=bash

# shellcheck source=tests/suite.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.bash"

setup_suite() {
  local here
  here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
  suite_begin "$here"
  compile_programs "$here/targets" "$suite/programs"
  compile_libraries "$here/targets" "$suite/libraries"
}

compile_programs() {
  local flags=(-std=gnu17 -Wall -Wextra -Werror -O1)
  gcc "${flags[@]}" -o "$2/show" "$1/show.c" -ldl
  gcc "${flags[@]}" -DSHOW_STATIC -static -o "$2/show-static" "$1/show.c"
  gcc "${flags[@]}" -DSHOW_STATIC -static-pie -o "$2/show-static-pie" "$1/show.c"
  musl-gcc "${flags[@]}" -o "$2/show-musl" "$1/show.c"
  gcc "${flags[@]}" -o "$2/refuse" "$1/refuse.c"
  gcc "${flags[@]}" -o "$2/odd" "$1/odd.c"
  gcc "${flags[@]}" -fno-builtin -o "$2/own" "$1/own.c"
  gcc "${flags[@]}" -o "$2/execute" "$1/execute.c" -pthread
  musl-gcc "${flags[@]}" -o "$2/execute-musl" "$1/execute.c"
  # A loader that is not there: only execve(2) itself finds out.
  gcc "${flags[@]}" -DSHOW_STATIC -Wl,--dynamic-linker=/nowhere/ld-linux.so.2 -o "$2/no-loader" "$1/show.c"
}

# Libraries that do nothing: allocators and OpenMP runtimes.
compile_libraries() {
  local name
  for name in libgomp.so.1 libiomp5.so libother.so; do
    gcc -shared -fPIC -Wl,-soname,"$name" -o "$2/$name" "$1/empty.c"
  done
  for name in libtcmalloc_minimal.so.4 libjemalloc.so.2 libmimalloc.so.2; do
    gcc -shared -fPIC -DWITH_MALLOC -Wl,-soname,"$name" -o "$2/$name" "$1/empty.c"
  done
  gcc -shared -fPIC -DWITH_WRAPPER -o "$2/wrapper.so" "$1/empty.c" -ldl
  gcc -shared -fPIC -Wl,-soname,libnotthere.so.1 -o "$suite/libnotthere.so.1" "$1/empty.c"
  gcc -shared -fPIC -O1 -Wall -Wextra -Werror -o "$2/audit.so" "$1/audit.c"
  gcc -shared -fPIC -O1 -Wall -Wextra -Werror -o "$2/picky.so" "$1/picky.c" -ldl
  mkdir "$2/needy"
  gcc -shared -fPIC -DWITH_MALLOC -Wl,-soname,libjemalloc.so.2 -Wl,--no-as-needed -o "$2/needy/libjemalloc.so.2" "$1/empty.c" "$suite/libnotthere.so.1"
  rm "$suite/libnotthere.so.1"
}
