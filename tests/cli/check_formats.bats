#!/usr/bin/env bats
# The formats of allocrun --check, read by those that they are for.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

formats=(text json junit tap prometheus nagios)
bad=hgx-8gpu-two-socket

setup_file() {
  local here
  here=$(cd -- "$BATS_TEST_DIRNAME" && pwd -P)
  python=$("$here/python")
  export python
}

teardown() {
  local pid
  for pid in "${started[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}
started=()

# start COMMAND...: in the background, ended by its PID when the test ends.
start() {
  "$@" >"$BATS_TEST_TMPDIR/started.out" 2>&1 3>&- &
  started+=("$!")
}

# A process whose name, program and library try to break out of every format; its PID in
# $hostile. The kernel cuts the name to 15 bytes.
hostile_name=$'\e[31m]]>"#|\n\xff<\\'
start_hostile() {
  local folder=$BATS_TEST_TMPDIR/$'lib\e]0;x\a\n|# SKIP ]]><b>&"\'\xff'
  mkdir -p "$folder"
  cp "$libraries/libjemalloc.so.2" "$folder/"
  cp /bin/sleep "$folder/$hostile_name"
  LD_LIBRARY_PATH=$folder LD_PRELOAD=libjemalloc.so.2 start "$folder/$hostile_name" 600
  hostile=${started[-1]}
  eventually grep -q libjemalloc "/proc/$hostile/maps"
}

# audit FORMAT [OPTION]...: of a machine with findings of every kind; in $out and $file.
audit() { report --sysroot "$root/tests/machines/$bad" --skip builds-integrity --format "$@"; }
audit_hostile() { report --pid "$hostile" --format "$@"; }
report() {
  launch --check "$@"
  file=$BATS_TEST_TMPDIR/report
  cp "$BATS_TEST_TMPDIR/.out" "$file"
}

# Everything that a terminal or a parser would act on: only line ends are left.
expect_tame() {
  ! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$file" || fails "$ran" "no control characters" "$(attempt_result)"
  iconv -f UTF-8 -t UTF-8 "$file" >/dev/null 2>&1 || fails "$ran" "valid UTF-8" "$(attempt_result)"
}

# --- the same findings -------------------------------------------------------

# found_in FORMAT: "PLACE ID STATUS" of each finding, sorted, as that format has it; PLACE is
# the process's PID, or "node".
found_in() {
  case $1 in
    json) jq -r '.findings[] | "\(.process.pid // "node") \(.id) \(.status)"' "$file" ;;
    text) awk '/^Node$/ { place = "node" } /^Process [0-9]/ { place = $2 }
        match($0, /^  (FAIL    |unknown |warn    |ok      |-       ) [a-z0-9-]+: /) {
          sub(/:$/, "", $2); print place, $2, $1 == "-" ? "skip" : tolower($1) }' "$file" ;;
    junit) "$python" - "$file" <<'PY' ;;
import sys
from junitparser import JUnitXml, Skipped
for suite in JUnitXml.fromfile(sys.argv[1]):
    for case in suite:
        result = case.result[0] if case.result else None
        status = ("skip" if isinstance(result, Skipped) else result.type) if result else case.system_out.split(":")[0]
        print(case.classname.split(".")[-1], case.name, status)
PY
    tap) awk '/^(not )?ok / { sub(/ # .*/, ""); id = $NF; place = "node" }
        /^  status: / { gsub(/"/, ""); status = $2 }
        /^  pid: / { place = $2 }
        /^  \.\.\.$/ { print place, id, status }' "$file" ;;
    prometheus) sed -nE 's/^allocrun_check_status\{id="([^"]*)",scope="[a-z]*",pid="([^"]*)".*\} (-?[0-3])$/\2 \1 \3/p' "$file" |
      sed -E 's/^ /node /; s/-1$/skip/; s/0$/ok/; s/1$/warn/; s/2$/fail/; s/3$/unknown/' ;;
    nagios) sed -nE 's/^(fail|warn|unknown): ([a-z0-9-]+), (node|process ([0-9]+) ).*/\3 \2 \1/p' "$file" | sed -E 's/^process ([0-9]+) /\1/' ;;
  esac | sort
}

# Every format against the JSON of `audit_as FORMAT`. Nagios names what is no pass, and counts
# the rest.
expect_same_findings() {
  local format all bad_ones
  "$@" json
  all=$(found_in json)
  bad_ones=$(grep -E ' (warn|fail|unknown)$' <<<"$all")
  for format in "${formats[@]}"; do
    "$@" "$format" --verbose
    case $format in
      nagios)
        expect_equal "$format" "$bad_ones" "$(found_in "$format")"
        expect_in "$format" " ok=$(grep -c ' ok$' <<<"$all");;;0 skip=$(grep -c ' skip$' <<<"$all");;;0 " "$out" ;;
      *) expect_equal "$format" "$all" "$(found_in "$format")" ;;
    esac
  done
}

