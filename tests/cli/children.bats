#!/usr/bin/env bats
# Kind E: what the launched command starts. A child that cannot bear the preload behaves and prints
# as without allocrun; the others have the allocator, or not, as --children says.
# shellcheck disable=SC2016,SC2154 # text for another shell; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

execute=$programs/execute
ways="execve execv execvp execvpe execl execlp execle fexecve execveat posix_spawn posix_spawnp fork vfork"

# alike COMMAND...: the status, the output and the errors of COMMAND are those without allocrun.
# What a process knows of its own number and of the last program's does not count.
alike() {
  local bare_status bare_out bare_err
  attempt env "$@"
  bare_status=$status bare_out=$(steady <<<"$out") bare_err=$(steady <<<"$err")
  launch "${options[@]}" -- env "$@"
  expect_status "$bare_status"
  expect_equal "stdout of $*" "$bare_out" "$(steady <<<"$out")"
  expect_equal "stderr of $*" "$bare_err" "$(steady <<<"$err")"
}

# Numbers of processes and pipes, and the addresses in a sanitizer's report.
steady() { sed -E '/^pid /d; s/0x[0-9a-f]+/ADDRESS/g; s/==[0-9]+==/==PID==/g; s/pipe:\[[0-9]+\]/PIPE/'; }

setup() { options=(); }

# sanitized KIND [FLAG]...: a program with a runtime of this kind, which ends with 7; in $sanitized.
sanitized() {
  sanitized=$BATS_TEST_TMPDIR/$1
  gcc -fsanitize="$1" "${@:2}" -o "$sanitized" -x c - <<<'#include <stdio.h>
#include <stdlib.h>
int main(void) { void *volatile p = malloc(9); free(p); puts("ran"); return 7; }'
}

@test "kind E: a child with a sanitizer's runtime" {
  local kind
  for kind in address thread leak; do
    sanitized "$kind"
    alike sh -c "$sanitized"
    expect_status 7
    alike python3 -c 'import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], close_fds=True).returncode)' "$sanitized"
    expect_status 7
  done
  for kind in address thread; do
    sanitized "$kind" "-static-lib${kind:0:1}san"
    alike sh -c "$sanitized; echo \$?"
    expect_out 7
  done
}

@test "kind E: an error that a sanitizer finds in a child is told as without" {
  gcc -fsanitize=address -g -o "$BATS_TEST_TMPDIR/wrong" -x c - <<<'#include <stdlib.h>
int main(void) { char *volatile p = malloc(9); p[9] = 1; return 0; }'
  attempt env sh -c "$BATS_TEST_TMPDIR/wrong"
  expect_status 1
  launch -- sh -c "$BATS_TEST_TMPDIR/wrong"
  expect_status 1
  expect_err "heap-buffer-overflow"
  expect_no_err "runtime does not come first"
}

@test "kind E: a child with a sanitizer, by each way of executing it" {
  local way
  sanitized address
  for way in $ways; do
    alike "$execute" "$way" "$sanitized"
    expect_status 7
    expect_out ran
  done
  alike "$execute" system "$sanitized"
  expect_status 7
}

@test "kind E: children of another libc" {
  alike sh -c "$programs/show-musl -"
  alike sh -c "exec $programs/show-musl -"
  alike python3 -c 'import os, sys; sys.exit(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ) * 0)' "$programs/show-musl" /dev/null
}

