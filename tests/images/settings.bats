#!/usr/bin/env bats
# What orchestrators set, with the image of two lines: images/slim over Debian. One row, one container.
# shellcheck disable=SC2154,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

setup() {
  needs_root "containers"
  # conmon leaves a file "oom" where it was started, after a kill for want of memory.
  cd "$BATS_TEST_TMPDIR" || return
}

# rows: each line NAME | OPTIONS of podman | WORDS that are started; every process has to be proved from inside.
rows() {
  local name options words
  while IFS='|' read -r name options words; do
    row=$name
    # shellcheck disable=SC2086 # options and words, without spaces in them
    contain "${server[@]}" $options "${under:-$slim}" ${words:-vllm serve}
    ready
    proved
    remove
  done
}

@test "settings: whoever the server runs as, with whatever rights" {
  rows <<'ROWS'
root|
a user|--user 65534
a user without a passwd entry, in group 0|--user 12345:0
a read-only root|--read-only
a read-only root without any tmpfs|--read-only --read-only-tmpfs=false
no capabilities|--cap-drop=all
no new privileges|--security-opt no-new-privileges
all of these|--user 12345:0 --read-only --cap-drop=all --security-opt no-new-privileges
no seccomp|--security-opt seccomp=unconfined
ROWS
}

@test "settings: limits are what the options go by" {
  row="memory" && contain "${server[@]}" -m 256m "$slim" vllm serve && ready && proved
  in_container "$inside" --explain --format json -- vllm
  expect_in "options in 256 MiB" "dirty_decay_ms:1000" "$out"
  remove
  row="half a CPU" && contain "${server[@]}" --cpus 0.5 "$slim" vllm serve && ready && proved
  in_container "$inside" --explain --format json -- vllm
  expect_in "options with half a CPU" "narenas:1" "$out"
  remove
  rows <<'ROWS'
little memory|-m 64m
one CPU of several|--cpuset-cpus 0
shares, as a request without a limit|--cpu-shares 102
shares, and arenas set by hand|--cpu-shares 102 --env ALLOCRUN_CONF=narenas:3
ROWS
}

@test "settings: an init in front, and children" {
  cp "$(command -v tini)" "$BATS_TEST_TMPDIR/tini"
  rows <<ROWS
podman's own init|--init
tini in front|--entrypoint /tini --volume $BATS_TEST_TMPDIR/tini:/tini:ro|-- $inside -- vllm serve
tini behind|--volume $BATS_TEST_TMPDIR/tini:/tini:ro|/tini -- vllm serve
children that are executed||vllm serve children
a shell in between||sh -c vllm;true
the shims behind an overridden entry point|--entrypoint vllm|serve
the shims from a shell|--entrypoint sh|-c exec\${IFS}vllm
ROWS
}

@test "settings: an entry point that does not lead to allocrun is found" {
  contain "${server[@]}" --entrypoint /usr/local/bin/vllm "$slim" serve
  ready
  in_container "$inside" --check --here --only "$both" --quiet
  expect_status 2
  expect_out "malloc is glibc's own; its environment has no LD_PRELOAD"
  # The same as a HEALTHCHECK sees it, by the image's own.
  attempt podman --runtime runc healthcheck run "$container"
  [ "$status" -ne 0 ] || fails "the health check" "unhealthy" "$(attempt_result)"
}

@test "settings: a static init behind allocrun takes nothing on, and the check says why" {
  contain --volume "$programs/server-static:/usr/local/bin/vllm:ro" "$slim" vllm serve
  ready
  in_container "$inside" --check --here --only preload-effective --quiet
  expect_status 2
  expect_out "static"
}

@test "settings: the server's own LD_PRELOAD stays, in order; nothing of ours is in what is executed in the container" {
  row="its own LD_PRELOAD"
  contain "${server[@]}" --env LD_PRELOAD=/lib/x86_64-linux-gnu/libm.so.6:/nowhere/libnot.so "$slim" vllm serve
  ready
  in_container sh -c "tr '\\0' '\\n' </proc/1/environ"
  expect_match "LD_PRELOAD" "LD_PRELOAD=/opt/allocrun/[^:]*libjemalloc[^:]*:/opt/allocrun/[^:]*:/lib/x86_64-linux-gnu/libm.so.6:/nowhere/libnot.so" "$out"
  remove
  contain "${server[@]}" "$slim" vllm serve
  ready
  in_container env
  expect_no_out LD_PRELOAD
  expect_no_out MALLOC_CONF
}

