#!/usr/bin/env bats
# The collection by the tools that know its formats, and what is decided on the controller: about 30 s, without hosts.
bats_require_minimum_version 1.5.0

setup_file() {
  repo=${BATS_TEST_DIRNAME%/tests/fleet}
  "$repo/tests/fleet/setup"
  export repo PATH=$repo/build/fleet/venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$BATS_FILE_TMPDIR ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=false
  mkdir -p "$BATS_FILE_TMPDIR/ansible_collections/allocrun"
  cp -r "$repo/ansible" "$BATS_FILE_TMPDIR/ansible_collections/allocrun/fleet"
}

@test "collection: built offline, and installed; ansible-lint's production profile has nothing to say" {
  local built=$BATS_TEST_TMPDIR/built
  ansible-galaxy collection build --output-path "$built" "$repo/ansible"
  ANSIBLE_COLLECTIONS_PATH=$BATS_TEST_TMPDIR ansible-galaxy collection install --offline --collections-path "$BATS_TEST_TMPDIR" "$built"/allocrun-fleet-*.tar.gz
  [ -s "$BATS_TEST_TMPDIR/ansible_collections/allocrun/fleet/playbooks/rollout.yml" ]
  cd "$BATS_FILE_TMPDIR/ansible_collections/allocrun/fleet"
  git init -q .
  git add -A
  run ansible-lint --offline --profile production --nocolor --format pep8
  [ "$status" -eq 0 ] || { echo "$output"; return 1; }
  [[ $output == *"'production' was required, and it passed"* ]]
}

# Those that want nothing from the network: the others fetch a pip first. What they look at, ansible-lint and the test of
# the documentation see.
@test "collection: what of ansible-test sanity runs here has nothing to say" {
  local test tests=()
  for test in action-plugin-docs changelog compile empty-init ignores line-endings no-assert no-get-exception no-illegal-filenames \
    no-smart-quotes replace-urlopen shebang symlinks use-argspec-type-path use-compat-six; do
    tests+=(--test "$test")
  done
  mkdir -p "$BATS_TEST_TMPDIR/ansible_collections/allocrun"
  cp -r "$repo/ansible" "$BATS_TEST_TMPDIR/ansible_collections/allocrun/fleet"
  cd "$BATS_TEST_TMPDIR/ansible_collections/allocrun/fleet"
  git init -q .
  git add -A
  HOME=$BATS_TEST_TMPDIR run ansible-test sanity --python 3.11 "${tests[@]}"
  [ "$status" -eq 0 ] || { echo "$output"; return 1; }
  [ "$(grep -c '^Running sanity test' <<<"$output")" -eq 15 ]
}

