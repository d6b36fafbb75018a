#!/usr/bin/env bats
# Does the harness notice when a guest does not do what it should? QEMU is a script here.

# shellcheck disable=SC2016,SC2154 # for the script; helpers.bash
load helpers

# boot_with SCRIPT: boots one-node with the group "check", SCRIPT in place of QEMU: it has
# the files of the console and of the results in $1 and $2.
boot_with() {
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  cat >"$BATS_TEST_TMPDIR/bin/qemu-system-x86_64" <<SCRIPT
#!/usr/bin/env bash
files=()
for word; do case \$word in file:*) files+=("\${word#file:}") ;; esac; done
set -- "\${files[@]}"
$1
SCRIPT
  chmod +x "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH NUMA_SECONDS=3 NUMA_NAME=harness-$BATS_TEST_NUMBER \
    run bash -c "PATH=$BATS_TEST_TMPDIR/bin:\$PATH; '$numa/boot' 6.12 one-node check"
  rm -rf "${results:?}/harness-$BATS_TEST_NUMBER"
}

@test "a guest that proves all is believed" {
  boot_with 'printf "BEGIN %s\nok check: this\ndone check\nEND %s\n" "$NUMA_NAME" "$NUMA_NAME" >"$2"'
  [ "$status" -eq 0 ]
  [[ $output == *"ok guest: came to its end"* ]]
}

@test "a proof that fails" {
  boot_with 'printf "BEGIN %s\nnot ok check: this\ndone check\nEND %s\n" "$NUMA_NAME" "$NUMA_NAME" >"$2"'
  [ "$status" -eq 1 ]
  [[ $output == *"not ok check: this"* ]]
}

@test "a guest that hangs" {
  boot_with 'echo "the last words" >"$1"; printf "BEGIN %s\nok check: this\ndone check\n" "$NUMA_NAME" >"$2"; exec sleep 60'
  [ "$status" -eq 1 ]
  [[ $output == *"not ok guest: hung: no end within 3 s"* ]]
  [[ $output == *"the last words"* ]]
}

@test "a kernel that panics" {
  boot_with 'echo "[ 1.0] Kernel panic - not syncing: x" >"$1"'
  [ "$status" -eq 1 ]
  [[ $output == *"not ok guest: the kernel panicked"* ]]
  [[ $output == *"not ok check: came to its end"* ]]
}

@test "an end without the marker" {
  boot_with 'printf "BEGIN %s\nok check: this\ndone check\n" "$NUMA_NAME" >"$2"'
  [ "$status" -eq 1 ]
  [[ $output == *"not ok guest: the end marker is missing"* ]]
}

@test "a group that dies half way" {
  boot_with 'printf "BEGIN %s\nok check: this\nEND %s\n" "$NUMA_NAME" "$NUMA_NAME" >"$2"'
  [ "$status" -eq 1 ]
  [[ $output == *"not ok check: came to its end"* ]]
}

@test "QEMU that does not start" {
  boot_with 'echo "no such device" >&2; exit 1'
  [ "$status" -eq 1 ]
  [[ $output == *"not ok guest: QEMU ended with status 1"* ]]
  [[ $output == *"no such device"* ]]
}

@test "what an earlier run said is not believed when this one does not boot" {
  mkdir -p "$results/harness-stale"
  echo "ok guest: came to its end" >"$results/harness-stale/tap"
  run "$numa/all" harness-stale
  [ "$status" -ne 0 ]
  [[ $output == *"no pair 'harness-stale'"* ]]
  NUMA_PAIRS=harness-stale run proved harness-stale guest
  [ "$status" -eq 1 ]
  [[ $output == *"harness-stale was not booted:"*"no pair"* ]]
  rm -f "$results/.harness-stale.log"
}

@test "wrong words are named" {
  run "$numa/boot" 6.12 three-nodes check
  [ "$status" -eq 2 ]
  [[ $output == *"no machine 'three-nodes'"* ]]
  run "$numa/boot" 6.12 one-node nothing
  [ "$status" -eq 2 ]
  [[ $output == *"no group 'nothing'"* ]]
  run "$numa/boot" --pair nobody
  [ "$status" -eq 2 ]
  [[ $output == *"no pair 'nobody'"* ]]
  run "$numa/boot" 2.6 one-node check
  [ "$status" -eq 1 ]
  [[ $output == *"no source '2.6' in the lock file"* ]]
}

@test "another kernel than the pinned one is refused, not replaced" {
  file=$(sed -n '/^\[6.1\]/,/^$/s/^file *= *//p' "$numa/kernels.lock")
  echo other >"$BATS_TEST_TMPDIR/$file"
  ALLOCRUN_SOURCES=$BATS_TEST_TMPDIR run "$numa/fetch" 6.1
  [ "$status" -eq 1 ]
  [[ $output == *"is not what was pinned"* ]]
}