# No build for musl is in the tree under test: a library of the test's own.
@test "kind E: below a musl command a child of glibc, and one of musl" {
  local library=$BATS_TEST_TMPDIR/own.so way
  musl-gcc -shared -fPIC -o "$library" -x c - <<<'#include <stddef.h>
static char memory[1 << 24]; static size_t used;
void *malloc(size_t n) { size_t at = __atomic_fetch_add(&used, (n + 31) & ~15UL, __ATOMIC_RELAXED); return at + n < sizeof memory ? memory + at + 16 : NULL; }
void free(void *p) { (void)p; }'
  options=(--allocator "$library")
  for way in execve execvp execl posix_spawn fork vfork; do
    launch "${options[@]}" -- "$programs/execute-musl" "$way" "$programs/show-musl" -
    expect_status 0
    expect_equal "malloc of a musl child by $way" "$library" "$(shown malloc)"
    launch "${options[@]}" -- "$programs/execute-musl" "$way" "$show" -
    expect_system_malloc
    expect_quiet
    expect_no_variable LD_PRELOAD
    expect_no_variable _ALLOCRUN_CHILDREN
  done
}

@test "kind E: a 32-bit child: not a word from its loader" {
  [ "$(uname -m)" = x86_64 ] || skip "no compiler for 32 bits on $(uname -m)"
  gcc -m32 -nostdlib -no-pie -Wl,--dynamic-linker=/lib/ld-linux.so.2 -Wl,--no-as-needed \
    -o "$BATS_TEST_TMPDIR/narrow" "$BATS_TEST_DIRNAME/targets/exit42.S" /lib32/libc.so.6
  # It would say something:
  attempt env LD_PRELOAD="$(library_of jemalloc)" "$BATS_TEST_TMPDIR/narrow"
  expect_err "wrong ELF class"
  alike sh -c "$BATS_TEST_TMPDIR/narrow"
  expect_status 42
  alike "$execute" vfork "$BATS_TEST_TMPDIR/narrow"
  expect_quiet
}

@test "kind E: a static child has the environment of without; one that only hands on hands the preload on" {
  alike sh -c "$programs/show-static -"
  alike sh -c "$programs/show-static-pie -"
  gcc -static -o "$BATS_TEST_TMPDIR/tini" "$BATS_TEST_DIRNAME/targets/execute.c"
  cp "$BATS_TEST_TMPDIR/tini" "$BATS_TEST_TMPDIR/other"
  launch -- sh -c "exec $BATS_TEST_TMPDIR/tini execve $show -"
  expect_malloc "$(library_of jemalloc)"
  launch -- sh -c "exec $BATS_TEST_TMPDIR/other execve $show -"
  expect_system_malloc
}

# No emulator is needed to see what it would be given.
@test "kind E: a child for another machine" {
  local machine=b7
  [ "$(uname -m)" != aarch64 ] || machine=3e
  cp "$show" "$BATS_TEST_TMPDIR/other"
  patch_bytes "$BATS_TEST_TMPDIR/other" 18 "$machine"
  attempt strace -f -v -s 9999 -e trace=execve -o "$BATS_TEST_TMPDIR/trace" \
    "$allocrun" -- "$execute" vfork "$BATS_TEST_TMPDIR/other"
  expect_status 108
  grep -q "execve(\"$BATS_TEST_TMPDIR/other\"" "$BATS_TEST_TMPDIR/trace"
  expect_not_in "its environment" LD_PRELOAD "$(grep "execve(\"$BATS_TEST_TMPDIR/other\"" "$BATS_TEST_TMPDIR/trace")"
  # An emulator hands on what it has.
  gcc -o "$BATS_TEST_TMPDIR/qemu-other" "$BATS_TEST_DIRNAME/targets/show.c" -ldl
  launch -- sh -c "$BATS_TEST_TMPDIR/qemu-other -"
  expect_system_malloc
  expect_no_variable LD_PRELOAD
}

