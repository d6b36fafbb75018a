#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # stderr is set by run; the filters are jq's; few is of one test
# allocbench as its users call it, against a small server that can misbehave. No figure is held to a limit that
# depends on the machine's speed. In each row: no process is left, no complete round is lost, one line says it.
bats_require_minimum_version 1.5.0

bench=$BATS_TEST_DIRNAME
root=$(cd "$bench/../.." && pwd)
export ALLOCBENCH_VENV=$root/build/bench/venv
python=$ALLOCBENCH_VENV/bin/python
tool=$root/build/prefix/bin/allocbench

# The installed tree is what is tested.
setup_file() { make -s -C "$root" allocbench && "$tool" setup; }

setup() {
  out=$BATS_TEST_TMPDIR/out
  # The name tells whose it is.
  cp "$bench/programs/server.py" "$BATS_TEST_TMPDIR/server.py"
  server=(python3 "$BATS_TEST_TMPDIR/server.py" '{port}')
  few=(-o "$out" --arms 'glibc,balanced' --rounds 1 --grace 1 --cool 0 --metrics idle_pss --load http:/ --phases 'burst:20@40,idle:0.3')
}

teardown() {
  [ -z "${served:-}" ] || kill "$served" 2>/dev/null || true
  expect_nobody_left
}

allocbench() { run --separate-stderr "$tool" "$@"; }

expect_nobody_left() {
  local _
  for _ in {1..600}; do
    pgrep -f "$BATS_TEST_TMPDIR/" >/dev/null || return 0
    sleep 0.1
  done
  echo "left behind:"
  pgrep -af "$BATS_TEST_TMPDIR/"
  return 1
}

succeeds() { [ "$status" -eq 0 ] || { echo "status $status"; echo "$output"; echo "$stderr"; return 1; }; }

# fails STATUS WORDS: the status, and one line of our own on standard error, with the words.
fails() {
  local said
  [ "$status" -eq "$1" ] || { echo "status $status, not $1"; echo "$output"; echo "$stderr"; return 1; }
  said=$(grep '^allocbench: ' <<<"$stderr" | grep -v 'give figures, no verdicts')
  if [ "$(wc -l <<<"$said")" -ne 1 ] || [[ $said != *"$2"* ]] || [[ $stderr == *Traceback* ]]; then
    echo "not said in one line: $2"
    echo "$stderr"
    return 1
  fi
}

# one_run: $measured, a folder of results for those that only read; made once.
one_run() {
  measured=$BATS_FILE_TMPDIR/measured
  [ ! -e "$measured/rounds.jsonl" ] || return 0
  allocbench run "${few[@]}" -o "$measured" -- "${server[@]}"
  succeeds
}

rounds_kept() { [ "$(grep -c '^{.*}$' "$out/rounds.jsonl" 2>/dev/null)" = "$1" ] || { echo "not $1 rounds"; ls -l "$out"; return 1; }; }

# start_until WORDS [OPTION...]: in the background, until its progress says so; $bench_pid.
start_until() {
  local words=$1 _
  shift
  "$tool" run "${few[@]}" "$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" 3>&- &
  bench_pid=$!
  for _ in {1..1800}; do
    ! grep -q "$words" "$BATS_TEST_TMPDIR/stderr" || return 0
    sleep 0.1
  done
  cat "$BATS_TEST_TMPDIR/stderr"
  return 1
}

