"""What allocbench's statistics promise, on rounds that are made up: no figure of this machine is in it.

    build/bench/venv/bin/python tests/bench/statistics_test.py
"""
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy
from scipy import stats

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from allocbench import arms, cgroup, cli, compare, errors, kept, loads, measure  # noqa: E402
from allocbench import profile, readings, sampler, statistics, symbols, watch  # noqa: E402
from allocbench.figures import percentile  # noqa: E402
from allocbench.hypotheses import ALPHA, rounds_needed  # noqa: E402
from allocbench.phases import Phase, parse  # noqa: E402

ARMS = ["glibc", "glibc-again", "glibc-pinned", "glibc-2-arenas", "balanced"]
METRICS = ["idle_pss", "cpu_per_request", "e2e_p99"]


def rounds(chance, count, spread=0.015, drift=0.05, planted=None):
    """Rounds that drift together, arms that scatter; PLANTED: {(arm, metric): share more}."""
    made = []
    for _ in range(count):
        common = {metric: chance.normal(0, drift) for metric in METRICS}
        made.append({arm: {metric: 100 * math.exp(common[metric] + chance.normal(0, spread))
                           * (1 + (planted or {}).get((arm, metric), 0)) for metric in METRICS} for arm in ARMS})
    return made


def words(made, arm, metric):
    found = statistics.compare(made, ARMS, METRICS)
    return next(c for c in found["comparisons"] if (c.arm, c.metric) == (arm, metric))


class Statistics(unittest.TestCase):
    def setUp(self):
        self.chance = numpy.random.default_rng(20)

    def test_of_200_experiments_without_a_difference_at_most_two_percent_name_a_winner(self):
        false = 0
        for _ in range(200):
            found = statistics.compare(rounds(self.chance, 10, 0.03), ARMS, METRICS)
            false += any(c.word in ("better", "worse") for c in found["comparisons"])
        self.assertLessEqual(false, 4)

    def test_five_percent_more_cpu_is_found_in_ten_rounds_four_times_of_five(self):
        planted = {("balanced", "cpu_per_request"): 0.05}
        found = sum(words(rounds(self.chance, 10, planted=planted), "balanced", "cpu_per_request").word == "worse"
                    for _ in range(100))
        self.assertGreaterEqual(found, 80)

    def test_a_large_difference_is_named_with_its_interval(self):
        one = words(rounds(self.chance, 10, planted={("balanced", "idle_pss"): -0.7}), "balanced", "idle_pss")
        self.assertEqual(one.word, "better")
        self.assertRegex(one.verdict, r"^better by (69|70)–7[01] %$")

    def test_fewer_rounds_than_can_prove_anything_name_no_winner(self):
        planted = {("balanced", "idle_pss"): -0.9}
        for count in range(1, 10):
            one = words(rounds(self.chance, count, planted=planted), "balanced", "idle_pss")
            self.assertEqual(one.word, "few", count)
        self.assertEqual(rounds_needed(["glibc", "balanced"], ["idle_pss"]), 7)
        self.assertEqual(rounds_needed(ARMS, METRICS), 10)

    def test_no_difference_is_said_with_its_bound(self):
        one = words(rounds(self.chance, 12, 0.01), "balanced", "idle_pss")
        self.assertEqual(one.word, "same")
        self.assertRegex(one.verdict, r"^no difference beyond ±[0-3]\.\d %$")

    def test_undecided_says_how_many_rounds_it_would_take(self):
        one = words(rounds(self.chance, 10, 0.15, planted={("balanced", "idle_pss"): 0.05}), "balanced", "idle_pss")
        self.assertEqual(one.word, "undecided")
        self.assertRegex(one.verdict, r"^undecided, about \d+ rounds needed$")

    def test_a_machine_on_which_glibc_differs_from_itself_is_unfit(self):
        planted = {("glibc-again", "idle_pss"): 0.2, ("balanced", "idle_pss"): -0.7}
        made = rounds(self.chance, 10, planted=planted)
        self.assertEqual(statistics.compare(made, ARMS, METRICS)["unfit"], ["idle_pss"])
        self.assertEqual(words(made, "balanced", "idle_pss").word, "unfit")

    def test_the_smallest_difference_is_found_as_often_as_promised(self):
        """The noise floor of glibc against itself, one comparison: 80 % power."""
        reach = statistics.detectable(0.02, 10, 1)
        found = sum(stats.ttest_1samp(self.chance.normal(math.log1p(reach), 0.02, 10), 0).pvalue <= ALPHA
                    for _ in range(2000))
        self.assertAlmostEqual(found / 2000, 0.8, delta=0.03)

    def test_a_difference_as_large_as_the_report_names_gets_a_verdict_among_all_comparisons(self):
        reach = statistics.detectable(0.02 * math.sqrt(2), 11, 9)  # glibc and its twin scatter both
        planted = {("balanced", "cpu_per_request"): reach}
        found = sum(words(rounds(self.chance, 11, 0.02, planted=planted), "balanced", "cpu_per_request").word == "worse"
                    for _ in range(60))
        self.assertGreaterEqual(found, 42)

    def test_as_many_rounds_as_it_says_are_enough(self):
        planted = {("balanced", "idle_pss"): 0.08}
        needed = statistics.rounds_for(math.log(1.08), 0.04 * math.sqrt(1.5), 10, 9)
        found = sum(words(rounds(self.chance, needed, 0.04, planted=planted), "balanced", "idle_pss").word == "worse"
                    for _ in range(60))
        self.assertGreaterEqual(found, 42, needed)

    def test_what_has_no_figure_in_a_round_is_said_to_be_not_judged(self):
        made = rounds(self.chance, 10)
        made[3]["balanced"]["cpu_per_request"] = 0.0
        found = statistics.compare(made, ARMS, METRICS)
        self.assertEqual(found["not_judged"], [("balanced", "cpu_per_request")])
        self.assertEqual(len(found["comparisons"]), 8)

    def test_the_permutation_test_is_scipys(self):
        for n in (2, 5, 9):
            values = self.chance.normal(0.3, 1, (3, n))
            theirs = stats.permutation_test((values,), numpy.mean, permutation_type="samples", axis=-1, vectorized=True,
                                            n_resamples=numpy.inf).pvalue
            numpy.testing.assert_allclose(statistics.sign_flip_p(list(values)), theirs, atol=1e-12)

    def test_holm(self):
        numpy.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])

    def test_percentiles_are_numpys(self):
        values = list(self.chance.exponential(1, 137))
        for share in (0, 0.5, 0.9, 0.99, 1):
            self.assertAlmostEqual(percentile(values, share), numpy.quantile(values, share))

    def test_a_schedule_has_its_rate_and_is_the_same_for_the_same_seed(self):
        phase = Phase("burst", "burst", 4000, 50.0)
        due = phase.schedule("1:0")
        self.assertEqual(due, phase.schedule("1:0"))
        self.assertNotEqual(due, phase.schedule("1:1"))
        self.assertAlmostEqual(due[-1], 80, delta=8)
        self.assertEqual([p.name for p in parse("burst:1,idle:1,trickle:1,idle:2")], ["burst", "idle", "trickle", "idle-2"])