@test "kind E: a child with a malloc of its own, in itself or in a library" {
  alike sh -c "$programs/own"
  expect_status 7
  mkdir "$BATS_TEST_TMPDIR/lib"
  # It names its options when it does not know one.
  gcc -shared -fPIC -Wl,-soname,libjemalloc.so.1 -o "$BATS_TEST_TMPDIR/lib/libjemalloc.so.1" -x c - <<<'#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void start(void) { const char *c = getenv("MALLOC_CONF"); if (c) puts(c); }'
  gcc -o "$BATS_TEST_TMPDIR/linked" -Wl,--no-as-needed -Wl,-rpath,"$BATS_TEST_TMPDIR/lib" -x c - -x none \
    "$BATS_TEST_TMPDIR/lib/libjemalloc.so.1" <<<'int main(void) { return 3; }'
  alike sh -c "$BATS_TEST_TMPDIR/linked"
  expect_status 3
  # With the user's own options: those, and not the merged ones.
  alike MALLOC_CONF=narenas:3 sh -c "$BATS_TEST_TMPDIR/linked"
  attempt env MALLOC_CONF=narenas:3 "$allocrun" -- sh -c "$BATS_TEST_TMPDIR/linked"
  expect_out_is narenas:3
  # Set below the launch: left as it is.
  launch -- sh -c "MALLOC_CONF=narenas:5 $BATS_TEST_TMPDIR/linked"
  expect_out_is narenas:5
}

@test "kind E: what was in LD_PRELOAD before is there for such a child; what was added later too" {
  attempt env LD_PRELOAD="$libraries/libother.so" "$allocrun" -- sh -c "$programs/show-static -"
  expect_variable LD_PRELOAD "$libraries/libother.so"
  attempt env LD_PRELOAD="$libraries/libother.so" "$allocrun" -- \
    sh -c "LD_PRELOAD=$libraries/wrapper.so:\$LD_PRELOAD exec $programs/show-static -"
  expect_variable LD_PRELOAD "$libraries/wrapper.so:$libraries/libother.so"
  # Another allocator that somebody adds below is theirs alone.
  launch -- sh -c "LD_PRELOAD=$libraries/libtcmalloc_minimal.so.4:\$LD_PRELOAD exec $show -"
  expect_equal "malloc" "$libraries/libtcmalloc_minimal.so.4" "$(shown malloc)"
  expect_variable LD_PRELOAD "$libraries/libtcmalloc_minimal.so.4"
  expect_no_variable MALLOC_CONF
}

@test "kind E: no environment, an empty one, and env -i" {
  local way
  sanitized address
  for way in null empty; do
    alike "$execute" "$way" "$sanitized"
    expect_status 7
    alike "$execute" "$way" "$show" -
  done
  alike env -i "$sanitized"
  alike env -i "$show" -
}

@test "kind E: a huge environment" {
  sanitized address
  launch -- python3 -c 'import os, subprocess, sys
for n in (100, 1000, 1020, 1024, 5000, 20000):
  environment = dict(os.environ, **{f"V{i}": str(i) for i in range(n)})
  seen = subprocess.run(["/usr/bin/env"], env=environment, stdout=subprocess.PIPE, text=True).stdout
  assert seen.count("\nV") + seen.startswith("V") == n and "LD_PRELOAD=" in seen, n
  one = subprocess.run([sys.argv[1]], env=environment, stdout=subprocess.PIPE, close_fds=False)
  assert (one.returncode, one.stdout) == (7, b"ran\n"), (n, one)
  os.waitpid(os.posix_spawn(sys.argv[2], [sys.argv[2], f"{sys.argv[3]}/{n}"], environment), 0)
  lines = [line for line in open(f"{sys.argv[3]}/{n}") if line.startswith("env ")]
  assert not [line for line in lines if "ALLOCRUN_CH" in line or "LD_PRELOAD" in line], lines
  assert len([line for line in lines if line.startswith("env V")]) == n' "$sanitized" "$programs/show-static" "$BATS_TEST_TMPDIR"
  expect_status 0
  expect_quiet
}

