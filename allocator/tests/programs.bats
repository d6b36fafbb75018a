#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# This machine's own programs under every build that they can load, started with
# background threads on: jemalloc's manual warns of start-ups where that hangs or
# crashes. (Debian has no program that is linked with musl's shared library: those
# builds have the programs of acceptance.bats and the allocators' own tests.)

load helpers

setup() {
  export MALLOC_CONF=background_thread:true,dirty_decay_ms:100,muzzy_decay_ms:0
  cd "$BATS_TEST_TMPDIR"
}

python_is_served() {
  with_build "$1" python3 -c '
import os
maps = open("/proc/self/maps").read()
assert os.environ["EXPECT_LIBRARY"] in maps, maps
print("mapped")'
  assert_equal "$output" mapped
}
@test "python: has the library mapped" { each_build --where "$runs_here" python_is_served; }

python_threads() {
  with_build "$1" python3 -c '
import hashlib, json, multiprocessing, sqlite3, subprocess, sys, threading, zlib

def work(n):
    data = json.dumps([{"i": i, "text": "x" * (i % 700)} for i in range(3000)]).encode()
    for _ in range(5):
        data = zlib.decompress(zlib.compress(data))
    return hashlib.sha256(data).hexdigest()

results = []
threads = [threading.Thread(target=lambda: results.append(work(1))) for _ in range(16)]
[t.start() for t in threads]
# Workers forked while the threads above are busy: what a server does.
with multiprocessing.get_context("fork").Pool(4) as pool:
    forked = pool.map(work, range(8))
[t.join() for t in threads]
assert len(set(results + forked)) == 1 and len(results) == 16

for _ in range(10):
    assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\n"

db = sqlite3.connect(":memory:")
db.execute("create table t(a integer primary key, b text)")
db.executemany("insert into t(b) values(?)", (("y" * (i % 900),) for i in range(50000)))
db.execute("create index i on t(b)")
assert db.execute("select count(distinct length(b)) from t").fetchone() == (900,)
print("ok")'
  assert_equal "${lines[-1]}" ok
}
@test "python: threads, forked workers, subprocesses, json, zlib, sqlite" { each_build --where "$runs_here" python_threads; }

# Its own tests: threads that are started, joined, forked from and left behind; pipes and
# processes by the hundred. (Those of the system's Python, which Debian packages them for.)
python_own_tests() {
  SECONDS_ALLOWED=600 with_build "$1" /usr/bin/python3 -m test -q -j3 test_threading test_subprocess test_thread
  assert_contains "$output" 'Tests result: SUCCESS'
}
@test "python: its own test modules for threading and subprocess" { each_build --where "$runs_here" python_own_tests; }

node_works() {
  cat >work.js <<'JS'
const { Worker, isMainThread, parentPort } = require('worker_threads');
const zlib = require('zlib');
const crypto = require('crypto');
const { execFileSync } = require('child_process');
if (isMainThread) {
  const maps = require('fs').readFileSync('/proc/self/maps', 'latin1');
  if (!maps.includes(process.env.EXPECT_LIBRARY)) throw new Error(maps);
  const results = new Set();
  let left = 4;
  for (let i = 0; i < 4; i++)
    new Worker(__filename).on('message', (digest) => {
      results.add(digest);
      if (--left > 0) return;
      for (let n = 0; n < 10; n++) execFileSync('true');
      console.log(results.size === 1 ? 'ok' : 'differ');
    });
} else {
  const hash = crypto.createHash('sha256');
  for (let i = 0; i < 60; i++) {
    const data = Buffer.alloc(1000 + i * 9973, `${i}.`);
    hash.update(zlib.gunzipSync(zlib.gzipSync(data)));
    hash.update(JSON.stringify(JSON.parse(JSON.stringify(Array.from({ length: 2000 }, (_, k) => ({ k, text: 'x'.repeat(k % 99) }))))));
  }
  parentPort.postMessage(hash.digest('hex'));
}
JS
  with_build "$1" node work.js
  assert_equal "$output" ok
}
@test "node: worker threads, buffers, zlib, child processes" { each_build --where "$runs_here" node_works; }

sqlite_works() {
  cat >work.sql <<'SQL'
PRAGMA threads = 4;
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
  INSERT INTO t SELECT i, printf('%d text %d', i % 977, i), zeroblob(i % 3000) FROM n;
CREATE INDEX by_text ON t(b);
DELETE FROM t WHERE a % 3 = 0;
VACUUM;
PRAGMA integrity_check;
SELECT count(*), sum(length(c)), max(b) FROM t;
SQL
  sqlite3 expected.db <work.sql >expected
  with_build "$1" bash -c 'exec sqlite3 served.db <work.sql'
  assert_equal "$output" "$(cat expected)"
  assert_equal "${lines[-2]}" ok
}
@test "sqlite3: a database is filled, indexed, vacuumed, and is whole" { each_build --where "$runs_here" sqlite_works; }

