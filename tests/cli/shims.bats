#!/usr/bin/env bats
# Called by a server's name: --shims, and what its links do. Costs 3 s.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() {
  shims=$BATS_TEST_TMPDIR/shims real=$BATS_TEST_TMPDIR/real
  mkdir "$real"
  cp "$show" "$real/vllm"
}

# by_name PATH NAME ARGUMENT...: as a shell would find it.
by_name() {
  local path=$1
  shift
  attempt env PATH="$path:$PATH" "$@"
}

expect_served() {
  expect_status 0
  expect_quiet
  expect_equal "LD_PRELOAD" "$(library_of jemalloc):$prefix/lib/allocrun/children.so" "$(variable LD_PRELOAD)"
}

@test "shims: a link, a copy and a hard link stand for allocrun -- NAME" {
  launch --shims "$shims" vllm
  expect_status 0
  by_name "$shims:$real" vllm - --help --allocator=nonsense
  expect_served
  # A copy has no link to follow: its prefix is the one that it lies in.
  cp -al "$prefix" "$BATS_TEST_TMPDIR/prefix"
  prefix=$BATS_TEST_TMPDIR/prefix
  mkdir "$prefix/shims"
  cp "$allocrun" "$prefix/shims/vllm"
  by_name "$prefix/shims:$real" vllm -
  expect_served
  ln -f "$allocrun" "$prefix/shims/vllm"
  by_name "$prefix/shims:$real" vllm -
  expect_served
  prefix=$suite/prefix
  attempt env PATH="$real:$PATH" "$shims/vllm" -
  expect_served
  # "#!" with the shim's path: the kernel executes the script, and argv[0] is the shim.
  printf '#!%s -\n' "$shims/vllm" >"$BATS_TEST_TMPDIR/script"
  chmod +x "$BATS_TEST_TMPDIR/script"
  by_name "$shims:$real" "$BATS_TEST_TMPDIR/script"
  expect_served
}

@test "shims: nested, of several prefixes, twice on PATH: no loop, and one launch" {
  local other=$BATS_TEST_TMPDIR/other
  mkdir -p "$other/bin"
  cp "$allocrun" "$other/bin/allocrun"
  "$other/bin/allocrun" --shims "$other/shims" vllm
  launch --shims "$shims" vllm
  cp "$allocrun" "$other/vllm"
  by_name "$shims:$other/shims:$other:$shims:$real:$shims" vllm -
  expect_served
  # allocrun by its own name goes past them, too: one exec after its own.
  by_name "$shims:$real" strace -f -e trace=execve -o "$BATS_TEST_TMPDIR/trace" "$allocrun" -- vllm -
  expect_served
  expect_equal "programs executed" "2" "$(grep -c 'execve(.*= 0$' "$BATS_TEST_TMPDIR/trace")"
  by_name "$shims:$other/shims:$shims" vllm -
  expect_status 127
  expect_err "'vllm': not found on PATH, besides the shim of this name"
  by_name "$shims:$other/shims:$shims" "$allocrun" -- vllm -
  expect_status 127
  by_name "$shims:$real" env ALLOCRUN=off vllm -
  expect_status 0
  expect_equal "LD_PRELOAD" "" "$(variable LD_PRELOAD)"
}

@test "shims: a name that somebody made up in argv[0] is none" {
  attempt bash -c "exec -a vllm '$allocrun' --version"
  expect_status 0
  expect_match "$ran" '^allocrun ' "$out"
  launch --shims "$shims" vllm
  attempt bash -c "PATH='$shims:$real:$PATH'; exec -a other vllm -"
  expect_served
}

@test "--shims: for all known servers, again without change, and away again" {
  launch --shims "$shims"
  expect_status 0
  for name in vllm sglang tritonserver llama-server ray trtllm-serve torchserve; do
    [ -L "$shims/$name" ] || fails "$ran" "$shims/$name" "none"
  done
  [ ! -e "$shims/python3" ] || fails "$ran" "none for every Python" "python3"
  before=$(stat -c '%n %i' "$shims"/*)
  launch --shims "$shims"
  expect_out ", 0 of them new"
  expect_equal "the links" "$before" "$(stat -c '%n %i' "$shims"/*)"
  # One that leads to an installation that is gone is replaced.
  ln -sfn /gone/bin/allocrun "$shims/vllm"
  launch --shims "$shims" vllm
  expect_out ", 1 of them new"
  expect_equal "the link" "$allocrun" "$(readlink "$shims/vllm")"
  launch --shims "$shims" --remove
  expect_status 0
  [ ! -e "$shims" ] || fails "$ran" "no folder" "$(ls -A "$shims")"
}

@test "--shims: what is not its own stays, and then nothing is changed" {
  mkdir "$shims"
  echo mine >"$shims/ray"
  ln -s /bin/true "$shims/serve"
  for name in ray serve; do
    launch --shims "$shims" vllm "$name"
    expect_refusal "$shims/$name is there and no shim of allocrun; nothing was changed"
    launch --shims "$shims" --remove "$name"
    expect_refusal "$shims/$name is there"
  done
  expect_equal "the folder" $'ray\nserve' "$(ls "$shims")"
  launch --shims "$shims" --remove
  expect_status 0
  expect_equal "the folder" $'ray\nserve' "$(ls "$shims")"
  launch --shims "$shims" allocrun
  expect_refusal "'allocrun' would stand for itself"
  launch --shims "$shims" ../x
  expect_refusal "'../x' is not the name of a program"
  launch --shims "$shims/ray" vllm
  expect_refusal "Not a directory"
}