@test "kind E: scripts, with a line and without" {
  sanitized address
  printf '#!%s\n' "$sanitized" >"$BATS_TEST_TMPDIR/line"
  printf '#!%s\n' "$BATS_TEST_TMPDIR/line" >"$BATS_TEST_TMPDIR/two"
  printf '%s\nexit $?\n' "$sanitized" >"$BATS_TEST_TMPDIR/none"
  chmod 755 "$BATS_TEST_TMPDIR"/{line,two,none}
  local script
  for script in line two none; do
    alike "$execute" execvp "$BATS_TEST_TMPDIR/$script"
    expect_status 7
  done
  alike PATH="$BATS_TEST_TMPDIR:$PATH" "$execute" posix_spawnp line
  expect_status 7
}

@test "kind E: what cannot be executed: the same error" {
  local way what
  cd "$BATS_TEST_TMPDIR"
  mkdir folder
  touch plain
  printf 'text' >text
  printf '#!/nowhere/interpreter\n' >lost
  printf '\177ELF' >half
  ln -s round round
  chmod 755 text lost half
  for what in nowhere folder plain ./text ./lost ./half ./round plain/below /dev/null ''; do
    for way in execve execvp posix_spawn posix_spawnp vfork; do
      alike "$execute" "$way" "$what"
    done
  done
  alike PATH="$BATS_TEST_TMPDIR" "$execute" execvp lost
}

@test "kind E: from threads with small stacks, at once" {
  sanitized address
  launch -- "$execute" threads "$sanitized"
  expect_status 7
  expect_equal "runs" 100 "$(grep -c '^ran$' <<<"$out")"
  expect_quiet
  launch -- "$execute" threads /bin/true
  expect_status 0
}

@test "kind E: signals, descriptors, and the rest of a process's state" {
  alike sh -c 'trap "" USR1 HUP; exec 7</dev/null; exec "$@"' sh "$programs/show-static" -
  alike sh -c 'trap "" USR1; "$@"; echo $?' sh "$execute" vfork "$programs/own"
  local signal
  for signal in TERM KILL SEGV; do
    alike sh -c "sh -c 'kill -$signal \$\$'; exit \$?"
  done
}

@test "kind E: the libraries are not there for the child: after a chroot" {
  needs_root "for chroot"
  mkdir -p "$BATS_TEST_TMPDIR/root/bin"
  local library
  for library in $(ldd "$show" | grep -o '/[^ :]*'); do
    mkdir -p "$BATS_TEST_TMPDIR/root${library%/*}"
    cp -L "$library" "$BATS_TEST_TMPDIR/root$library"
  done
  cp "$show" "$BATS_TEST_TMPDIR/root/bin/show"
  alike chroot "$BATS_TEST_TMPDIR/root" /bin/show -
}

# --- who keeps it ------------------------------------------------------------------

@test "kind E: Python's workers have the allocator: fork, spawn, forkserver, subprocess" {
  cat >"$BATS_TEST_TMPDIR/workers.py" <<'PYTHON'
import multiprocessing, os, subprocess, sys


def mapped(_):
    with open("/proc/self/maps") as maps:
        return sys.argv[-1] in maps.read()


if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(mapped, range(2)))
    for close in (True, False):
        subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1] in open('/proc/self/maps').read())", sys.argv[-1]],
                       close_fds=close, check=True)
PYTHON
  launch -- python3 "$BATS_TEST_TMPDIR/workers.py" "$(library_of jemalloc)"
  expect_status 0
  expect_quiet
  expect_out_is $'fork [True, True]\nspawn [True, True]\nforkserver [True, True]\nTrue\nTrue'
}

@test "kind E: by each way of executing it a child that can bear it has the allocator" {
  local way
  for way in $ways; do
    launch -- "$execute" "$way" "$show" -
    expect_malloc "$(library_of jemalloc)"
  done
  launch -- "$execute" system "$show -; true"
  expect_malloc "$(library_of jemalloc)"
  # Its loader as a command of its own.
  launch -- sh -c "$(sed -n 's/.* interpreter \([^,]*\),.*/\1/p' <<<"$(file -L "$show")") $show -"
  expect_malloc "$(library_of jemalloc)"
}