# Redis is linked with Debian's jemalloc: ours of the same name takes its place, and
# with mimalloc that one is mapped, but serves nothing but questions about itself.
redis_works() {
  local id=$1 preloaded pid socket=$PWD/s
  preload "$id" bash -c 'exec -a redis-server "$@"' - "$(redis_server)" --port 0 --unixsocket "$socket" \
    --save '' --appendonly no --dir "$PWD" --io-threads 3 --activedefrag no --lazyfree-lazy-user-del yes
  "${preloaded[@]}" >server.log 2>&1 &
  pid=$!
  # shellcheck disable=SC2064 # this one
  trap "kill -KILL $pid 2>/dev/null || true" EXIT
  wait_for 30 redis ping
  assert_contains "$(cat "/proc/$pid/maps")" "$(library_of "$id")"
  if [ "$(value_of "$id" allocator)" = jemalloc ]; then
    assert_equal "$(grep -oE '/[^ ]*/libjemalloc[^ ]*' "/proc/$pid/maps" | sort -u)" "$(library_of "$id")" 'jemallocs in the server'
  fi

  run timeout 120 redis-benchmark -s "$socket" -n 20000 -c 50 -P 8 -d 700 -r 5000 -t set,get,lpush,lpop,sadd,hset,mset -q
  assert_status 0
  assert_contains "$output" 'MSET (10 keys)'
  # A child that is forked while the server is under load writes everything down.
  redis-benchmark -s "$socket" -n 20000 -c 20 -d 3000 -r 5000 -t set -q >/dev/null &
  run redis bgsave
  assert_contains "$output" 'Background saving started'
  wait $!
  wait_for 60 redis_has 'rdb_bgsave_in_progress:0'
  redis_has 'rdb_last_bgsave_status:ok'
  [ -s dump.rdb ] || fail 'nothing was saved'
  redis set key "$(printf '%010000d' 7)" >/dev/null
  assert_equal "$(redis strlen key)" 10000
  redis flushall async >/dev/null
  redis shutdown nosave
  wait "$pid"
}
redis() { redis-cli -s s "$@"; }
redis_has() { redis info persistence | tr -d '\r' | grep -qx "$1"; }
# The server by the name of a tool that is the same program, and is packaged without a
# service that starts by itself.
redis_server() { command -v redis-server || command -v redis-check-rdb; }
wait_for() {
  local tries=$(($1 * 20))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "never came true: $*" "$(cat server.log)"
    sleep 0.05
  done
}
@test "redis: under load, with threads, saving from a forked child" { each_build --where "$runs_here" redis_works; }

git_works() {
  rm -rf repo
  with_build "$1" git -c init.defaultBranch=main init -q repo
  seq 1 200000 >repo/numbers
  with_build "$1" git -C repo add numbers
  with_build "$1" git -C repo -c user.name=a -c user.email=a@b commit -qm one
  seq 2 200001 >repo/numbers
  with_build "$1" git -C repo diff --stat
  assert_contains "$output" '1 file changed'
  with_build "$1" git -C repo gc -q
  with_build "$1" git -C repo fsck --full
}
@test "git: init, add, commit, diff, gc with threads, fsck" { each_build --where "$runs_here" git_works; }

compiler_works() {
  printf '#include <map>\n#include <regex>\n#include <string>\nint main() { std::map<std::string, int> m; m["a"] = 1; return std::regex_match("abc", std::regex("a.c")) && m.size() == 1 ? 0 : 1; }\n' >t.cpp
  with_build "$1" g++ -O2 -pipe -o t t.cpp
  with_build "$1" ./t
}
@test "gcc: compiles C++ with templates, and what it made runs" { each_build --where "$runs_here" compiler_works; }

shell_tools_work() {
  seq 1 300000 | sort -R >shuffled
  with_build "$1" sort -n --parallel=4 -S 20M shuffled -o sorted
  assert_equal "$(sha256sum <sorted)" "$(seq 1 300000 | sha256sum)" 'sorted numbers'
  with_build "$1" xz -T2 -1 -k -f sorted
  with_build "$1" xz -t sorted.xz
  with_build "$1" bash -c 'for i in {1..300}; do x=$(echo $i); done; echo $x'
  assert_equal "$output" 300
  with_build "$1" perl -e 'my %h; $h{$_} = "v" x ($_ % 500) for 1..200000; print scalar keys %h'
  assert_equal "$output" 200000
  with_build "$1" awk 'BEGIN { for (i = 0; i < 300000; i++) a[i] = i "text"; print length(a) }'
  assert_equal "$output" 300000
}
@test "sort, xz, bash, perl, awk" { each_build --where "$runs_here" shell_tools_work; }

many_starts() {
  with_build "$1" bash -c 'for i in {1..200}; do /bin/true || exit 1; done'
}
@test "start-up: 200 short processes with background threads on" { each_build --where "$runs_here" many_starts; }