ended_with() {
  local ended=0
  wait "$bench_pid" || ended=$?
  [ "$ended" -eq "$1" ] || { echo "status $ended, not $1"; cat "$BATS_TEST_TMPDIR/stderr"; return 1; }
  [ $# -eq 1 ] || grep -q "^allocbench: .*$2" "$BATS_TEST_TMPDIR/stderr" || { cat "$BATS_TEST_TMPDIR/stderr"; return 1; }
}

@test "allocbench: statistics and readings keep what they promise" {
  run "$python" -B "$bench/statistics_test.py"
  succeeds
  [[ $output == *"OK"* ]]
}

@test "allocbench: a run has figures of each arm, proved; report says them as text and as JSON" {
  allocbench run "${few[@]}" --arms glibc,glibc-again,glibc-pinned,balanced,memory-mimalloc --in-use / \
    --phases warm:4@40,burst:20@40,idle:0.3,trickle:3@10,idle:0.3 -- "${server[@]}"
  succeeds
  [[ $output == "Too few rounds for a verdict: 1 of at least 9"* ]]
  rounds_kept 1
  allocbench report "$out" --format json
  succeeds
  jq -e '.rounds == 1 and .unfit == [] and (.arms | keys | length == 5)' <<<"$output"
  jq -e '[.arms[].median | .requests == 23 and .failed == 0 and .start > 0 and .idle_pss > 1 and .idle_rss >= .idle_pss
    and .cpu_per_request > 0 and .faults_per_request >= 0 and .e2e_p99 >= .e2e_p50 and .throughput > 0
    and .working_set > 1] | all' <<<"$output"
  jq -e '.arms.balanced.proof[0] | .allocator == "jemalloc" and .options.narenas != null' <<<"$output"
  jq -e '.arms["glibc-pinned"].proof[0].options.arena_max == "2"' <<<"$output"
  jq -e '.arms["memory-mimalloc"].proof[0].allocator == "mimalloc"' <<<"$output"
  jq -e '[.comparisons[].word == "few"] | all' <<<"$output"
  printf '%s' "$output" >"$BATS_TEST_TMPDIR/report.json"
  "$root/build/vllm/venv/bin/python" - "$root/build/prefix/share/allocrun/allocbench.schema.json" "$BATS_TEST_TMPDIR/report.json" <<'PYTHON'
import json, sys
import jsonschema
schema, report = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(report)
report["comparisons"][0]["verdict"] = 1
assert not jsonschema.Draft202012Validator(schema).is_valid(report)
PYTHON
}

@test "allocbench: malloc's share of user CPU is sampled, in glibc's own part of libc and in a library; or it is not measured" {
  allocbench run "${few[@]}" --phases burst:20@20,idle:0.3 -- env PYTHONMALLOC=malloc "${server[@]}" churn
  succeeds
  if "$python" -B -c 'import sys; sys.path.insert(0, sys.argv[1]); from allocbench import profile; sys.exit(bool(profile.Profile().problem))' "$bench"; then
    # It does little else.
    jq -e '[.rows[].metrics.allocator_share | . > 10 and . <= 100] | all' "$out/rounds.jsonl"
    jq -e '.rows[] | select(.arm == "glibc").spent["malloc of the libc"] > 0' "$out/rounds.jsonl"
    jq -e '.rows[] | select(.arm == "balanced").spent["libjemalloc.so.2"] > 0' "$out/rounds.jsonl"
  else
    [[ $output == *"malloc's share of user CPU, %"*"not measured"* ]]
  fi
}

@test "allocbench: without its environment it says the one command that makes it; help needs none" {
  ALLOCBENCH_VENV=$BATS_TEST_TMPDIR/none allocbench report "$out"
  fails 125 "allocbench setup makes it"
  ALLOCBENCH_VENV=$BATS_TEST_TMPDIR/none allocbench run --help
  succeeds
  mkdir "$BATS_TEST_TMPDIR/mine"
  touch "$BATS_TEST_TMPDIR/mine/letter"
  allocbench setup "$BATS_TEST_TMPDIR/mine"
  fails 125 "is there and is no Python environment"
  [ -e "$BATS_TEST_TMPDIR/mine/letter" ]
}

@test "allocbench: manual and completion have every option" {
  for mode in run watch report demo; do
    allocbench "$mode" --help
    while read -r option; do
      grep -q -- "Fl ${option/#--/-}\b" "$root/launcher/man/allocbench.1" || { echo "$mode $option: not in the manual"; return 1; }
      grep -q -- "$option\b" <<<"$(complete_words allocbench "$mode" --)" || { echo "$mode $option: not completed"; return 1; }
      grep -q -- "'*[*]*$option\b" "$root/launcher/completions/allocbench.zsh" || { echo "$mode $option: not for zsh"; return 1; }
    done < <(grep -o -- '^ *--[a-z-]*' <<<"$output" | grep -vx ' *--help')
  done
  [ "$(complete_words allocbench run --arms glibc,bal)" = glibc,balanced ]
}

# complete_words WORD...: what bash offers for the last one.
complete_words() {
  bash --norc -c 'compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _allocbench
    printf "%s\n" "${COMPREPLY[@]}"' - "$root/launcher/completions/allocbench.bash" "$@"
}

