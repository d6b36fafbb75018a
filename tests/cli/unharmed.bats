#!/usr/bin/env bats
# A start that works without allocrun works with it: programs and surroundings in which a
# second malloc, a thread or a system call more is one too many.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

@test "target with a sanitizer: started without another malloc" {
  local kind
  for kind in address thread; do
    # Its runtime does not look for leaks under a tracer, and randomisation confuses old ones.
    gcc -fsanitize="$kind" -o "$BATS_TEST_TMPDIR/$kind" -x c - <<<'#include <stdlib.h>
int main(void) { void *volatile p = malloc(9); free(p); return 0; }'
    attempt "$BATS_TEST_TMPDIR/$kind"
    expect_status 0
    launch -- "$BATS_TEST_TMPDIR/$kind"
    expect_status 0
    expect_err "has a malloc of its own"
  done
  attempt env LD_PRELOAD="$(gcc -print-file-name=libasan.so)" "$allocrun" -- "$show" -
  expect_status 0
  expect_err "has a malloc of its own"
}

@test "CPU older than the build: not preloaded, for the loader would end the program" {
  make_prefix
  edit_manifest '.builds[].isa = "x86-64-v4"'
  attempt "$other/bin/allocrun" -- "$show" -
  [ "$(uname -m)" = x86_64 ] || skip "x86_64 alone has these levels"
  expect_system_malloc
  expect_err "it needs a CPU of level x86-64-v4"
}

@test "PATH: a script without its interpreter is passed over, as by execvp" {
  mkdir "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
  printf '#!/nonexistent\n' >"$BATS_TEST_TMPDIR/a/server"
  cp "$show" "$BATS_TEST_TMPDIR/b/server"
  chmod 755 "$BATS_TEST_TMPDIR/a/server"
  attempt env PATH="$BATS_TEST_TMPDIR/a:$BATS_TEST_TMPDIR/b:$PATH" "$allocrun" -- server -
  expect_status 0
  expect_out "arg server"
}

@test "faccessat2 refused, as by older seccomp profiles: started, and preloaded" {
  attempt "$programs/refuse" faccessat2 -- "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
}

@test "--user with CAP_SETUID and CAP_SETGID alone: no need for more" {
  needs_root "to give the rest away"
  attempt setpriv --bounding-set -all,+setuid,+setgid --inh-caps -all "$allocrun" --user nobody -- cat /proc/self/status
  expect_status 0
  expect_out $'Uid:\t65534'
  expect_out $'CapEff:\t0000000000000000'
}

@test "--user that is the current one: capabilities that were left go" {
  needs_root "to become that user first"
  attempt setpriv --clear-groups --reuid 65534 --regid 65534 --inh-caps +net_raw --ambient-caps +net_raw \
    "$allocrun" --user nobody -- cat /proc/self/status
  expect_status 0
  expect_out $'CapEff:\t0000000000000000'
  expect_out $'CapAmb:\t0000000000000000'
}

@test "limited address space: jemalloc keeps none of it" {
  attempt bash -c 'ulimit -v 4000000; exec "$@"' bash "$allocrun" -- "$show" -
  expect_status 0
  expect_in MALLOC_CONF "retain:false" "$(variable MALLOC_CONF)"
}

@test "kind P: files that may not grow: the record is left out, said, and the command starts" {
  local record=$BATS_TEST_TMPDIR/record
  attempt bash -c 'ulimit -f 1; exec "$@"' bash "$allocrun" --record "$record" -- true
  expect_status 0
  expect_err "no launch record: $record: File too large"
  expect_equal "left behind" "" "$(find "$BATS_TEST_TMPDIR" -name 'record*')"
  # The signal's own handling is the command's.
  # shellcheck disable=SC2016 # for the shells below
  attempt bash -c 'ulimit -f 1; exec "$@"' bash "$allocrun" --record "$record" -- \
    bash -c 'head -c 4096 /dev/zero >"$1"; echo "$?"' bash "$BATS_TEST_TMPDIR/large"
  expect_out 153
}

