#!/usr/bin/env bats
# Bad input: the command. Exit codes and search are those of env(1), which runs beside.
# shellcheck disable=SC2016,SC2034,SC2154 # text for another shell; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

# expect_as_env STATUS COMMAND...: allocrun and env end alike, and so.
expect_as_env() {
  local wanted=$1
  shift
  attempt env -- "$@"
  expect_status "$wanted"
  launch -- "$@"
  expect_status "$wanted"
}

@test "command missing: 127, as env" {
  expect_as_env 127 no-such-command-anywhere
  expect_one_line
  expect_err "'no-such-command-anywhere': No such file or directory"
  expect_as_env 127 ./no-such-command
  expect_as_env 127 /nowhere/command
  expect_as_env 127 ''
  expect_one_line
}

@test "command not executable: 126, as env" {
  touch "$BATS_TEST_TMPDIR/plain"
  expect_as_env 126 "$BATS_TEST_TMPDIR/plain"
  expect_one_line
  expect_err "Permission denied"
  expect_as_env 126 "$BATS_TEST_TMPDIR/plain/below"
  expect_one_line
}

@test "command a directory: 126, as env" {
  expect_as_env 126 "$BATS_TEST_TMPDIR"
  expect_one_line
  expect_as_env 126 /
  mkdir "$BATS_TEST_TMPDIR/server"
  PATH=$BATS_TEST_TMPDIR:/usr/bin:/bin expect_as_env 126 server
}

@test "command found on PATH as env finds it" {
  mkdir "$BATS_TEST_TMPDIR"/{first,second}
  printf '#!/bin/sh\necho first\n' >"$BATS_TEST_TMPDIR/first/server"
  printf '#!/bin/sh\necho second\n' >"$BATS_TEST_TMPDIR/second/server"
  chmod +x "$BATS_TEST_TMPDIR/second/server"
  # One that may not be executed is passed over.
  PATH=$BATS_TEST_TMPDIR/first:$BATS_TEST_TMPDIR/second:$PATH expect_as_env 0 server
  expect_out_is second
  # And reported when there is no other.
  PATH=$BATS_TEST_TMPDIR/first:/usr/bin:/bin expect_as_env 126 server
  cd "$BATS_TEST_TMPDIR/second"
  PATH=/usr/bin::/bin expect_as_env 0 server
  PATH=/usr/bin:/bin expect_as_env 127 server
  attempt env -u PATH "$allocrun" -- true
  expect_status 0
}

@test "command whose #! interpreter is missing: 127, as env" {
  printf '#!/nowhere/python\n' >"$BATS_TEST_TMPDIR/script"
  chmod +x "$BATS_TEST_TMPDIR/script"
  expect_as_env 127 "$BATS_TEST_TMPDIR/script"
  expect_one_line
  printf '#!%s\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/script"
  expect_as_env 126 "$BATS_TEST_TMPDIR/script"
}

@test "command whose loader is missing: 127, as env" {
  expect_as_env 127 "$programs/no-loader" -
  expect_err "'$programs/no-loader': No such file"
}

@test "command whose #! lines run in a circle: as env" {
  printf '#!%s\n' "$BATS_TEST_TMPDIR/b" >"$BATS_TEST_TMPDIR/a"
  printf '#!%s\n' "$BATS_TEST_TMPDIR/a" >"$BATS_TEST_TMPDIR/b"
  chmod +x "$BATS_TEST_TMPDIR"/{a,b}
  expect_as_env 126 "$BATS_TEST_TMPDIR/a"
}

@test "command a script without #!: run by the shell, as env" {
  printf 'echo "ran $1"\nexit 7\n' >"$BATS_TEST_TMPDIR/script"
  chmod +x "$BATS_TEST_TMPDIR/script"
  expect_as_env 7 "$BATS_TEST_TMPDIR/script" it
  expect_out_is "ran it"
}

@test "command an empty file, a FIFO, a socket: as env" {
  : >"$BATS_TEST_TMPDIR/empty"
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  chmod +x "$BATS_TEST_TMPDIR"/{empty,fifo}
  expect_as_env 0 "$BATS_TEST_TMPDIR/empty"
  expect_as_env 126 "$BATS_TEST_TMPDIR/fifo"
  expect_as_env 126 /dev/null
}

@test "command that may be executed and not read: runs" {
  needs_root "to be another user"
  cp "$show" "$BATS_TEST_TMPDIR/show"
  chmod 711 "$BATS_TEST_TMPDIR/show"
  attempt "${as_nobody[@]}" "$allocrun" -- "$BATS_TEST_TMPDIR/show" -
  expect_system_malloc
  expect_err "Permission denied"
}

@test "command on a file system without execution: 126, as env" {
  needs_mounts "to mount one"
  noexec="mount -t tmpfs -o noexec none '$BATS_TEST_TMPDIR'; cp '$programs/show-static' '$BATS_TEST_TMPDIR/show'"
  attempt in_mounts "$noexec" env "$BATS_TEST_TMPDIR/show" -
  expect_status 126
  attempt in_mounts "$noexec" "$allocrun" -- "$BATS_TEST_TMPDIR/show" -
  expect_status 126
  expect_one_line
  expect_err "Permission denied"
}

@test "exit codes of the command are its own" {
  for code in 0 1 3 124 125 126 127 255; do
    launch -- sh -c "exit $code"
    expect_status "$code"
    expect_quiet
  done
}

@test "a command killed by a signal ends so" {
  for signal in TERM KILL SEGV PIPE; do
    attempt sh -c "\"\$@\"; exit \$?" sh "$allocrun" -- sh -c "kill -$signal \$\$"
    expect_status $((128 + $(kill -l "$signal")))
  done
}