@test "allocbench: demo shows each of its services, and what they hold where one process knows it" {
  for work in documents prefork table; do
    allocbench demo -o "$out-$work" --work "$work" --rounds 1 --arms glibc,balanced --phases burst:10@20,idle:0.3
    succeeds
    [[ $output == "arm "*"working set MiB"*"idle ÷ working set"* ]]
    jq -e '[.rows[].metrics | .requests == 10 and .failed == 0] | all' "$out-$work/rounds.jsonl"
  done
  jq -e '[.rows[].metrics | .working_set > 5 and .over_working_set > 0.5] | all' "$out-documents/rounds.jsonl"
  # The parent and its four workers, each proved; none knows what the others hold.
  jq -e '[.rows[] | (.proof | length == 5) and (.metrics | has("working_set") | not)] | all' "$out-prefork/rounds.jsonl"
}

@test "allocbench: an OpenAI endpoint is streamed: time to the first token and between tokens" {
  allocbench run "${few[@]}" --arms glibc --load openai:tiny --phases burst:12@4,idle:0.2 --metrics ttft_p50 -- "${server[@]}"
  succeeds
  allocbench report "$out" --format json
  jq -e '.arms.glibc.median | .ttft_p50 > 0 and .tpot_p50 > 5 and .e2e_p50 > .ttft_p50' <<<"$output"
}

@test "allocbench: no coordinated omission: what waits behind a slow server is as late as it was due" {
  allocbench run "${few[@]}" --arms glibc --phases burst:10@1000,idle:0.2 -- "${server[@]}" slow
  succeeds
  allocbench report "$out" --format json
  # Ten at once, one after the other, 0.2 s each: the last one waits for nine.
  jq -e '.arms.glibc.median | .e2e_p99 > 1700 and .e2e_p50 > 700' <<<"$output"
}

@test "allocbench: a command is a load: it is told the port and where to write" {
  printf '%s\n' 'import json, sys, urllib.request' 'urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/").read()' \
    'import mine' 'json.dump({"ttfts": [0.5], "itls": [[0.25]], "queue_times": [1.0], "duration": 0.5}, open(sys.argv[2], "w"))' \
    >"$BATS_TEST_TMPDIR/load.py"
  mkdir "$BATS_TEST_TMPDIR/modules"
  touch "$BATS_TEST_TMPDIR/modules/mine.py"
  PYTHONPATH=$BATS_TEST_TMPDIR/modules allocbench run "${few[@]}" --arms glibc \
    --load "python3 $BATS_TEST_TMPDIR/load.py {port} {out}" -- "${server[@]}"
  succeeds
  allocbench report "$out" --format json
  # One request in the half second that the load says; the seconds in which it started are not the server's.
  jq -e '.arms.glibc.median | .e2e_p50 == 1750 and .ttft_p50 == 1500 and .tpot_p50 == 250 and .throughput == 2' <<<"$output"
}

@test "kind bench: the server never gets ready" {
  allocbench run "${few[@]}" --ready-timeout 0.5 -- "${server[@]}" never
  fails 1 "not ready after 0.5 s: nothing answers on port"
}

@test "kind bench: the server ends before it is ready" {
  allocbench run "${few[@]}" -- "${server[@]}" late
  fails 1 "the server before it was ready ended with status 1; it said: no weights here"
}

@test "kind bench: the server's command is not there" {
  allocbench run "${few[@]}" --arms glibc -- /nowhere/server '{port}'
  fails 1 "/nowhere/server"
}

@test "kind bench: the server listens on another port than it was told" {
  allocbench run "${few[@]}" --ready-timeout 20 -- "${server[@]}" elsewhere
  fails 1 "it listens on "
}

@test "kind bench: the port is another one's" {
  "$python" -c 'import http.server, sys; s = http.server.HTTPServer(("127.0.0.1", 0), None); print(s.server_port, flush=True); s.serve_forever()' \
    "$BATS_TEST_TMPDIR/other" >"$BATS_TEST_TMPDIR/port" 3>&- &
  local other=$! _
  for _ in {1..600}; do [ ! -s "$BATS_TEST_TMPDIR/port" ] || break; sleep 0.1; done
  allocbench run "${few[@]}" --port "$(cat "$BATS_TEST_TMPDIR/port")" -- "${server[@]}"
  kill "$other"
  fails 1 "is not free"
}

@test "kind bench: the server dies in the middle of the work" {
  allocbench run "${few[@]}" -- "${server[@]}" dies
  fails 1 "the server ended with status 3; it said: out of luck"
}