@test "every format has the same findings of the node" {
  expect_same_findings audit
  audit json
  for finding in "autonuma fail" "mempolicy-allowed unknown" "swap warn" "thp-defrag ok" "policy-file skip"; do
    expect_in "findings" "node $finding" "$(found_in json)"
  done
}

# What does not change from one run to the next.
audit_process() {
  report --pid "$hostile" --only preload-effective,options-in-force,process-arenas,launch-record,rdma-hooks,process-mappings,memory-verdict \
    --format "$@"
}

@test "every format has the same findings of processes" {
  start_hostile
  expect_same_findings audit_process
  audit_process json
  expect_in "findings" "$hostile preload-effective warn" "$(found_in json)"
  expect_in "findings" "$hostile launch-record skip" "$(found_in json)"
  expect_in "findings" "$hostile process-mappings ok" "$(found_in json)"
}

@test "a hostile process comes out tame in every format" {
  local format
  start_hostile
  for format in "${formats[@]}"; do
    audit_hostile "$format" --verbose
    expect_tame
    expect_in "$format" "$hostile" "$out"
  done
}

# --- json --------------------------------------------------------------------

# validate [SCHEMA]: $file against it; and nothing is in it that the schema has no word for.
validate() {
  "$python" - "${1:-$root/launcher/audit/formats/check.schema.json}" "$file" <<'PY'
import json, sys
import jsonschema
schema, document = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
def close(node):
    if isinstance(node, dict):
        if "properties" in node and "required" in node:
            node["additionalProperties"] = False
        for value in node.values():
            close(value)
    elif isinstance(node, list):
        for value in node:
            close(value)
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(document)
close(schema)
jsonschema.Draft202012Validator(schema).validate(document)
PY
}

@test "json: valid for the schema that is installed with it" {
  local options
  for options in "" "--pid $$" "--pid 2147483647" "--quiet" "--only policy-file"; do
    # shellcheck disable=SC2086 # words
    report --format json $options
    attempt validate
    expect_status 0
  done
  start_hostile
  audit_hostile json
  attempt validate
  expect_status 0
  expect_same_file "$prefix/share/allocrun/check.schema.json" "$root/launcher/audit/formats/check.schema.json"
}

@test "json: the exit code and the counts are those of the findings" {
  audit json
  expect_equal "exit code" "$status" "$(jq .exit_code "$file")"
  expect_equal "counts" "$(jq '[.findings[] | select(.ignored == null)] | length' "$file")" \
    "$(jq '[.summary | del(.ignored) | .[]] | add' "$file")"
}

@test "json: a hostile name is there as it is" {
  start_hostile
  audit_hostile json
  expect_equal name "${hostile_name/$'\xff'/�}" "$(jq -r '[.findings[] | select(.process)][0].process.name' "$file")"
}

# --- junit -------------------------------------------------------------------

@test "junit: well-formed, and a parser counts what we count" {
  start_hostile
  audit_hostile junit
  attempt xmllint --noout "$file"
  expect_status 0
  "$python" -c '
import sys
from junitparser import JUnitXml
xml = JUnitXml.fromfile(sys.argv[1])
said = [(s.name, s.tests, s.failures, s.errors, s.skipped) for s in xml]
total = (xml.tests, xml.failures, xml.errors, xml.skipped)
for suite in xml: suite.update_statistics()
counted = [(s.name, s.tests, s.failures, s.errors, s.skipped) for s in xml]
assert said == counted, (said, counted)
assert total == tuple(map(sum, zip(*[c[1:] for c in counted]))), total
assert said[0][0] == "node" and said[1][0].startswith("process %s " % sys.argv[2]), said
' "$file" "$hostile"
}

@test "junit: a warning fails with --fail-on warn alone" {
  audit junit
  expect_out '<system-out>warn: observed: '
  expect_not_in "$ran" '<failure type="warn"' "$out"
  audit junit --fail-on warn
  expect_out '<failure type="warn"'
}

# --- tap ---------------------------------------------------------------------

@test "tap: a harness agrees" {
  audit tap --only autonuma,thp-mode
  attempt prove --exec cat "$file"
  [ "$status" -ne 0 ] || fails "$ran" "a failure" "$(attempt_result)"
  expect_out "Failed test:  1"
  audit tap --only thp-mode,thp-defrag,gpu-nodes
  attempt prove --exec cat "$file"
  expect_status 0
}