@test "settings: the kill switch" {
  contain "${server[@]}" --env ALLOCRUN=off "$slim" vllm serve
  ready
  in_container "$inside" --check --here --only preload-effective --quiet
  expect_out "kill switch"
  expect_equal "maps" "" "$(grep -l allocrun "/proc/$pid/maps" || true)"
}

@test "settings: the end of a server: its own status, by podman stop and after a kill for want of memory" {
  local began
  contain "${server[@]}" "$slim" vllm serve
  ready
  began=$SECONDS
  attempt podman --runtime runc stop --time 60 "$container"
  [ $((SECONDS - began)) -lt 60 ] || fails "podman stop" "an end by the signal" "by the kill after 60 s"
  expect_equal "exit code" 42 "$(podman inspect --format '{{.State.ExitCode}}' "$container")"
  remove
  contain "${server[@]}" -m 128m --memory-swap 128m "$slim" vllm eat 400
  ready
  expect_in "the child's end" "eaten -9" "$(logged)"
  in_container "$inside" --check --here --format json
  expect_in "the finding" "killed for want of memory" "$out"
}

@test "settings: seccomp, podman's profile and Docker's, with SYS_NICE and without" {
  local profile=$BATS_TEST_TMPDIR/docker.json
  # Docker's differs in that the memory policy is for who was given SYS_NICE, and that it says EPERM.
  jq '.defaultErrnoRet = 1 | .defaultErrno = "EPERM"
    | (["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]) as $names
    | .syscalls |= (map(.names -= $names) + [{names: $names, action: "SCMP_ACT_ALLOW", args: [], includes: {caps: ["CAP_SYS_NICE"]}}])' \
    /usr/share/containers/seccomp.json >"$profile"
  seccomp_row "podman's" ok
  seccomp_row "Docker's" EPERM --security-opt "seccomp=$profile"
  seccomp_row "Docker's, a user" EPERM --security-opt "seccomp=$profile" --user 65534
  seccomp_row "Docker's with SYS_NICE" ok --security-opt "seccomp=$profile" --cap-add SYS_NICE
  seccomp_row "Docker's with SYS_NICE alone, a user" ok --security-opt "seccomp=$profile" --cap-drop all --cap-add SYS_NICE \
    --user 65534 --security-opt no-new-privileges
}

# seccomp_row NAME WHAT [OPTION]...: the server may set a policy or not; the launcher knows which, and starts it in any case.
seccomp_row() {
  local what=$2
  row="seccomp: $1"
  contain "${server[@]}" --env ALLOCRUN_NUMA=0 "${@:3}" "$slim" vllm policy
  ready
  expect_in "$row" "policy $what" "$(logged)"
  proved
  [ "$what" = ok ] || expect_in "$row: the launcher's word" "seccomp profile blocks set_mempolicy" "$(logged)"
  remove
}

@test "settings: the host's PID namespace, a shared one, and a debug container of allocrun's image alone" {
  row="hostPID" && contain "${server[@]}" --pid=host "$slim" vllm serve && ready && proved
  remove
  # As shareProcessNamespace has it: PID 1 is another container's.
  contain --entrypoint sleep "$bookworm" 600
  row="a PID namespace for several" && contain "${server[@]}" --pid "container:$container" "$slim" vllm serve children && ready && proved
  remove
  row="shared" && contain "${server[@]}" "$slim" vllm serve && ready
  attempt podman_run --rm --pid "container:$container" "$image" --check --pid 1 --only "$both" --quiet
  expect_status 3
  expect_out "may not be"
  attempt podman_run --rm --user 0 --cap-add SYS_PTRACE --pid "container:$container" "$image" --check --pid 1 --only "$both" --quiet
  expect_status 0
  remove
  # The same question about a server that nobody has put allocrun into.
  contain "${server[@]}" --entrypoint vllm "$bookworm" serve
  ready
  attempt podman_run --rm --user 0 --cap-add SYS_PTRACE --pid "container:$container" "$image" --check --pid 1 --only preload-effective --quiet
  expect_status 2
  expect_out "malloc is glibc's own"
}