@test "kind bench: the server answers with errors" {
  allocbench run "${few[@]}" --ready /health -- "${server[@]}" errors
  fails 1 "20 of 20 requests of burst failed: HTTP 500"
}

@test "kind bench: the server leaves children, one in a session of its own: they are ended, and it is said" {
  allocbench run "${few[@]}" --arms glibc -- "${server[@]}" children
  succeeds
  [[ $stderr == *"the server left processes behind, which were ended: sh, sh, sleep, sleep"* ]]
}

@test "kind bench: what is left has a name that is no text" {
  local odd=$BATS_TEST_TMPDIR/caf$'\xe9'
  cp /bin/sleep "$odd"
  allocbench run "${few[@]}" --arms glibc -- sh -c '"$0" 1234 & exec "$@"' "$odd" "${server[@]}"
  succeeds
  [[ $stderr == *"the server left processes behind, which were ended: caf"* ]]
}

@test "kind bench: the server ignores SIGTERM" {
  allocbench run "${few[@]}" --arms glibc -- "${server[@]}" stubborn
  succeeds
}

@test "kind bench: the load fails" {
  allocbench run "${few[@]}" --load 'sh -c "echo no such model >&2; exit 4" {out}' -- "${server[@]}"
  fails 1 "the load of burst ended with status 4; it said: no such model"
}

@test "kind bench: the load writes nonsense, nothing, or no request" {
  for text in 'so fast' '{"requests": [{"latency": "a"}]}' '{"answer": 42}' '[1, 2]' '{"requests": [{"latency": -1}]}'; do
    allocbench run "${few[@]}" -o "$out" --load "sh -c 'printf %s \"\$1\" >\"\$2\"' - '$text' {out}" -- "${server[@]}"
    fails 1 "the load wrote nonsense to"
  done
  allocbench run "${few[@]}" -o "$out-2" --load 'true {out}' -- "${server[@]}"
  fails 1 "the load ended well but wrote no load-burst.json"
}

@test "kind bench: an arm's library is missing, is none of malloc, or is not what serves" {
  allocbench run "${few[@]}" --arm gone=/nowhere/libjemalloc.so.2 -- "${server[@]}"
  fails 125 "arm gone: there is no library /nowhere/libjemalloc.so.2"
  [ ! -e "$out" ]
  allocbench run "${few[@]}" --arms glibc --arm maths="$(ldconfig -p | awk '/libm\.so\.6 .*x86-64|libm\.so\.6 .*AArch64/ { print $NF; exit }')" \
    --seed 2 -- "${server[@]}"
  fails 1 "arm maths is not proved: process "
  [ ! -e "$out/rounds.jsonl" ]
}

@test "kind bench: glibc is not glibc when the server brings an allocator itself" {
  library=$(find "$root/build/prefix/lib/allocrun" -name 'libjemalloc.so.2' -path '*5.3.1-x86_64*glibc*' -o -name 'libjemalloc.so.2' -path '*5.3.1-aarch64-glibc*' | head -n 1)
  allocbench run "${few[@]}" --arms glibc -- env "LD_PRELOAD=$library" "${server[@]}"
  fails 1 "arm glibc is not proved"
}

@test "kind bench: the disk is full: the complete rounds are kept, and it goes on when there is room" {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  mkdir "$out"
  mount -t tmpfs -o size=1m tmpfs "$out"
  allocbench run "${few[@]}" --arms glibc -- "${server[@]}"
  succeeds
  head -c 2M /dev/zero >"$out/full" 2>/dev/null || true
  allocbench run "${few[@]}" --arms glibc --rounds 2 -- "${server[@]}"
  fails 1 "full"
  rounds_kept 1
  rm "$out/full"
  allocbench run "${few[@]}" --arms glibc --rounds 2 -- "${server[@]}"
  succeeds
  rounds_kept 2
  umount "$out"
}

@test "kind bench: kill -9 of the bench while the server starts, works, idles; run again goes on" {
  allocbench run "${few[@]}" --arms glibc --phases burst:20@40,idle:5 -- "${server[@]}"
  rounds_kept 1
  few+=(--arms glibc --phases 'burst:20@40,idle:5' --rounds 2)
  for words in start burst idle; do
    start_until ": $words" -- "${server[@]}"
    kill -KILL "$bench_pid"
    wait "$bench_pid" || true
    expect_nobody_left
    rounds_kept 1
  done
  # And the piece of a round that a machine which died leaves.
  printf '{"round": 1, "ro' >>"$out/rounds.jsonl"
  allocbench run "${few[@]}" -- "${server[@]}"
  succeeds
  [[ $stderr == *"1 complete round, going on"* ]]
  rounds_kept 2
}