@test "tap: what is ignored is a TODO, what does not apply a SKIP; every diagnostic is YAML" {
  start_hostile
  policy "$BATS_TEST_TMPDIR/p.conf" <<<$'[check]\nignore.autonuma = known'
  audit tap --policy "$policy_file"
  expect_out "# TODO ignored: known"
  expect_out "# SKIP "
  audit_hostile tap --policy "$policy_file"
  perl -MTAP::Parser -e '
    my $parser = TAP::Parser->new({ tap => do { local $/; <STDIN> } });
    my ($tests, $yaml) = (0, 0);
    while (my $r = $parser->next) {
      $tests++ if $r->is_test;
      if ($r->is_yaml) { $yaml++; die "no status" unless $r->data->{status}; }
    }
    die "errors: @{[$parser->parse_errors]}" if $parser->parse_errors;
    die "$tests tests, $yaml diagnostics" unless $tests && $tests == $yaml && $tests == $parser->tests_planned;
  ' <"$file"
}

# --- prometheus --------------------------------------------------------------

@test "prometheus: promtool has nothing to say" {
  audit prometheus
  attempt bash -c "promtool check metrics <'$file'"
  expect_status 0
  expect_out_is ""
  expect_quiet
  start_hostile
  audit_hostile prometheus
  attempt bash -c "promtool check metrics <'$file'"
  expect_status 0
  expect_quiet
}

scrape() { curl -sf "http://127.0.0.1:$port/metrics"; }

@test "prometheus: scraped through a real node_exporter" {
  local folder=$BATS_TEST_TMPDIR/textfile port page
  mkdir "$folder"
  start_hostile
  launch --check --pid "$hostile" --format prometheus --output "$folder/allocrun.prom"
  port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  start prometheus-node-exporter --collector.disable-defaults --collector.textfile \
    --collector.textfile.directory="$folder" --web.listen-address="127.0.0.1:$port"
  eventually scrape >"$BATS_TEST_TMPDIR/page"
  page=$(cat "$BATS_TEST_TMPDIR/page")
  expect_in scrape $'\nnode_textfile_scrape_error 0' "$page"
  expect_in scrape $'\nnode_textfile_mtime_seconds{file="'"$folder"'/allocrun.prom"}' "$page"
  expect_equal "series" "$(grep -c '^allocrun_' "$folder/allocrun.prom")" "$(grep -c '^allocrun_' <<<"$page")"
  expect_match scrape "allocrun_check_status\{id=\"process-found\",pid=\"\",process=\"\",scope=\"node\"\} 0" "$page"
}

# --- nagios ------------------------------------------------------------------

@test "nagios: its own exit codes" {
  local row
  while read -r row; do
    read -r expected word only <<<"$row"
    audit nagios --only "$only"
    expect_status "$expected"
    expect_match "$only" "^ALLOCRUN $word - " "$out"
  done <<'ROWS'
0 OK thp-defrag,thp-cmdline
1 WARNING thp-mode,thp-defrag
1 WARNING thp-mode,mempolicy-allowed
2 CRITICAL autonuma,mempolicy-allowed,thp-mode
3 UNKNOWN mempolicy-allowed,thp-defrag
ROWS
}

@test "nagios: one bar on the first line, performance data behind it" {
  start_hostile
  audit_hostile nagios
  expect_equal "bars" 1 "$(tr -cd '|' <"$file" | wc -c)"
  expect_match "first line" '^ALLOCRUN (OK|WARNING|CRITICAL|UNKNOWN) - [^|]* \| fail=[0-9]+;;0;0 warn=[0-9]+;0;;0 unknown=[0-9]+;;;0 ok=[0-9]+;;;0 skip=[0-9]+;;;0 ignored=[0-9]+;;;0$' "$(head -n 1 "$file")"
}

# --- --stat ------------------------------------------------------------------

# stat_hostile FORMAT [OPTION]...: of a process on our jemalloc whose name would break out.
stat_hostile() {
  launch --stat "$hostile" --format "$@"
  file=$BATS_TEST_TMPDIR/report
  cp "$BATS_TEST_TMPDIR/.out" "$file"
}

@test "stat: all its formats stand a hostile name, and their readers take them" {
  cp /bin/sleep "$BATS_TEST_TMPDIR/$hostile_name"
  LD_PRELOAD=$(library_of jemalloc) ALLOCRUN_PURGE=idle_ms:200 start "$BATS_TEST_TMPDIR/$hostile_name" 600
  hostile=${started[-1]}
  eventually grep -q libjemalloc "/proc/$hostile/maps"
  stat_hostile text --classes
  expect_status 0
  expect_tame
  stat_hostile json --classes
  expect_tame
  attempt validate "$root/launcher/report/stat.schema.json"
  expect_status 0
  expect_equal "threads" 1 "$(jq '.processes[0].threads' "$file")"
  expect_same_file "$prefix/share/allocrun/stat.schema.json" "$root/launcher/report/stat.schema.json"
  stat_hostile prometheus --classes
  expect_tame
  attempt bash -c "promtool check metrics <'$file'"
  expect_status 0
  expect_out_is ""
  expect_quiet
  expect_match "series" "allocrun_heap_bytes\{pid=\"$hostile\",.*,kind=\"retained\"\} [0-9]+" "$(cat "$file")"
}
