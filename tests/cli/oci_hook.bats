#!/usr/bin/env bats
# --oci-hook: what comes of a config.json. Costs 3 s.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# hook FILE: the launcher's --oci-hook over a file, what it wrote in $written.
hook() {
  written=$BATS_TEST_TMPDIR/written
  ran="allocrun --oci-hook <$1" status=0
  bounded "$allocrun" --oci-hook <"$1" >"$written" 2>"$BATS_TEST_TMPDIR/.err" || status=$?
  out='' err=$(<"$BATS_TEST_TMPDIR/.err")
}

config() {
  jq -n "$1 as \$args | {ociVersion: \"1.0.2\", process: {args: \$args, env: [\"A=\\u00e4\"], user: {uid: 0}},
    mounts: [{destination: \"/proc\", type: \"proc\"}], linux: {resources: {memory: {limit: 4503599627370497}}}}" \
    >"$BATS_TEST_TMPDIR/config.json"
  config=$BATS_TEST_TMPDIR/config.json
}

expect_args() {
  hook "$config"
  expect_status 0
  expect_quiet
  expect_equal "args" "$1" "$(jq -c .process.args "$written")"
  expect_equal "the mount" "{\"destination\":\"/opt/allocrun\",\"type\":\"bind\",\"source\":\"$prefix\",\"options\":[\"rbind\",\"ro\",\"nosuid\",\"nodev\",\"rprivate\"]}" \
    "$(jq -c '.mounts[-1]' "$written")"
  # All else is as it was.
  jq -S 'del(.process.args)' "$config" >"$BATS_TEST_TMPDIR/before"
  jq -S 'del(.process.args, .mounts[-1])' "$written" | cmp - "$BATS_TEST_TMPDIR/before"
}

expect_unchanged() {
  hook "$config"
  expect_status 0
  expect_err "allocrun: --oci-hook: left as it is: $1"
  expect_one_line
  cmp "$config" "$written"
}

@test "--oci-hook: allocrun before the command, and behind an init" {
  config '["vllm", "serve", "MODEL"]'
  expect_args '["/opt/allocrun/bin/allocrun","--","vllm","serve","MODEL"]'
  config '["/run/podman-init", "--", "vllm"]'
  expect_args '["/run/podman-init","--","/opt/allocrun/bin/allocrun","--","vllm"]'
  config '["/usr/bin/tini", "-g", "--", "vllm", "--", "x"]'
  expect_args '["/usr/bin/tini","-g","--","/opt/allocrun/bin/allocrun","--","vllm","--","x"]'
}

@test "--oci-hook: on any doubt byte for byte unchanged, and no failure" {
  config '["/pause"]'
  expect_unchanged "its command is an init"
  config '["/opt/x/allocrun", "--", "vllm"]'
  expect_unchanged "allocrun starts its command already"
  config '[]'
  expect_unchanged "it has no command"
  config '["a", 1]'
  expect_unchanged "a word of the command is no text"
  config '["vllm"]'
  for change in '.annotations["io.kubernetes.cri.container-type"] = "sandbox"' '.mounts[0].destination = "/opt/allocrun/lib"' \
    'del(.linux)' 'del(.process)' '.mounts = {}'; do
    config '["vllm"]'
    jq "$change" "$config" >"$config.new"
    mv "$config.new" "$config"
    expect_unchanged ""
  done
  config=$BATS_TEST_TMPDIR/garbage
  for text in '' '{' '[]' 'null' '{"a":1,"a":2}' '{"ociVersion":"1","process":{"args":["a"]},"linux":{"n":18446744073709551615}}' $'\xff\xfe'; do
    printf '%s' "$text" >"$config"
    expect_unchanged ""
  done
  head -c 3000000 /dev/zero >"$config"
  expect_unchanged ""
}