@test "a memory policy from outside stays" {
  attempt numactl --interleave=0 "$allocrun" --profile embedding -- "$show" -
  expect_status 0
  explain --sysroot "$root/tests/machines/hgx-8gpu-two-socket"
  expect_of '.plan[] | select(.step == "mempolicy").outcome' "nothing to do"
}

@test "a launch below a launch: quiet, and the inner one decides" {
  launch -- sh -c 'exec "$@"' sh "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

@test "options that the bundled build is made without: left out, said, and the rest merged" {
  local key
  for key in prof:true xmalloc:true utrace:true experimental_infallible_new:true lg_san_uaf_align:12; do
    attempt env MALLOC_CONF="$key,retain:false" "$allocrun" -- "$show" -
    expect_status 0
    expect_err "is built without it: ${key%%:*}"
    expect_no_err "<jemalloc>"
    expect_in MALLOC_CONF "retain:false" "$(variable MALLOC_CONF)"
  done
  for key in narenas:0 dirty_decay_ms:-5; do
    launch --conf "$key" -- true
    expect_status 125
  done
}

@test "a capture with a pipe in it: no waiting" {
  mkdir -p "$BATS_TEST_TMPDIR/machine/etc"
  mkfifo "$BATS_TEST_TMPDIR/machine/etc/passwd"
  launch --explain --sysroot "$BATS_TEST_TMPDIR/machine" --user bob
  expect_status 125
  expect_out "no user 'bob' in /etc/passwd"
}

@test "a library that asks for a newer glibc: not preloaded, for the loader would end the program" {
  # stat(2) by name came with glibc 2.33; the name of that version is changed, its use is not.
  gcc -shared -fPIC -DWITH_MALLOC -o "$BATS_TEST_TMPDIR/libjemalloc.so" "$BATS_TEST_DIRNAME/targets/empty.c" -x c - <<<'#include <sys/stat.h>
int library_stat(const char *p) { struct stat s; return stat(p, &s); }'
  sed -i 's/GLIBC_2\.33/GLIBC_2.99/' "$BATS_TEST_TMPDIR/libjemalloc.so"
  launch --allocator "$BATS_TEST_TMPDIR/libjemalloc.so" -- "$show" -
  expect_system_malloc
  expect_err "it needs glibc 2.99"
}

@test "--user with a command that only exec finds: never as the user that was to be left" {
  needs_root "to change the user"
  mkdir "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
  chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
  printf '#!/nonexistent\n' >"$BATS_TEST_TMPDIR/a/server"
  printf '#!/bin/sh\nid -u\n' >"$BATS_TEST_TMPDIR/b/server"
  chmod 755 "$BATS_TEST_TMPDIR/a/server" "$BATS_TEST_TMPDIR/b/server"
  attempt env PATH="$BATS_TEST_TMPDIR/a:$BATS_TEST_TMPDIR/b:$PATH" "$allocrun" --user nobody -- server
  expect_status 0
  expect_out_is "$nobody"
}

# sweep OPTION VALUE...: under each limit that the bare command starts with, it starts with allocrun.
sweep() {
  local option=$1 value starts=0
  shift
  for value in "$@"; do
    # What does not start bare need not start.
    bounded prlimit "--$option=$value" "$show" /dev/null >/dev/null 2>&1 || continue
    starts=$((starts + 1))
    attempt prlimit "--$option=$value" "$allocrun" -- "$show" /dev/null
    expect_status 0
  done
  [ "$starts" -gt 0 ] || fails "$option" "a value that the bare command starts with" "none of $*"
}

@test "kind P: limits: whatever starts bare starts" {
  # Below 64 KiB the program itself lives by chance.
  sweep stack 65536 131072 262144 unlimited
  sweep as 2500000 3000000 4000000 6000000 8000000 12000000 16000000 32000000 64000000 256000000
  sweep data 100000 300000 1000000 3000000 10000000 100000000
  sweep nofile 3 4 5 8 16 64
  sweep fsize 0 1 100 4096 1000000
  sweep memlock 0 65536
  sweep sigpending 0 1
}

@test "kind P: a stack that is too small for the launcher, and not for the command" {
  local value
  gcc -static -o "$BATS_TEST_TMPDIR/exit42" -x c - <<<'int main(void) { return 42; }'
  for value in 16384 32768; do
    # The environment lies on the stack: with a long one 16 KiB are at times too little for anybody.
    attempt env -i PATH="$PATH" prlimit --stack="$value" "$allocrun" -- "$BATS_TEST_TMPDIR/exit42"
    expect_status 42
  done
}

@test "kind P: a limit of processes: whatever starts bare starts" {
  needs_root "for a limit that a user meets"
  local value
  for value in 0 1 2 4; do
    attempt "${as_nobody[@]}" prlimit --nproc="$value" "$allocrun" -- "$show" /dev/null
    expect_status 0
  done
}

# make_cgroup CONTROLLER V1-FILE V2-FILE: a control group in $cgroup whose limit is in $limit.
make_cgroup() {
  needs_root "a cgroup"
  local name=allocrun-test-$$-$BATS_TEST_NUMBER
  cgroup=/sys/fs/cgroup/$1/$name limit=$2
  if [ ! -e "/sys/fs/cgroup/$1/cgroup.procs" ]; then
    cgroup=/sys/fs/cgroup/$name limit=$3
    echo "+$1" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
  fi
  mkdir -p "$cgroup" 2>/dev/null || skip "needs a cgroup that may be written"
  [ -e "$cgroup/$limit" ] || { rmdir "$cgroup"; skip "needs a cgroup that may be written"; }
}

# A test that fails leaves none behind.
teardown() { [ -z "${cgroup-}" ] || eventually rmdir "$cgroup"; }

# Refused while what ended before has not given all back.
set_limit() { echo "$1" >"$cgroup/$limit"; } 2>/dev/null

# in_cgroup COMMAND...: a process of its own in $cgroup becomes COMMAND.
in_cgroup() {
  # shellcheck disable=SC2016 # expanded inside
  bounded bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' bash "$cgroup" "$@"
}

@test "kind P: a control group's memory: whatever starts bare starts" {
  local kib starts=0
  make_cgroup memory memory.limit_in_bytes memory.max
  for kib in 1024 1536 2048 3072 4096 6144 8192 12288 16384 24576; do
    eventually set_limit $((kib * 1024))
    in_cgroup "$show" /dev/null >/dev/null 2>&1 || continue
    starts=$((starts + 1))
    attempt in_cgroup "$allocrun" -- "$show" -
    expect_status 0
    # So little that a second malloc is too much: said, and left out.
    if [ "$kib" -lt 16384 ]; then
      expect_system_malloc
      expect_err "too little for an allocator beside the libc's"
    else
      expect_malloc "$(library_of jemalloc)"
    fi
  done
  [ "$starts" -gt 5 ] || fails "memory" "values that the bare command starts with" "$starts"
  echo $((8192 * 1024)) >"$cgroup/$limit"
  attempt in_cgroup "$allocrun" --require preload -- "$show" -
  expect_refusal "memory is limited to 8"
}

@test "kind P: a control group's processes: whatever starts bare starts" {
  local value
  make_cgroup pids pids.max pids.max
  for value in 1 2 3 4 8; do
    echo "$value" >"$cgroup/$limit"
    # The trial of a foreign entry wants a child, which there is no room for.
    attempt in_cgroup env LD_PRELOAD="$libraries/libjemalloc.so.2" "$allocrun" -- "$show" -
    expect_status 0
    attempt in_cgroup "$allocrun" -- "$show" -
    expect_malloc "$(library_of jemalloc)"
    attempt in_cgroup "$allocrun" --explain -- "$show" -
    expect_status 0
  done
}

@test "kind P: as root, libraries and manifests that others may write are not loaded" {
  needs_root "to be the one who has something to lose"
  local library one
  make_prefix
  chmod 755 "$BATS_TEST_TMPDIR"
  library=$(other_library jemalloc)
  for one in "$library" "${library%/*}" "$other/lib" "$other"; do
    chmod o+w "$one"
    attempt "$other/bin/allocrun" --allocator jemalloc -- "$show" -
    expect_system_malloc
    expect_err "is not trusted as root: others may write"
    attempt "$other/bin/allocrun" --allocator jemalloc --require preload -- "$show" -
    expect_refusal "is not trusted as root: others may write"
    chmod o-w "$one"
  done
  # Where one build is left the next serves; a manifest speaks for all of them.
  chmod 666 "$library"
  attempt "$other/bin/allocrun" --require preload --allocator jemalloc,mimalloc -- "$show" -
  expect_malloc "$(other_library mimalloc)"
  expect_err "others may write it"
  attempt "$other/bin/allocrun" --check --only builds-integrity
  expect_status 2
  expect_out "is not trusted as root"
  chmod 644 "$library"
  chmod 666 "$other_manifest"
  attempt "$other/bin/allocrun" -- "$show" -
  expect_system_malloc
  expect_err "manifest.json is not trusted as root: others may write it"
  chmod 644 "$other_manifest"
  # Another user's file; but whoever owns the launcher is trusted, for root has started that.
  chown "$nobody" "$library"
  attempt "$other/bin/allocrun" --allocator jemalloc -- "$show" -
  expect_err "is not trusted as root: it belongs to another user"
  chown -R "$nobody" "$other"
  attempt "$other/bin/allocrun" --allocator jemalloc -- "$show" -
  expect_malloc "$library"
  # For whoever is not root nothing changes.
  chmod -R o+w "$other/lib"
  attempt "${as_nobody[@]}" "$other/bin/allocrun" --allocator jemalloc -- "$show" -
  expect_malloc "$library"
}

@test "kind P: a user whom /etc/passwd does not know: HOME is not root's" {
  needs_root "to change the user"
  attempt env HOME=/root "$allocrun" --user 23456:23456 -- "$show" -
  expect_status 0
  expect_variable HOME /
}

@test "kind P: words to NIS in /etc/passwd are nobody's entry" {
  needs_mounts "for an /etc of its own"
  make_etc
  printf '+::::::\n-bad:x:0:0::/:/bin/sh\n' >>"$etc/passwd"
  local name
  for name in + -bad; do
    attempt in_etc "$allocrun" --user="$name" -- "$show" -
    expect_refusal "no user '$name' in /etc/passwd"
  done
}

@test "kind P: records that a killed launcher left half written go" {
  needs_mounts "for a /run of its own"
  attempt in_mounts "mount -t tmpfs none /run; mkdir -p /run/allocrun; echo half >/run/allocrun/4194303.json.4194303.tmp" \
    sh -c "'$allocrun' --record auto -- true; ls /run/allocrun"
  expect_status 0
  expect_no_out 4194303
}

@test "kind P: stderr is a full pipe that nobody reads: the command starts" {
  # Perl's own pipe, filled; what is executed has it for its stderr.
  # shellcheck disable=SC2016 # Perl's variables
  attempt env LD_PRELOAD="$libraries/libjemalloc.so.2" perl -e '
    use Fcntl; pipe(my $r, my $w) or die; fcntl($w, F_SETFL, O_NONBLOCK); 1 while syswrite($w, "x" x 4096);
    fcntl($w, F_SETFL, 0); open(STDERR, ">&", $w) or die; fcntl($r, F_SETFD, 0); exec @ARGV' \
    "$allocrun" --verbose -- sh -c 'echo started'
  expect_status 0
  expect_out started
}