@test "kind bench: kill -9 of the server while it works and while it idles" {
  for phase in burst idle; do
    start_until ": $phase" --phases burst:1000@50,idle:20 -- "${server[@]}"
    pkill -KILL -f "^[^ ]*python3 $BATS_TEST_TMPDIR/server.py"
    ended_with 1 "the server was killed by SIGKILL"
    [ ! -e "$out/rounds.jsonl" ]
  done
}

@test "kind bench: kill -9 of the load" {
  start_until ": burst" --phases burst:200@20,idle:1 -- "${server[@]}"
  for _ in {1..100}; do
    ! pkill -KILL -f "^[^ ]*python -B -m allocbench.generate $out/" || break
    sleep 0.1
  done
  ended_with 1 "the load of burst was killed by SIGKILL"
}

@test "kind bench: kill -9 of the keeper" {
  allocbench run "${few[@]}" -- "${server[@]}" kills-keeper children
  fails 1 "the keeper of the server was killed, and the server with it"
}

@test "kind bench: Ctrl-C ends it in order; run again goes on" {
  start_until "round 2/2.*: burst" --rounds 2 --arms glibc --phases burst:40@40,idle:3 -- "${server[@]}"
  kill -INT "$bench_pid"
  ended_with 130 "stopped; the complete rounds are kept"
  rounds_kept 1
}

@test "kind bench: nohup is heeded: a terminal that goes away ends nothing" {
  trap '' HUP
  start_until ": burst" --arms glibc --phases burst:20@40,idle:5 -- "${server[@]}"
  trap - HUP
  kill -HUP "$bench_pid"
  ended_with 0
  rounds_kept 1
}

@test "kind bench: a line of the rounds is damaged" {
  one_run
  cp -r "$measured" "$out"
  printf 'all is well\n' >>"$out/rounds.jsonl"
  allocbench report "$out"
  fails 1 "rounds.jsonl: line 2 is no round"
}

@test "allocbench: a report goes to who has seen enough, and to a locale without its signs" {
  one_run
  "$tool" report "$measured" --format json 2>"$BATS_TEST_TMPDIR/stderr" | true
  [ "${PIPESTATUS[*]}" = "0 0" ]
  [ ! -s "$BATS_TEST_TMPDIR/stderr" ] || { cat "$BATS_TEST_TMPDIR/stderr"; return 1; }
  PYTHONIOENCODING=ascii allocbench report "$measured"
  succeeds
  [[ $output == *"malloc's share"* ]]
}

@test "kind bench: a run with another plan, and a second one in the same folder, are refused" {
  start_until "round 1/2" --rounds 2 --arms glibc --phases burst:20@40,idle:60 -- "${server[@]}"
  allocbench run "${few[@]}" --arms glibc --phases burst:20@40,idle:60 -- "${server[@]}"
  fails 125 "another run is at work in it"
  kill -TERM "$bench_pid"
  ended_with 130
  one_run
  allocbench run "${few[@]}" -o "$measured" --arms glibc --rounds 2 -- "${server[@]}"
  fails 125 "has a run with other arms"
  allocbench run "${few[@]}" -o "$measured" --rounds 2 -- "${server[@]}" elsewhere
  fails 125 "has a run with other server"
}

