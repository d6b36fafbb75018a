#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats: subshells, set -e, its own variables
# Real programs under every build, started with background threads on: jemalloc's
# manual warns of start-ups where that hangs or crashes.

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
@test "python: has the library mapped" { each_build python_is_served; }

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
@test "python: threads, forked workers, subprocesses, json, zlib, sqlite" { each_build python_threads; }

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
@test "git: init, add, commit, diff, gc with threads, fsck" { each_build git_works; }

compiler_works() {
  printf '#include <map>\n#include <regex>\n#include <string>\nint main() { std::map<std::string, int> m; m["a"] = 1; return std::regex_match("abc", std::regex("a.c")) && m.size() == 1 ? 0 : 1; }\n' >t.cpp
  with_build "$1" g++ -O2 -pipe -o t t.cpp
  with_build "$1" ./t
}
@test "gcc: compiles C++ with templates, and what it made runs" { each_build compiler_works; }

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
@test "sort, xz, bash, perl, awk" { each_build shell_tools_work; }

many_starts() {
  with_build "$1" bash -c 'for i in {1..200}; do /bin/true || exit 1; done'
}
@test "start-up: 200 short processes with background threads on" { each_build many_starts; }