class TwoRuns(unittest.TestCase):
    """allocbench compare: rounds that are no pairs."""

    def setUp(self):
        self.chance = numpy.random.default_rng(5)

    def judged(self, shift, n=8, less_is_better=True):
        before, after = self.chance.normal(-0.2, 0.01, n), self.chance.normal(-0.2 + shift, 0.01, n)
        return compare.verdict(before, after, less_is_better)[1]

    def test_what_changed_and_what_did_not(self):
        self.assertTrue(self.judged(0.2).startswith("worse by 2"))
        self.assertTrue(self.judged(0.2, less_is_better=False).startswith("better by 2"))
        self.assertTrue(self.judged(-0.1).startswith("better by "))
        self.assertTrue(self.judged(0.0, n=40).startswith("no change beyond ±"))
        self.assertIn("6 of each are needed", self.judged(0.5, n=5))

    def test_false_changes_are_rare(self):
        found = [self.judged(0.0).split()[0] for _ in range(400)]
        self.assertLessEqual(sum(word in ("better", "worse") for word in found), 36)  # 5 %, and what chance makes of it


class Watched(unittest.TestCase):
    """allocbench watch: the slope of days."""

    @staticmethod
    def days(grows_by, n=400):
        chance = numpy.random.default_rng(7)
        return [{"at": i * 360.0, "first": 4711, "since": 9, "rss_mib": 0.0, "pss_mib": 1000 + grows_by * i / 10 + chance.normal(0, 2)
                 + 500 * (i % 50 == 0)} for i in range(n)]

    def test_slopes(self):
        self.assertTrue(watch.slope(self.days(0)).startswith("steady: "))
        self.assertRegex(watch.slope(self.days(30)), r"^grows by (29|30)\.\d+ to (30|31)\.")
        self.assertRegex(watch.slope(self.days(-30)), r"^shrinks: -3")
        self.assertEqual(watch.slope(self.days(0, 39)), "too few looks for a slope: 39 of 40")

    def test_a_quantile_is_of_what_came_between_two_looks(self):
        before, after = {"0.1": 5.0, "0.2": 5.0, "+Inf": 5.0}, {"0.1": 55.0, "0.2": 105.0, "+Inf": 105.0}
        self.assertAlmostEqual(watch.quantile(0.5, before, after), 0.1)
        self.assertAlmostEqual(watch.quantile(0.75, before, after), 0.15)
        self.assertIsNone(watch.quantile(0.5, before, before))
        self.assertEqual(watch.quantile(0.99, {}, {"0.1": 0.0, "+Inf": 3.0}), 0.1)  # beyond the last bound nobody knows

    def test_a_week_of_looks_needs_no_gigabytes(self):
        """Every pair of 60,000 looks would be one number of 14 GiB."""
        code = "import sys, statistics_test as t, resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)); " \
               "print(t.watch.slope(t.Watched.days(3, 60000)))"
        done = subprocess.run([sys.executable, "-B", "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True,
                              check=False, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        self.assertEqual(done.stdout, "steady: +3.00 MiB an hour\n", done.stderr[-300:])

    def test_what_wanders_without_a_trend_seldom_grows(self):
        """A look is much like the one before: a thousand of them are not a thousand pieces of evidence."""
        for likeness in (0.98, 0.999):
            chance, named = numpy.random.default_rng(3), 0
            for _ in range(60):
                level, rows = 0.0, []
                for i in range(4000):
                    level = likeness * level + chance.normal(0, 50 * (1 - likeness * likeness) ** 0.5)
                    rows.append({"at": i * 10.0, "pss_mib": 1000 + level})
                named += watch.slope(rows).startswith(("grows", "shrinks"))
            self.assertLessEqual(named, 9, f"of what is like the look before by {likeness}")

    def test_a_clock_that_is_set_bends_no_slope(self):
        rows = [{**row, "up": row["at"]} for row in self.days(30)]
        for row in rows[300:]:
            row["at"] += 1e9
        self.assertRegex(watch.slope(rows), r"^grows by (29|30)\.\d+ to (30|31)\.")

    def test_the_piece_of_a_line_costs_a_look_and_not_the_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "watch.jsonl")
            path.write_text('{"arm": "a", "processes": 1, "first": 1, "since": 2}\n{"arm": "a", "proce')
            watch.end_piece(path)
            with open(path, "a", encoding="utf-8") as out:
                out.write('{"arm": "a", "processes": 1, "first": 1, "since": 3}\n')
            self.assertEqual([row["since"] for row in watch.read(path)["a"]], [2, 3])

    def test_a_process_counts_once_though_it_and_its_parent_listen(self):
        below = {10: [11, 12], 11: [12]}
        with mock.patch.multiple(watch.procfs, listeners=lambda _: [10, 11], descendants=lambda pid: below[pid]):
            self.assertEqual(sorted(watch.tree_of("port", "80")), [10, 11, 12])

    def test_systemd_holds_a_sockets_services_and_is_none_of_them(self):
        below = {1: [20, 30], 20: [21]}
        with mock.patch.multiple(watch.procfs, listeners=lambda _: [1, 20], descendants=lambda pid: below[pid]):
            self.assertEqual(watch.tree_of("port", "80"), [20, 21])
        with mock.patch.multiple(watch.procfs, listeners=lambda _: [1], descendants=lambda pid: below[pid]):
            self.assertEqual(watch.tree_of("port", "80"), [1, 20, 30])  # a container's first process

    def test_a_number_that_is_given_anew_is_not_the_server(self):
        begun = {os.getpid(): 5}
        with mock.patch.object(watch.procfs, "begun", begun.get):
            one = watch.Target("mine", "", str(os.getpid()))
            self.assertIn(os.getpid(), one.tree())
            begun[os.getpid()] = 6
            self.assertEqual(one.tree(), [])

    def test_what_cannot_be_asked_is_left_out_of_a_look(self):
        self.assertEqual(watch.in_heap([os.getpid()], "/nowhere/allocrun"), {})
        with mock.patch.object(watch.subprocess, "run", side_effect=subprocess.TimeoutExpired("allocrun", 60)):
            self.assertEqual(watch.in_heap([os.getpid()], "allocrun"), {})
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer():
                link = listener.accept()[0]
                link.recv(4096)
                link.sendall(b"what?\r\n\r\n")
                link.close()
            thread = threading.Thread(target=answer)
            thread.start()
            self.assertEqual(watch.first_tokens(f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"), {})
            thread.join()

    def test_only_the_last_life_counts(self):
        rows = self.days(5, 10) + [{**row, "first": 4712} for row in self.days(0, 3)] + self.days(1, 4)
        self.assertEqual(len(watch.last_life(rows)), 4)


class Groups(unittest.TestCase):
    """Control groups of version 2, as a kernel lays them out: here by files, for this machine's are of version 1."""

    def setUp(self):
        self.top = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.top)
        self.own = self.top / "session.scope"
        for folder in (self.top, self.own):
            folder.mkdir(exist_ok=True)
            (folder / "cgroup.procs").touch()

    def kernel(self, has_memory_below):
        """mkdir as the kernel does it: a new group has its files."""
        plain = Path.mkdir

        def mkdir(folder, *rest, **more):
            plain(folder, *rest, **more)
            (folder / "cgroup.procs").touch()
            if folder.parent in has_memory_below:
                for name, text in (("memory.current", "3145728"), ("memory.peak", "5242880"), ("memory.stat", "anon 1048576\nfile 2097152\n"
                                    "anon_thp 0\nslab 4096"), ("memory.pressure", "some avg10=0.00 total=2500000\nfull total=0")):
                    (folder / name).write_text(text)
        plain_rmdir = Path.rmdir

        def rmdir(folder):
            for file in folder.iterdir():
                file.unlink()
            plain_rmdir(folder)
        return mock.patch.multiple(Path, mkdir=mkdir, rmdir=rmdir)

    def test_figures_are_read_and_the_group_lies_where_memory_is_counted(self):
        for has_memory_below, where in (([self.own, self.top], self.own), ([self.top], self.top)):
            with self.kernel(has_memory_below):
                group = cgroup.make_below({"": self.own})
                self.assertEqual(group.made[""].parent, where)
                self.assertEqual(group.figures(), {"cgroup_current_mib": 3, "cgroup_peak_mib": 5, "cgroup_anon_mib": 1,
                                                   "cgroup_file_mib": 2, "cgroup_huge_mib": 0, "psi_memory_s": 2.5})
                group.remove()
            self.assertEqual(list(self.top.rglob("allocbench-*")), [])

    def test_without_the_controller_members_are_known_and_figures_left_out(self):
        with self.kernel([]):
            group = cgroup.make_below({"": self.own})
            self.assertEqual(group.made[""].parent, self.own)
            (group.made[""] / "cgroup.procs").write_text("17\n4\n")
            self.assertEqual((group.members(), group.figures()), ([4, 17], {}))
            group.remove()


    def test_what_others_have_left_and_cannot_go_costs_no_group(self):
        with self.kernel([self.own]):
            inner = self.own / "allocbench-999999999" / "servers-own"
            inner.mkdir(parents=True)
            with mock.patch.object(Path, "rmdir", side_effect=OSError(16, "busy")):
                group = cgroup.make_below({"": self.own})
            self.assertIsNotNone(group)
            group.remove()
            cgroup.make_below({"": self.own}).remove()
            self.assertEqual(list(self.own.rglob("allocbench-*")), [])  # nor is it kept for ever


class Sampled(unittest.TestCase):
    """A real tree, looked at from outside."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def test_what_a_child_took_that_nobody_waits_for_is_not_lost(self):
        burn = "import os, sys, time\n" \
               "if os.fork() == 0:\n  while time.process_time() < 0.3: pass\n  os._exit(0)\n" \
               "print(os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT), flush=True)\ntime.sleep(600)"
        log = self.folder / "log"
        with kept.Kept("it", [sys.executable, "-c", burn], dict(os.environ), log, grace=1) as server:
            while "waitid_result" not in log.read_text():
                self.assertFalse(server.has_ended(0.02))
            with sampler.Sampler(server, None, self.folder / "samples", mock.Mock(drain=lambda _: Counter())) as one:
                mark = one.count()
        self.assertEqual(mark["processes"], 1)
        self.assertGreaterEqual(mark["user_s"] + mark["system_s"], 0.25)

    def test_samples_are_taken_from_the_kernel_before_its_rings_are_full(self):
        drained = []
        profile_ = mock.Mock(drain=lambda tree: drained.append(tree) or Counter())
        with sampler.Sampler(mock.Mock(), None, self.folder / "samples", profile_) as one:
            one._glance()
            self.assertEqual(drained, [])
            one._drained -= 60
            one._glance()
            one._glance()
            self.assertEqual(len(drained), 1)

    def test_an_address_of_nowhere_asks_for_the_maps_once(self):
        asked = []
        one = profile.Profile.__new__(profile.Profile)
        one.rings, one._maps, one._fresh = [mock.Mock(drain=lambda into: into[7].extend((10, 20, 30)))], {}, set()
        with mock.patch.object(profile, "maps_of", lambda pid: asked.append(pid) or [(15, 25, "code")]):
            self.assertEqual(one.drain([7]), Counter({"?": 2, "code": 1}))
        self.assertEqual(asked, [7])


class Words(unittest.TestCase):
    """The command line, as far as it needs no server."""

    def test_a_launcher_that_was_named_is_the_one_or_none(self):
        with self.assertRaisesRegex(errors.UsageError, "no allocrun at /nowhere/allocrun"):
            arms.find_allocrun("/nowhere/allocrun")

    def test_a_metric_that_is_named_twice_is_one(self):
        self.assertEqual(cli.the_metrics("idle_pss,start,idle_pss"), ["idle_pss", "start"])

    def test_each_round_and_phase_has_a_seed_of_its_own(self):
        phases = parse("warm:1,burst:1,trickle:1,burst:2,steady:1")
        seeds = {loads.seed_of(phase, f"{seed}:{number}") for phase in phases for seed in range(4) for number in range(40)}
        self.assertEqual(len(seeds), 5 * 4 * 40)
        self.assertLess(max(seeds), 1 << 31)

    def test_a_working_set_that_is_no_number_is_said(self):
        task = mock.Mock(in_use="/")
        for said in (b'{"in_use": "12"}', b'{"in_use": [1]}', b'[]', b'so much'):
            with mock.patch.object(measure, "get", lambda *_, said=said: (200, said)), self.assertRaises(errors.BenchError):
                measure.in_use(task, 1)


class Malloc(unittest.TestCase):
    """Where malloc lies in a glibc."""

    def test_its_range_is_between_its_neighbours_and_has_all_of_its_functions(self):
        libc = next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/libc.so" in line)
        low, high = symbols.malloc_range(libc)
        inside = {name for start, _, name in symbols.functions(libc) if low <= start < high}
        self.assertLessEqual({b"malloc", b"free", b"calloc", b"realloc", b"malloc_trim", b"malloc_info"}, inside)
        self.assertLessEqual(inside, symbols.NAMES)
        self.assertTrue(0x2000 < high - low < 0x20000, hex(high - low))  # its internals, but not half the library
        self.assertEqual(symbols.malloc_range(__file__), (0, 0))

    def test_samples_are_shared_out_by_file(self):
        counted = Counter({"libc.so.6": 50, profile.MALLOC: 30, "libjemalloc.so.2": 20})
        self.assertEqual(profile.share(counted, {"libc.so.6"}), 30)
        self.assertEqual(profile.share(counted, {"libjemalloc.so.2"}), 20)
        self.assertIsNone(profile.share(Counter(), {"libc.so.6"}))


class Readings(unittest.TestCase):
    """What other tools write, in the form in which they write it."""

    def test_vllm_bench_serve_gets_the_queue_added(self):
        one, = readings.parse('{"ttfts": [0.5], "itls": [[0.1, 0.3]], "queue_times": [2.0], "errors": [""]}')
        self.assertAlmostEqual(one.latency, 2.9)
        self.assertAlmostEqual(one.ttft, 2.5)
        self.assertAlmostEqual(one.tpot, 0.2)
        self.assertIsNone(one.error)

    def test_guidellm(self):
        text = """{"benchmarks": [{"requests": {"successful": [{"request_latency": 1.5, "time_to_first_token_ms": 200.0,
            "time_per_output_token_ms": 10.0}], "errored": [{"error": "refused"}], "incomplete": []}}]}"""
        good, bad = readings.parse(text)
        self.assertEqual((good.latency, good.ttft, good.tpot, good.error), (1.5, 0.2, 0.01, None))
        self.assertEqual(bad.error, "refused")

    def test_how_long_it_sent_is_what_the_load_says_and_not_how_long_it_ran(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "load.json")
            path.write_text('{"ttfts": [0.5], "itls": [[]], "duration": 2.5}')
            self.assertEqual(readings.read(path).duration, 2.5)
            path.write_text('{"ttfts": [0.5], "itls": [[]]}')
            self.assertIsNone(readings.read(path).duration)
            path.write_text('{"requests": [{"latency": 1, "ttft": NaN, "tokens": 3}]}')
            with self.assertRaises(errors.BenchError):
                readings.read(path)

    def test_aiperf(self):
        line = """{"metadata": {}, "metrics": {"request_latency": {"value": 900.0, "unit": "ms"},
            "time_to_first_token": {"value": 2e8, "unit": "ns"}}, "error": null}""".replace("\n", "")
        rows = readings.parse(line + "\n" + line)
        self.assertEqual([(r.latency, r.ttft) for r in rows], [(0.9, 0.2)] * 2)


if __name__ == "__main__":
    unittest.main()
