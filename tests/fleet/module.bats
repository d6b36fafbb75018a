#!/usr/bin/env bats
# The collection's module against the real allocrun-node, in folders of the test: about 15 s. ANSIBLE: the folder of
# ansible's programs.

setup_file() { [ -n "${ANSIBLE:-}" ] || "$BATS_TEST_DIRNAME/setup"; }

setup() {
  local here=${BATS_TEST_DIRNAME%/tests/fleet}
  ANSIBLE=${ANSIBLE:-$here/build/fleet/venv/bin}
  NODE=$BATS_TEST_TMPDIR/allocrun-node
  cp "$here/build/prefix/bin/allocrun-node" "$NODE"
  mkdir -p "$BATS_TEST_TMPDIR/ansible_collections/allocrun"
  ln -s "$here/ansible" "$BATS_TEST_TMPDIR/ansible_collections/allocrun/fleet"
  export ANSIBLE_COLLECTIONS_PATH=$BATS_TEST_TMPDIR ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1
  export ANSIBLE_LOCAL_TEMP=$BATS_TEST_TMPDIR/ansible ANSIBLE_REMOTE_TEMP=$BATS_TEST_TMPDIR/ansible PATH=$ANSIBLE:$PATH
}

# JSON of the module's arguments, more options of ansible
module() {
  local arguments=$1
  shift
  run ansible localhost -m allocrun.fleet.allocrun_node -a "$arguments" "$@"
}

# The program is what stage brings in the test that has an artefact: a copy.
places() {
  printf '"program": "%s", "extra": ["--no-systemd", "--root", "%s", "--state", "%s", "--etc", "%s"]' \
    "$NODE" "$BATS_TEST_TMPDIR/opt" "$BATS_TEST_TMPDIR/state" "$BATS_TEST_TMPDIR/etc"
}

@test "status of a node without anything is absent, and changes nothing" {
  module "{\"verb\": \"status\", $(places)}"
  [ "$status" -eq 0 ]
  [[ $output == *'"changed": false'*'"state": "absent"'* ]]
}

@test "a refusal is the node's own line, and check mode writes nothing" {
  echo nonsense >"$BATS_TEST_TMPDIR/a.tar.gz"
  touch "$BATS_TEST_TMPDIR/mark"
  module "{\"verb\": \"stage\", \"artefact\": \"$BATS_TEST_TMPDIR/a.tar.gz\", $(places)}" --check
  [ "$status" -eq 0 ]
  [[ $output == *'"changed": true'* ]]
  [ ! -e "$BATS_TEST_TMPDIR/state" ]
  [ ! -e "$BATS_TEST_TMPDIR/opt" ]
  module "{\"verb\": \"stage\", \"artefact\": \"$BATS_TEST_TMPDIR/a.tar.gz\", $(places)}"
  [ "$status" -ne 0 ]
  [[ $output == *'"msg": "'*a.tar.gz* ]]
}

@test "a node without the program: absent, and one line for what needs it" {
  module '{"verb": "status", "program": "/nowhere/allocrun-node"}'
  [ "$status" -eq 0 ]
  [[ $output == *'"message": "nothing is installed"'* ]]
  module '{"verb": "gate", "program": "/nowhere/allocrun-node"}'
  [ "$status" -ne 0 ]
  [[ $output == *"/nowhere/allocrun-node: is not there: stage an artefact first"* ]]
}

@test "a whole change of version by the module; confirmed again: changed is false" {
  local tree=$BATS_TEST_TMPDIR/allocrun-0.1.0 step
  cp -a "${BATS_TEST_DIRNAME%/tests/fleet}/build/prefix" "$tree"
  tar -C "$BATS_TEST_TMPDIR" -czf "$tree.tar.gz" allocrun-0.1.0
  for step in "\"stage\", \"artefact\": \"$tree.tar.gz\"" '"apply", "confirm_within": "5m"' '"confirm"'; do
    [[ $step != *confirm\" ]] || module "{\"verb\": \"gate\", \"without_server\": true, $(places)}"
    module "{\"verb\": $step, $(places)}"
    [ "$status" -eq 0 ]
    [[ $output == *'"changed": true'* ]]
  done
  [ ! -e "$tree.tar.gz" ]
  [ -x "$BATS_TEST_TMPDIR/opt/current/bin/allocrun" ]
  module "{\"verb\": \"confirm\", $(places)}"
  [ "$status" -eq 0 ]
  [[ $output == *'"changed": false'*'"state": "confirmed"'* ]]
}

@test "an artefact for another machine takes nothing away: the program that can go back stays; a refused artefact does not" {
  local tree=$BATS_TEST_TMPDIR/allocrun-0.1.0
  mkdir -p "$tree/bin"
  cp "$NODE" "$tree/bin/"
  # Of machine 183, as ELF has it.
  printf '\267' | dd of="$tree/bin/allocrun-node" bs=1 seek=18 conv=notrunc 2>/dev/null
  tar -C "$BATS_TEST_TMPDIR" -czf "$tree.tar.gz" allocrun-0.1.0
  module "{\"verb\": \"stage\", \"artefact\": \"$tree.tar.gz\", $(places)}"
  [ "$status" -ne 0 ]
  [[ $output == *"it is of another machine than this"* ]]
  cmp "$NODE" "${BATS_TEST_DIRNAME%/tests/fleet}/build/prefix/bin/allocrun-node"
  [ ! -e "$tree.tar.gz" ]
  [ "$(echo "$NODE"*)" = "$NODE" ]
  module "{\"verb\": \"status\", $(places)}"
  [ "$status" -eq 0 ]
}

@test "times are read before anything is done" {
  module "{\"verb\": \"plan\", \"timeout\": \"soon\", $(places)}"
  [ "$status" -ne 0 ]
  [[ $output == *"timeout: 'soon' is no time"* ]]
  module "{\"verb\": \"plan\", \"confirm_within\": \"10m\", \"soak\": \"600\", $(places)}"
  [ "$status" -ne 0 ]
  [[ $output == *"soak: 600 is not shorter than confirm_within, 10m"* ]]
}