@test "a script through env and a script are launched with their interpreter's allocator" {
  printf '#!/usr/bin/env sh\nexec %s -\n' "$show" >"$BATS_TEST_TMPDIR/one"
  printf '#!%s\n' "$BATS_TEST_TMPDIR/one" >"$BATS_TEST_TMPDIR/two"
  printf '#!/usr/bin/env -S FOO=bar sh -e\nexec %s -\n' "$show" >"$BATS_TEST_TMPDIR/three"
  chmod +x "$BATS_TEST_TMPDIR"/{one,two,three}
  for script in one two three; do
    launch -- "$BATS_TEST_TMPDIR/$script"
    expect_malloc "$(library_of jemalloc)"
    expect_quiet
  done
}

@test "kind F: a script without its first line: the shell's, and the server behind it has the allocator" {
  printf '%s -\n' "$show" >"$BATS_TEST_TMPDIR/server"
  chmod 755 "$BATS_TEST_TMPDIR/server"
  launch -- "$BATS_TEST_TMPDIR/server"
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  attempt env PATH="$BATS_TEST_TMPDIR:$PATH" "$allocrun" -- server
  expect_malloc "$(library_of jemalloc)"
  explain -- "$BATS_TEST_TMPDIR/server"
  expect_of '.command.chain[1]' /bin/sh
}

@test "kind F: allocrun below allocrun: the inner one sees to it, and nothing untrue is said" {
  make_prefix
  launch --require preload -- "$other/bin/allocrun" -- "$show" -
  expect_malloc "$(other_library jemalloc)"
  expect_quiet
  launch -- "$allocrun" --allocator mimalloc -- "$show" -
  expect_malloc "$(library_of mimalloc)"
  expect_quiet
}

@test "kind F: env in front of the command: it is the command behind it that counts" {
  launch -- env MORE=1 "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_variable MORE 1
  launch -- env MORE=1 "$programs/show-static" -
  expect_status 0
  expect_err "$programs/show-static is statically linked"
  launch -- env MORE=1 "$programs/own"
  expect_status 7
  expect_err "has a malloc of its own"
  # What only env can know, nothing is said of.
  launch -- env -u HOME "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

@test "kind F: wrappers: the program behind them is found out about" {
  local line wrapper
  for line in "nice -n 1" "setsid" "timeout -k 5 60 nice" "env nice"; do
    read -ra wrapper <<<"$line"
    explain -- "${wrapper[@]}" "$show" -
    expect_of '.command.chain[-1]' "$show"
    launch -- "${wrapper[@]}" "$show" -
    expect_malloc "$(library_of jemalloc)"
  done
  launch -- sh -c "exec nohup $show -"
  expect_malloc "$(library_of jemalloc)"
  # What is not understood in full is not looked behind.
  explain -- sh -c "true; exec $show -"
  expect_of '.command.chain | length' 1
}

# Behind a wrapper it is a child as others are: it works, and no word is said of it.
@test "kind F: wrappers: a program behind them that cannot bear the preload" {
  local line program wrapper
  for line in "nice -n 1" "setsid -w" "timeout 60" "sh -c"; do
    read -ra wrapper <<<"$line"
    for program in own show-static show-musl; do
      attempt "${wrapper[@]}" "$programs/$program"
      expected=$status
      launch --require preload -- "${wrapper[@]}" "$programs/$program"
      expect_status "$expected"
      expect_quiet
    done
  done
}

@test "kind F: wrappers: the server is recognised, with what it is told" {
  local command words
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexec "$@"\n' | tee "$BATS_TEST_TMPDIR/bin/uv" "$BATS_TEST_TMPDIR/bin/conda" >"$BATS_TEST_TMPDIR/bin/vllm"
  chmod 755 "$BATS_TEST_TMPDIR"/bin/*
  for command in "uv run vllm serve m" "conda run -n x vllm serve m" "nice env A=1 vllm serve m" "setsid python3 -m vllm"; do
    read -ra words <<<"$command"
    attempt env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$allocrun" --explain --format json -- "${words[@]}"
    json=$out
    expect_of .framework vLLM
    attempt env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$allocrun" --explain --format json -- sh -c "exec $command"
    json=$out
    expect_of .framework vLLM
  done
  for command in "cd /; vllm serve m" "vllm serve \$MODEL" "vllm serve m | tee log"; do
    attempt env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$allocrun" --explain --format json -- sh -c "$command"
    json=$out
    expect_of .framework null
  done
  # Flags and variables are the server's, and so is who binds.
  local machine=(--explain --format json --sysroot "$root/tests/machines/hgx-8gpu-two-socket" --)
  launch "${machine[@]}" sh -c "exec vllm serve m --numa-bind"
  json=$out
  expect_in "affinity" "binds its workers itself" "$(step affinity why)"
  launch "${machine[@]}" env CUDA_VISIBLE_DEVICES=0 nice vllm serve m
  json=$out
  expect_not_in "affinity" "binds its workers itself" "$(step affinity why)"
  expect_of .facts.gpus_visible_by CUDA_VISIBLE_DEVICES=0
}

@test "kind F: a static init in front: it hands the preload on, and the server is what counts" {
  gcc -static -o "$BATS_TEST_TMPDIR/tini" -x c - <<<'#include <unistd.h>
int main(int c, char **v) { (void)c; execvp(v[2], v + 2); return 99; }'
  launch --require preload -- "$BATS_TEST_TMPDIR/tini" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  launch -- "$BATS_TEST_TMPDIR/tini" -- "$programs/own"
  expect_status 7
  expect_err "tini is statically linked"
}