@test "collection: each module's documentation says what its code takes" {
  for module in allocrun_node allocrun_rollout allocrun_drift; do
    ansible-doc -t module -j "allocrun.fleet.$module" >"$BATS_TEST_TMPDIR/doc"
    PYTHONPATH=$BATS_FILE_TMPDIR "$repo/build/fleet/venv/bin/python" - "$repo/ansible/plugins/modules/$module.py" "$BATS_TEST_TMPDIR/doc" <<'PY'
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("module", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
said = next(iter(json.load(open(sys.argv[2])).values()))["doc"]["options"]
keys = {"type": "str", "required": False, "default": None, "choices": None, "elements": None}
taken = {name: {key: option.get(key, other) for key, other in keys.items()} for name, option in module.SPEC.items()}
said = {name: {key: option.get(key, other) for key, other in keys.items()} for name, option in said.items()}
assert said == taken, [(name, said.get(name), taken.get(name)) for name in said.keys() | taken.keys()
                       if said.get(name) != taken.get(name)]
PY
  done
}

@test "collection: no handlers, no logic that decides for a node" {
  cd "$repo/ansible"
  run grep -rnE 'notify:|handlers:|\{%| if .* else ' playbooks roles
  [ "$status" -eq 1 ] || { echo "$output"; return 1; }
  # What the audit said is kept for others, as it is.
  [ "$(grep -rn set_fact playbooks roles | wc -l)" -eq 1 ]
}

@test "collection: the alerts fire when they should, and not before" {
  cd "$BATS_TEST_TMPDIR"
  cp "$repo/ansible/roles/monitor/files/allocrun.rules.yml" "$BATS_TEST_DIRNAME/alerts.test.yml" .
  promtool check rules allocrun.rules.yml
  promtool test rules alerts.test.yml
  # Each of them is tested.
  run comm -3 <(sed -n 's/.*- alert: //p' allocrun.rules.yml | sort -u) <(grep -o 'alertname: [A-Za-z]*' alerts.test.yml | cut -d' ' -f2 | sort -u)
  [ -z "$output" ]
}

@test "collection: every question of the dashboard is one that Prometheus understands, of metrics that there are" {
  local board=$repo/ansible/roles/monitor/files/allocrun-dashboard.json
  jq -e '.uid and .schemaVersion and ([.panels[].id] | length == (unique | length)) and all(.panels[]; .targets | length > 0)' "$board"
  {
    echo 'groups: [{name: board, rules: ['
    jq -r '[.panels[].targets[].expr] | to_entries[] | "{record: \"r:\(.key)\", expr: \(.value | gsub("\\$instance"; ".*") | @json)},"' "$board"
    echo ']}]'
  } >"$BATS_TEST_TMPDIR/board.yml"
  promtool check rules "$BATS_TEST_TMPDIR/board.yml" >"$BATS_TEST_TMPDIR/said"
  grep -q "$(jq '[.panels[].targets[]] | length' "$board") rules found" "$BATS_TEST_TMPDIR/said"
  # allocrun_x_y as the launcher writes it, allocrun:x:y as the rules record it.
  jq -r '.panels[].targets[].expr' "$board" | grep -oE 'allocrun[_:][a-z0-9_:]+' | sort -u | while read -r name; do
    grep -rqF "$name" "$repo/launcher/audit/formats/prometheus.c" "$repo/launcher/report" "$repo/ansible/roles/monitor/files/allocrun.rules.yml" ||
      { echo "no metric $name"; return 1; }
  done
}

# No Grafana is to be had here: Grafana's own schema of what a dashboard and each kind of panel has stands for it.
@test "collection: Grafana's schema knows all that the dashboard says" {
  "$repo/build/fleet/venv/bin/python" - "$repo/ansible/roles/monitor/files/allocrun-dashboard.json" <<'PY'
import json, sys
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

def lost(said, read, path=""):
    # What is not there any more, or another, when the schema's types have read it.
    if isinstance(said, dict) and isinstance(read, dict):
        for key, value in said.items():
            yield from lost(value, read.get(key), f"{path}/{key}")
    elif isinstance(said, list) and isinstance(read, list) and len(said) == len(read):
        for i, value in enumerate(said):
            yield from lost(value, read[i], f"{path}/{i}")
    elif said != read:
        yield path, said, read

def look(board):
    return list(lost(board, json.loads(JSONEncoder().encode(Dashboard.from_json(board)))))

plugins.register_default_plugins()
with open(sys.argv[1], encoding="utf-8") as file:
    board = json.load(file)
assert not look(board), look(board)
assert look(dict(board, titel="x"))
PY
}

# decide OPTIONS-AS-JSON: what the controller's module says.
decide() { run ansible localhost -c local -m allocrun.fleet.allocrun_rollout -a "$1"; }

@test "collection: waves are numbers, shares of the whole and groups; each node once, all of them" {
  local tree=$BATS_TEST_TMPDIR/allocrun-0.1.0 groups
  mkdir -p "$tree/bin"
  printf '#!/bin/sh\n' >"$tree/bin/allocrun"
  tar -C "$BATS_TEST_TMPDIR" -czf "$tree.tar.gz" allocrun-0.1.0
  groups=$(jq -nc '[range(1; 21) | "n\(.)"] | {allocrun: ., rack2: .[10:15], other: ["x"]}')
  decide "$(jq -nc --argjson groups "$groups" --arg a "$tree.tar.gz" --arg f "$BATS_TEST_TMPDIR/state" \
    '{action: "begin", folder: $f, artefact: $a, groups: $groups, waves: ["1", "10%", "rack2", "50%", "other"]}')"
  [ "$status" -eq 0 ]
  json=${output#*=> }
  [ "$(jq -c .serial <<<"$json")" = '[1,1,5,3,10]' ]
  [ "$(jq -c '.hosts | length, (unique | length)' <<<"$json" | paste -sd' ')" = "20 20" ]
  [ "$(jq -c '.hosts[2:7]' <<<"$json")" = '["n11","n12","n13","n14","n15"]' ]
  # Another one while that is open: only when the first is given up.
  sed -i 's/allocrun-0.1.0/&/' "$tree/bin/allocrun"
  mv "$tree" "$BATS_TEST_TMPDIR/allocrun-0.2.0"
  tar -C "$BATS_TEST_TMPDIR" -czf "$BATS_TEST_TMPDIR/b.tar.gz" allocrun-0.2.0
  decide "$(jq -nc --argjson groups "$groups" --arg a "$BATS_TEST_TMPDIR/b.tar.gz" --arg f "$BATS_TEST_TMPDIR/state" \
    '{action: "begin", folder: $f, artefact: $a, groups: $groups}')"
  [ "$status" -ne 0 ]
  [[ $output == *"the roll-out of 0.1.0 has not ended"* ]]
}

@test "collection: the budget counts who was begun and is not confirmed, over all waves; half a line is passed over" {
  local state=$BATS_TEST_TMPDIR/state
  mkdir -p "$state"
  {
    echo '{"event": "begin", "owner": "o", "target": "1"}'
    echo '{"event": "wave", "hosts": ["a"]}'
    echo '{"event": "done", "hosts": ["a"]}'
    echo '{"event": "wave", "hosts": ["b", "c"]}'
    echo '{"event": "done", "hosts": ["c"]}'
    printf '{"event": "do'
  } >"$state/rollout.jsonl"
  decide "{\"action\": \"wave\", \"folder\": \"$state\", \"hosts\": [\"d\"], \"budget\": 1}"
  [ "$status" -eq 0 ]
  decide "{\"action\": \"wave\", \"folder\": \"$state\", \"hosts\": [\"e\"], \"budget\": 1}"
  [ "$status" -ne 0 ]
  [[ $output == *"2 lost, 1 may be: b, d"* ]]
}

@test "collection: a fleet in step passes; a node that was not reached, was not audited or has an open change does not" {
  local node='{"host": "a", "node": {"current": "1", "state": "confirmed"}, "audit": {"policy": "p", "builds": ["b"], "options": ["o"], "processes": 1, "findings": [{"id": "swap", "status": "warn", "observed": "=1+1"}]}}'
  report() {
    run ansible localhost -c local -m allocrun.fleet.allocrun_drift \
      -a "$(jq -nc --arg f "$BATS_TEST_TMPDIR/drift" --argjson a "$node" --argjson other "$1" '{folder: $f, hosts: ["a", "b"], results: [$a, $other]}')"
  }
  report "$(jq -c '.host = "b"' <<<"$node")"
  [ "$status" -eq 0 ]
  # What a spreadsheet would take for a formula is none.
  run grep -c ',=' "$BATS_TEST_TMPDIR/drift/drift.csv"
  [ "$output" = 0 ]
  report '{"host": "x"}'
  [ "$status" -ne 0 ]
  [[ $output == *'"b"'*"not reached"* ]]
  report "$(jq -c '.host = "b" | .audit = null' <<<"$node")"
  [ "$status" -ne 0 ]
  [[ $output == *"not audited"* ]]
  report "$(jq -c '.host = "b" | .node.state = "gated"' <<<"$node")"
  [ "$status" -ne 0 ]
  [[ $output == *"a change is open: gated"* ]]
}