@test "kind E: --children drop: the command alone, over its own exec too" {
  local way
  options=(--children drop)
  launch "${options[@]}" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  launch "${options[@]}" -- sh -c "exec $show -"
  expect_malloc "$(library_of jemalloc)"
  launch "${options[@]}" -- sh -c "$show -; true"
  expect_system_malloc
  expect_no_variable LD_PRELOAD
  expect_no_variable MALLOC_CONF
  alike sh -c "$programs/show-static -"
  for way in posix_spawn posix_spawnp fork vfork; do
    launch "${options[@]}" -- "$execute" "$way" "$show" -
    expect_system_malloc
  done
  launch "${options[@]}" -- "$execute" system "$show -"
  expect_system_malloc
  ALLOCRUN_CHILDREN=drop launch -- sh -c "$show -; true"
  expect_system_malloc
}

@test "kind E: --children NAME: those programs, and what they become" {
  printf '#!/usr/bin/env -S %s -\n' "$show" >"$BATS_TEST_TMPDIR/worker"
  chmod 755 "$BATS_TEST_TMPDIR/worker"
  launch --children show,other -- sh -c "$show -; true"
  expect_malloc "$(library_of jemalloc)"
  launch --children other -- sh -c "$show -; true"
  expect_system_malloc
  # The name is the script's: env and what it executes in its place have it.
  launch --children worker -- sh -c "$BATS_TEST_TMPDIR/worker; true"
  expect_malloc "$(library_of jemalloc)"
  # A name is no reason to give it to what cannot bear it.
  sanitized address
  launch --children address -- sh -c "$sanitized; exit \$?"
  expect_status 7
}

@test "--children: bad values, the policy file, and what is shown of it" {
  launch --children /bin/sh -- true
  expect_refusal "bad value '/bin/sh' for children" "a name without its folder: sh"
  launch --children keep,drop -- true
  expect_refusal "it stands alone"
  launch --children a,,b -- true
  expect_refusal "empty name"
  policy "$BATS_TEST_TMPDIR/policy" <<<$'[launch]\nchildren = drop'
  launch --policy "$BATS_TEST_TMPDIR/policy" -- sh -c "$show -; true"
  expect_system_malloc
  explain --children show -- "$show" -
  expect_of '.plan[] | select(.name == "children") | "\(.value) \(.outcome) \(.set.children)"' "show done show"
  explain --allocator system -- "$show" -
  expect_of '[.plan[] | select(.name == "children")] | length' 0
}

@test "kind E: allocrun below a launch begins anew" {
  launch -- sh -c "$allocrun --allocator mimalloc -- $show -; true"
  expect_malloc "$(library_of mimalloc)"
  expect_quiet
  expect_no_variable MALLOC_CONF
  expect_variable LD_PRELOAD "$(library_of mimalloc):$prefix/lib/allocrun/children.so"
  launch -- sh -c "$allocrun --allocator system -- $show -; true"
  expect_system_malloc
  expect_no_variable _ALLOCRUN_CHILDREN
  # Also where nothing has taken it out before.
  launch -- "$execute" execve /usr/bin/env env "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  attempt env _ALLOCRUN_CHILDREN=keep _ALLOCRUN_SET_MALLOC_CONF=narenas:7 MALLOC_CONF=narenas:7 "$allocrun" -- "$show" -
  expect_not_in MALLOC_CONF narenas:7 "$(variable MALLOC_CONF)"
  expect_quiet
}

@test "kind E: a tree without the library for children: as before, said where a part is asked for" {
  make_prefix
  rm "$other/lib/allocrun/children.so"
  attempt "$other/bin/allocrun" -- "$show" -
  expect_malloc "$(other_library jemalloc)"
  expect_quiet
  attempt "$other/bin/allocrun" --children drop -- "$show" -
  expect_malloc "$(other_library jemalloc)"
  expect_err "children.so is not there"
  attempt "$other/bin/allocrun" --children drop --require preload -- "$show" -
  expect_refusal "children.so"
}