@test "allocbench: the page needs nothing from outside and draws what was seen" {
  one_run
  allocbench report "$measured" --html "$BATS_TEST_TMPDIR/page.html"
  succeeds
  "$tool" report "$measured" --format json >"$BATS_TEST_TMPDIR/report.json"
  "$python" - "$BATS_TEST_TMPDIR/page.html" "$BATS_TEST_TMPDIR/report.json" <<'PYTHON'
import json, re, sys
from html.parser import HTMLParser
page, drawn, asks = open(sys.argv[1], encoding="utf-8").read(), 0, []
class Reader(HTMLParser):
    def handle_starttag(self, tag, attributes):
        global drawn
        drawn += tag == "svg"
        asks.extend(v for k, v in attributes if k in ("src", "href", "xlink:href") and not v.startswith("#"))
        if tag in ("script", "link", "iframe"): asks.append(tag)
Reader().feed(page)
assert drawn >= 4 and not asks and not re.search(r"@import|url\((?!#)", page), (drawn, asks)
assert "Too few rounds for a verdict" in page and "jemalloc" in page
# A bar of each arm for user and system CPU, all of one scale. A short run may have none of either: ticks are 10 ms.
bar = re.compile(r'd="M (\S+) \S+ \nL (\S+) [^"]*" clip-path="[^"]*" style="fill: (#0072b2|#e69f00)"')
widths = {"#0072b2": [], "#e69f00": []}
for left, right, colour in bar.findall(page):
    widths[colour].append(float(right) - float(left))
arms = [arm["median"] for arm in json.load(open(sys.argv[2], encoding="utf-8"))["arms"].values()]
values = [arm[f"{kind}_per_request"] for kind in ("user", "system") for arm in arms]
shown = widths["#0072b2"] + widths["#e69f00"]
assert len(shown) == len(values) == 4 and (max(shown) > 100) == (max(values) > 0), (widths, arms)
assert all(abs(width * max(values) - value * max(shown)) <= max(values) for width, value in zip(shown, values)), (shown, values)
PYTHON
  # As a browser shows it, in light and dark, with no network to ask.
  for scheme in light dark; do
    sed "s/color-scheme: light dark/color-scheme: $scheme/" "$BATS_TEST_TMPDIR/page.html" >"$BATS_TEST_TMPDIR/$scheme.html"
    HOME=$BATS_TEST_TMPDIR timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --host-resolver-rules='MAP * ~NOTFOUND' \
      --user-data-dir="$BATS_TEST_TMPDIR/browser" --window-size=1000,3000 --screenshot="$BATS_TEST_TMPDIR/$scheme.png" \
      "file://$BATS_TEST_TMPDIR/$scheme.html" >"$BATS_TEST_TMPDIR/browser.log" 2>&1
  done
  "$python" - "$BATS_TEST_TMPDIR"/{light,dark}.png <<'PYTHON'
import sys
from PIL import Image
for name, page, ink in zip(sys.argv[1:], ((255, 255, 255), (22, 24, 28)), (lambda p: max(p) < 90, lambda p: min(p) > 180)):
    image = Image.open(name).convert("RGB")
    seen = {colour: count for count, colour in image.getcolors(1 << 24)}
    assert image.getpixel((5, 5)) == page, (name, image.getpixel((5, 5)))
    assert sum(count for colour, count in seen.items() if ink(colour)) > 5000, name  # words, in a colour that is read there
    for key in ((0, 114, 178), (230, 159, 0)):  # user and system CPU: in the legend at least
        assert seen.get(key, 0) >= 200, (name, key, seen.get(key))
PYTHON
}

@test "allocbench: wrong words are refused in one line" {
  for words in '--arms balanced' '--arms glibc,nobody' '--phases idle:1' '--phases burst:x' '--metrics speed' \
    '--load vllm' '--load true' '--rounds 0' '--rounds many' '--bodies /nowhere' '--ready soon' '--ready log:[' '--port 70000' \
    '--cool nan' '--allocrun /nowhere' '--phases burst:5@inf' '--phases burst:5,idle:inf' '--phases burst:5,warm:5'; do
    # shellcheck disable=SC2086 # options and their values
    allocbench run "${few[@]}" $words -- "${server[@]}"
    fails 125 "" || { echo "$words"; return 1; }
  done
  allocbench run "${few[@]}" --arm "a='" -- "${server[@]}"
  fails 125 "arm a: ': no closing quotation"
  allocbench run "${few[@]}" --load "'{out}" -- "${server[@]}"
  fails 125 "--load: '{out}: no closing quotation"
  allocbench run
  fails 125 "which server?"
  allocbench report /nowhere
  fails 125 "has no results"
  allocbench demo -o "$out" --rounds 0
  fails 125 "--rounds: at least one"
  [ ! -e "$out" ]
  for words in "--every nan" "--every inf" "--days nan" "--arm mine=$$" "--metrics mine"; do
    # shellcheck disable=SC2086 # options and their values
    allocbench watch -o "$BATS_TEST_TMPDIR/watch.jsonl" --arm "mine=$$" $words
    fails 125 "" || { echo "$words"; return 1; }
  done
  allocbench watch -o /dev/full --arm "mine=$$"
  fails 1 "/dev/full: No space left on device"
}

