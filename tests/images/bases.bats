#!/usr/bin/env bats
# The Dockerfiles of images/ over bases of every kind; and what a wrong image does. Bases that cannot be had
# are stood in for: tests/images/stand-ins.
# shellcheck disable=SC2034,SC2154,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

setup() { needs_root "containers"; }

# served ALLOCATOR LIBC: which build the first process has mapped.
served() { expect_in "what PID 1 has mapped" "/opt/allocrun/lib/allocrun/instead-of-libtcmalloc/$1-" "$(cat "/proc/$pid/maps")"; expect_in "its libc" "-$2/" "$(grep /opt/allocrun "/proc/$pid/maps")"; }

@test "bases: musl: its own build from the same prefix" {
  contain localhost/allocrun-test-musl vllm serve children
  ready
  proved
  served jemalloc musl
}

@test "bases: no shell, no passwd, no libstdc++: the server and the health check as the image has it" {
  contain --user 65532 --read-only --cap-drop=all localhost/allocrun-test-distroless vllm serve
  ready
  proved
  served jemalloc glibc
  attempt podman --runtime runc healthcheck run "$container"
  expect_status 0
  # What people do by hand there ends the start: Debian's library wants libstdc++.
  expect_in "needed by Debian's own" "libstdc++" "$(readelf -d /usr/lib/x86_64-linux-gnu/libjemalloc.so.2)"
}

@test "bases: libc alone, without the stubs that our builds name: it starts without, and says why" {
  contain localhost/allocrun-test-stripped vllm serve
  ready
  expect_in "the log" "needs libpthread.so.0, which is not installed" "$(logged)"
  expect_equal "maps" "" "$(grep /opt/allocrun "/proc/$pid/maps" || true)"
  attempt podman_run --rm --env ALLOCRUN_REQUIRE=preload localhost/allocrun-test-stripped vllm serve
  expect_status 125
}

@test "bases: libraries in /usr/lib64, as Red Hat's" {
  contain localhost/allocrun-test-ubi vllm serve children
  ready
  proved
  served jemalloc glibc
}

@test "bases: vLLM's CPU image: its tcmalloc gives way, its libiomp5 stays; off brings the tcmalloc back" {
  contain localhost/allocrun-test-vllm --model x
  ready
  proved
  served jemalloc glibc
  expect_in "maps" libiomp5 "$(cat "/proc/$pid/maps")"
  expect_not_in "maps" libtcmalloc_minimal "$(cat "/proc/$pid/maps")"
  expect_equal "the command" "vllm serve --model x" "$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/^[^ ]*\/vllm/vllm/; s/ $//')"
  remove
  contain --env ALLOCRUN=off localhost/allocrun-test-vllm
  ready
  expect_in "maps" libtcmalloc_minimal "$(cat "/proc/$pid/maps")"
  expect_not_in "maps" /opt/allocrun "$(cat "/proc/$pid/maps")"
}

@test "bases: an entry point of NVIDIA's kind stays in front; without words there is its shell" {
  contain localhost/allocrun-test-triton tritonserver --model-repository /models
  ready
  proved
  served jemalloc glibc
  attempt podman_run --rm localhost/allocrun-test-triton </dev/null
  expect_status 0
}

@test "bases: a server that nobody knows, by the README's three lines, as hostile as a Pod can have it" {
  local dockerfile=$BATS_TEST_TMPDIR/Dockerfile
  { echo "FROM $bookworm"
    echo 'COPY server /usr/local/bin/myserver'
    # The lines as they stand there.
    awk '/^```/ { inside = !inside; next } inside' "$root/images/README.md" | head -n 3
    echo 'ENTRYPOINT ["/bin/sh", "-c", "exec myserver"]'
    echo 'LABEL allocrun.stand-in=yes'
  } >"$dockerfile"
  expect_equal "lines of the README" 3 "$(grep -cE '^(COPY --from=allocrun|ENV PATH=|RUN .*--shims)' "$dockerfile")"
  BUILDAH_ISOLATION=chroot bounded buildah bud --quiet --tag localhost/allocrun-test-unknown --file "$dockerfile" "$programs" >/dev/null
  row="its own entry point" && contain localhost/allocrun-test-unknown && ready && proved
  served jemalloc glibc
  remove
  jq '.defaultErrnoRet = 1 | .defaultErrno = "EPERM" | .syscalls |= map(.names -= ["get_mempolicy", "mbind", "set_mempolicy"])' \
    /usr/share/containers/seccomp.json >"$BATS_TEST_TMPDIR/seccomp.json"
  row="command: set" && contain --entrypoint myserver --pid=host --user 12345:0 --read-only --cap-drop=all \
    --security-opt no-new-privileges --security-opt "seccomp=$BATS_TEST_TMPDIR/seccomp.json" -m 256m \
    --env LD_PRELOAD=/lib/x86_64-linux-gnu/libm.so.6 localhost/allocrun-test-unknown serve children && ready && proved
  served jemalloc glibc
  podman rm --force --time 0 "$container" >/dev/null
  podman rmi localhost/allocrun-test-unknown >/dev/null
}