@test "allocbench: compare says what changed between two runs, and what cannot be compared" {
  one_run
  cp -r "$measured" "$BATS_TEST_TMPDIR/before"
  cp -r "$measured" "$BATS_TEST_TMPDIR/after"
  allocbench compare "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  succeeds
  [[ $output == *"balanced"*"too few rounds for a verdict: 6 of each are needed"* ]]
  sed -i 's/burst:20@40/burst:30@40/' "$BATS_TEST_TMPDIR/after/meta.json"
  allocbench compare "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  fails 125 "not of the same phases"
  allocbench compare "$BATS_TEST_TMPDIR/before" /nowhere
  fails 125 "has no results"
}

@test "allocbench: watch follows a server, ends in order, and says what it saw" {
  local ready=$BATS_TEST_TMPDIR/ready _
  python3 -c 'import sys, time; kept = bytearray(50 << 20); open(sys.argv[1], "w").close(); time.sleep(600)' "$ready" 3>&- &
  watched=$!
  for _ in {1..600}; do [ ! -e "$ready" ] || break; sleep 0.1; done
  "$tool" watch -o "$BATS_TEST_TMPDIR/watch.jsonl" --arm "mine=$watched" --every 0.1 \
    >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
  watcher=$!
  for _ in {1..300}; do
    [ "$(wc -l <"$BATS_TEST_TMPDIR/watch.jsonl" 2>/dev/null || echo 0)" -lt 5 ] || break
    sleep 0.1
  done
  kill -TERM "$watcher"
  wait "$watcher"
  kill "$watched"
  grep -E '^mine +0\.0 +1 +[0-9]+ .* too few looks for a slope' "$BATS_TEST_TMPDIR/said"
  jq -es 'length >= 5 and all(.processes == 1 and .rss_mib > 50)' "$BATS_TEST_TMPDIR/watch.jsonl"
  allocbench watch -o "$BATS_TEST_TMPDIR/watch.jsonl" --report
  succeeds
  [[ $output == *"mine"* ]]
  wait "$watched" 2>/dev/null || true
  allocbench watch --arm "mine=$watched"
  fails 1 "there is no process of PID $watched"
  allocbench watch --arm mine=nobody
  fails 125 "NAME=PID, NAME=port:PORT or NAME=cgroup:PATH"
}

looks() { grep -c '"processes": [1-9]' "$BATS_TEST_TMPDIR/watch.jsonl" || true; }

# watch_until N: a watcher in the background, until the file has N looks more that saw the server, and then ended.
watch_until() {
  local goal _
  touch "$BATS_TEST_TMPDIR/watch.jsonl"
  goal=$(($(looks) + $1))
  "$tool" watch -o "$BATS_TEST_TMPDIR/watch.jsonl" --arm "mine=port:$port" --metrics "mine=http://127.0.0.1:$port/metrics" --every 0.2 \
    >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
  watcher=$!
  for _ in {1..300}; do
    [ "$(looks)" -lt "$goal" ] || break
    sleep 0.1
  done
  kill -TERM "$watcher"
  wait "$watcher"
}

# serve: the server on $port under allocrun, with a heap that says what it has; $served.
serve() {
  local _
  "$root/build/prefix/bin/allocrun" --quiet --allocator jemalloc -- python3 "$BATS_TEST_TMPDIR/server.py" "$port" >"$BATS_TEST_TMPDIR/server.log" 2>&1 3>&- &
  served=$!
  for _ in {1..600}; do ! curl -sf "http://127.0.0.1:$port/" >/dev/null || return 0; sleep 0.1; done
  return 1
}

@test "allocbench: watch goes on when the server or itself is started anew, and says what is in use, kept, and waited for" {
  port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  serve
  watch_until 3
  kill "$served"
  wait "$served" || true
  serve
  watch_until 3
  kill "$served"
  wait "$served" || true
  allocbench watch -o "$BATS_TEST_TMPDIR/watch.jsonl" --report
  succeeds
  # Two starts; looks themselves are requests. In use, kept: a number, and what it has grown by.
  grep -E '^mine +0\.0 +2 .* [0-9]+ \([+-][0-9]+\) +[0-9]+ \([+-][0-9]+\) +1[0-9]{2}\.[0-9] / 1[0-9]{2}\.[0-9] +too few looks' <<<"$output"
  jq -es 'map(select(.processes > 0)) | length >= 6 and all(.in_use_mib > 0 and .kept_mib >= 0 and (.ttft["+Inf"] > 0))' "$BATS_TEST_TMPDIR/watch.jsonl"
}