# --- what is wrong, in the container's log ------------------------------------------

# refused STATUS WORDS [OPTION]... : it ends with the status and one line that has the words.
refused() {
  local expected=$1 words=$2
  shift 2
  attempt podman_run --rm "$@"
  expect_status "$expected"
  expect_in "$ran" "$words" "$err"
  expect_equal "lines of the log" 1 "$(grep -c allocrun <<<"$err")"
}

@test "wrong: no command, one that is not there, one that cannot be executed" {
  refused 125 "command" "$slim"
  refused 127 "No such file" "$slim" /nowhere/server
  refused 126 "Permission denied" "$slim" /etc/passwd
}

@test "wrong: a policy that is malformed or unreadable is ignored as a whole, said, and the server starts" {
  printf '[launch]\nprofil = memory\n' >"$BATS_TEST_TMPDIR/policy.conf"
  contain "${server[@]}" --volume "$BATS_TEST_TMPDIR/policy.conf:/etc/allocrun/policy.conf:ro" "$slim" vllm serve
  ready
  proved
  expect_in "the log" "/etc/allocrun/policy.conf:2" "$(logged)"
  remove
  chmod 600 "$BATS_TEST_TMPDIR/policy.conf"
  contain "${server[@]}" --user 65534 --volume "$BATS_TEST_TMPDIR/policy.conf:/etc/allocrun/policy.conf:ro" "$slim" vllm serve
  ready
  proved
  expect_in "the log" "/etc/allocrun/policy.conf" "$(logged)"
}

@test "wrong: a prefix without a manifest, half a prefix, a noexec volume: it starts without; required it does not" {
  local tree=$BATS_TEST_TMPDIR/tree
  cp -a "$prefix" "$tree"
  rm "$tree/lib/allocrun/manifest.json"
  starts_without manifest.json "$tree:/opt/allocrun:ro"
  cp "$prefix/lib/allocrun/manifest.json" "$tree/lib/allocrun/"
  find "$tree/lib/allocrun" -name 'lib*malloc*' -delete
  starts_without "missing" "$tree:/opt/allocrun:ro"
  # The launcher from elsewhere, its libraries where nothing may be executed.
  starts_without "cannot be mapped" "$prefix/bin:/opt/allocrun/bin:ro" --volume "$prefix/lib:/opt/allocrun/lib:ro,noexec"
}

# starts_without WORDS VOLUME [OPTION]...
starts_without() {
  local words=$1 volume=$2
  shift 2
  contain "${server[@]}" --volume "$volume" "$@" "$bookworm" "$inside" -- vllm serve
  ready
  expect_in "the log" "allocrun: " "$(logged)"
  expect_in "the log" "$words" "$(logged)"
  expect_equal "maps" "" "$(grep -E '/opt/allocrun.*malloc' "/proc/$pid/maps" || true)"
  remove
  attempt podman_run --rm "${server[@]}" --volume "$volume" "$@" "$bookworm" "$inside" --require preload -- vllm serve
  expect_status 125
}

@test "wrong: another machine's launcher does not start, and says nothing that misleads" {
  [ -d "$root/build/packages" ] && tarball=$(find "$root/build/packages" -name "allocrun-$version-aarch64-glibc.tar.gz") && [ -n "$tarball" ] ||
    skip "no tarball for aarch64: make package TARGETS=all"
  mkdir "$BATS_TEST_TMPDIR/other"
  tar -xzf "$tarball" -C "$BATS_TEST_TMPDIR/other" --strip-components 1
  attempt podman_run --rm --volume "$BATS_TEST_TMPDIR/other:/opt/allocrun:ro" "$bookworm" "$inside" --version
  [ "$status" -ne 0 ] || [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || fails "$ran" "a failure" "$(attempt_result)"
}
