# SPDX-License-Identifier: Apache-2.0
"""What tests/torture/walk runs: a name, the words, and

    needs    programs or files, where it is more than the first word
    differs  patterns of what differs from run to run
    expect   what a bare run prints: else the row tests nothing
"""
import os
import platform

STATUS = "/proc/self/status"
NOBODY = "65534"


def sh(script):
    return ["sh", "-c", script]


# name, words, what a bare run prints, as root alone
SHORT = [
    # util-linux: setpriv drops
    ("setpriv: user and groups of the account", ["setpriv", "--reuid=nobody", "--regid=nogroup", "--init-groups", "id"],
     "uid=65534", True),
    ("setpriv: no groups", ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "id"], "uid=65534", True),
    ("setpriv: supplementary groups", ["setpriv", "--groups=7,8", "--regid=9", "id", "-G"], "7", True),
    ("setpriv: no new privileges", ["setpriv", "--no-new-privs", "grep", "NoNewPrivs", STATUS], "1", False),
    ("setpriv: bounding set", ["setpriv", "--bounding-set=-all", "grep", "Cap", STATUS], "CapBnd", True),
    ("setpriv: inheritable and ambient", ["setpriv", "--inh-caps=+net_raw", "--ambient-caps=+net_raw", "grep", "Cap", STATUS],
     "CapAmb", True),
    ("setpriv: securebits", ["setpriv", "--securebits=+noroot", "grep", "Cap", STATUS], "CapEff", True),
    ("setpriv: reset-env", ["setpriv", "--reset-env", "sh", "-c", "echo $HOME"], "/root", True),
    ("setpriv: pdeathsig", ["setpriv", "--pdeathsig=keep", "true"], "", False),
    ("setpriv: dump", ["setpriv", "--dump"], "uid:", False),
    ("setpriv: no such user", ["setpriv", "--reuid=no-such-user", "true"], "setpriv", False),
    # unshare
    ("unshare: user", ["unshare", "-Ur", "id", "-u"], "0", False),
    ("unshare: user, mapped", ["unshare", "--user", "--map-current-user", "id", "-u"], "", False),
    ("unshare: user map", ["unshare", "-Ur", "cat", "/proc/self/uid_map"], "0", False),
    ("unshare: mounts", ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt && ls -A /mnt"], "", True),
    ("unshare: PIDs", ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "echo $$"], "1", True),
    ("unshare: PIDs of a user", ["unshare", "-Ur", "--pid", "--fork", "sh", "-c", "echo $$"], "1", False),
    ("unshare: network", ["unshare", "-n", "sh", "-c", "ls /sys/class/net | wc -l; cat /proc/net/dev | wc -l"], "", True),
    ("unshare: host name", ["unshare", "-u", "sh", "-c", "hostname walk && hostname"], "walk", True),
    ("unshare: IPC", ["unshare", "-i", "ipcs", "-q"], "Queues", True),
    ("unshare: cgroup", ["unshare", "-C", "cat", "/proc/self/cgroup"], "::/", True),
    ("unshare: time", ["unshare", "-T", "--monotonic=100000", "--fork", "sh", "-c", "echo done"], "", True),
    ("unshare: kill-child", ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", "exit 7"], "", True),
    ("unshare: root", ["unshare", "-Ur", "-R", "/", "id", "-u"], "0", False),
    # nsenter
    ("nsenter: host name", ["nsenter", "-t", "1", "-u", "hostname"], "", True),
    ("nsenter: mounts and PIDs", ["nsenter", "-t", "1", "-m", "-p", "sh", "-c", "id -u"], "", True),
    ("nsenter: network", ["nsenter", "-t", "1", "-n", "sh", "-c", "ls /sys/class/net | head -1"], "", True),
    ("nsenter: into a user's own", sh("unshare -Ur sleep 5 & p=$!; n=0; while [ \"$(readlink /proc/$p/ns/user)\" = "
                                     "\"$(readlink /proc/self/ns/user)\" ] && [ $n -lt 400 ]; do n=$((n+1)); sleep 0.01; done; "
                                     "sleep 0.1; nsenter -t $p -U --preserve-credentials id -u; s=$?; kill $p; exit $s"), "0", False),
    # limits and scheduling
    ("prlimit: files", ["prlimit", "--nofile=64:64", "sh", "-c", "ulimit -n; ulimit -Hn"], "64", False),
    ("prlimit: address space", ["prlimit", "--as=1000000000", "sh", "-c", "ulimit -v"], "976562", False),
    ("prlimit: processes", ["prlimit", "--nproc=4000", "sh", "-c", "grep 'Max processes' /proc/self/limits"], "4000", False),
    ("prlimit: cores and files", ["prlimit", "--core=0", "--fsize=1000000", "sh", "-c", "ulimit -c; ulimit -f"], "0", False),
    ("prlimit: stack", ["prlimit", "--stack=1000000", "sh", "-c", "ulimit -s"], "976", False),
    ("prlimit: CPU time ends it", ["prlimit", "--cpu=1", "sh", "-c", "while :; do :; done"], "", False),
    ("taskset: one CPU", ["taskset", "-c", "0", "nproc"], "1", False),
    ("taskset: of itself", ["taskset", "1", "sh", "-c", "taskset -p $$ | sed 's/.*: //'"], "1", False),
    ("taskset: no such CPU", ["taskset", "-c", "8000", "true"], "taskset", False),
    ("chrt: batch", ["chrt", "-b", "0", "sh", "-c", "chrt -p $$ | sed 's/.*: //'"], "SCHED_BATCH", False),
    ("chrt: idle", ["chrt", "-i", "0", "sh", "-c", "chrt -p $$ | sed 's/.*: //'"], "SCHED_IDLE", False),
    ("chrt: round robin", ["chrt", "-r", "5", "sh", "-c", "chrt -p $$ | sed 's/.*: //'"], "", True),
    ("uclampset: system", ["uclampset", "-m", "0", "sh", "-c", "echo ran"], "", False),
    ("nice: coreutils", ["nice", "-n", "5", "nice"], "5", False),
    ("nice: to the end", ["nice", "-n", "50", "nice"], "19", False),
    ("renice: itself", sh("renice -n 3 -p $$ | sed 's/^[0-9]*//'; nice"), "3", False),
    ("ionice: idle", ["ionice", "-c", "3", "ionice"], "idle", False),
    ("ionice: best effort", ["ionice", "-c", "2", "-n", "6", "ionice"], "prio 6", False),
    ("choom: set", ["choom", "-n", "500", "--", "cat", "/proc/self/oom_score_adj"], "500", False),
    ("setarch: no randomisation", ["setarch", "-R", "sh", "-c", "echo ran"], "", False),
    ("setarch: 32 bits", ["setarch", "linux32", "uname", "-m"], "", False),
    ("setarch: uname26", ["setarch", platform.machine(), "--uname-2.6", "uname", "-r"], "2.6", False),
    # users
    ("runuser: a user", ["runuser", "-u", "nobody", "--", "id"], "uid=65534", True),
    ("runuser: a command", ["runuser", "-s", "/bin/sh", "-c", "id -u; exit 5", "nobody"], "65534", True),
    ("su: a command", ["su", "-s", "/bin/sh", "-c", "id -u; echo $0", "nobody"], "65534", True),
    ("su: a login", ["su", "-", "-s", "/bin/sh", "-c", "pwd; id -un", "nobody"], "nobody", True),
    ("su: no such user", ["su", "no-such-user", "-c", "true"], "su", False),
    ("sg: a group", ["sg", "users", "-c", "id -gn"], "users", True),
    ("newgrp: no such group", ["newgrp", "no-such-group"], "newgrp", False),
    # coreutils
    ("chroot: the same", ["chroot", "/", "id", "-u"], "0", True),
    ("chroot: as a user", ["chroot", "--userspec=65534:65534", "--groups=", "/", "id"], "uid=65534", True),
    ("chroot: none", ["chroot", "/no-such-folder", "true"], "chroot", False),
    ("timeout: in time", ["timeout", "20", "sh", "-c", "exit 6"], "", False),
    ("timeout: too late", ["timeout", "0.2", "sleep", "60"], "", False),
    ("timeout: by another signal", ["timeout", "-s", "INT", "--preserve-status", "0.2", "sleep", "60"], "", False),
    ("timeout: at last", ["timeout", "-k", "0.2", "0.2", "sh", "-c", "trap '' TERM; sleep 60"], "", False),
    ("env: a variable", ["env", "WALK=1", "sh", "-c", "echo $WALK"], "1", False),
    ("env: nothing else", ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", "echo $WALK; export -p | wc -l"], "", False),
    ("env: split", ["env", "-S", "WALK=2 sh -c 'echo $WALK'"], "2", False),
    ("env: without one", ["env", "-u", "HOME", "sh", "-c", "echo ${HOME-none}"], "none", False),
    # Whoever runs this in the background, or by nohup, has others ignored.
    ("env: signals", ["env", "--ignore-signal=PIPE", "--default-signal=HUP,INT,QUIT", "sh", "-c", "grep SigIgn /proc/self/status"], "1000", False),
    ("env: a folder", ["env", "-C", "/usr", "pwd"], "/usr", False),
    ("env: no such command", ["env", "no-such-command"], "env", False),
    ("nohup: a command", ["nohup", "sh", "-c", "echo out; echo err >&2; exit 4"], "out", False),
    ("nohup: no such command", ["nohup", "no-such-command"], "nohup", False),
    ("stdbuf: a line", ["stdbuf", "-oL", "sh", "-c", "echo a; echo b"], "a", False),
    ("stdbuf: preloads", ["stdbuf", "-o0", "tr", "a", "b"], "", False),
    ("flock: a file", ["flock", "lock", "sh", "-c", "echo locked"], "locked", False),
    ("flock: is held", sh("exec 9>lock; flock 9; flock -n -E 42 lock true"), "", False),
    ("setsid: waits", ["setsid", "-w", "sh", "-c", "exit 8"], "", False),
    ("setsid: leads", ["setsid", "-f", "-w", "sh", "-c", "exit 8"], "", False),
    ("script: a terminal", ["script", "-qec", "tty >/dev/null && echo yes", "/dev/null"], "yes", False),
    ("pivot_root: none", ["pivot_root", "/no", "/no"], "pivot_root", False),
    # pipes, signals, many children
    ("xargs: four at a time", sh("seq 40 | xargs -P4 -n1 sh -c 'exit 0' && echo all"), "all", False),
    ("find: a child for each", sh("mkdir d; touch d/1 d/2 d/3; find d -type f -exec basename {} \\; | sort"), "3", False),
    ("sort: threads", sh("seq 200000 | sort --parallel=4 -R --random-source=/dev/zero | cksum"), "", False),
    ("sh: a signal ends it", sh("kill -SEGV $$"), "", False),
    ("sh: a pipe breaks", sh("yes | head -2"), "y", False),
    ("bash: a limit of the address space", ["bash", "-c", "ulimit -v 500000; sort /dev/null; echo $?"], "0", False),
]


def program(name, **row):
    return dict(row, name=name, is_short=False)


def compiled(name, source, flags, compiler="gcc"):
    """Made and run in one place: what is compared is what the program does."""
    return program(name, needs=[compiler],
                   run=sh(f"printf '%s' '{source}' >p.c && {compiler} {flags} -o p p.c && ./p; echo status $?"), expect="status")


FREES = "#include <stdlib.h>\\n#include <stdio.h>\\nint main(void){void*volatile p=malloc(99);free(p);puts(\"ran\");return 7;}\\n"
WRONG = "#include <stdlib.h>\\nint main(void){char*volatile p=malloc(9);free(p);return p[1];}\\n"


def programs(root):
    venv = os.path.join(root, "build/walk/venv/bin")
    torch = os.path.join(root, "build/vllm/venv/bin")
    here = os.path.join(root, "tests/torture")
    return [
        program("node", run=["node", "-e", "console.log([1,2,3].map(x => x * x).join()); "
                             "require('child_process').execFileSync('true'); process.exit(9)"], expect="1,4,9"),
        program("node: workers", run=["node", "-e", "const {Worker, isMainThread} = require('worker_threads'); let n = 0; "
                                      "for (let i = 0; i < 4; i++) new Worker('require(\"worker_threads\").parentPort.postMessage(1)', "
                                      "{eval: true}).on('message', () => { if (++n == 4) console.log('four') })"], expect="four"),
        program("java", needs=["java"], run=["java", "-Xmx64m", "-XX:+UseSerialGC", "-version"], expect="Runtime"),
        program("python", run=["python3", "-c", "import subprocess, threading, multiprocessing as m\n"
                               "p = m.get_context('fork').Pool(2); print(p.map(abs, [-1, -2])); p.close(); p.join()\n"
                               "print(subprocess.run(['git', '--version'], stdout=-1, stderr=-2).stdout)"], expect="[1, 2]"),
        program("perl", run=["perl", "-e", "print join(',', map { fork() // die; wait; $_ } 1) . \"\\n\""], expect="1"),
        program("git", run=sh("git init -q r && cd r && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && "
                              "git log --format=%s"), expect="x"),
        program("make: jobs", run=sh("printf 'all: a b c\\n%%:\\n\\t@echo $@ >$@\\n' >Makefile; make -s -j3 all; cat a b c"), expect="c"),
        program("gdb", run=["gdb", "-q", "-batch", "-ex", "run", "-ex", "quit", "/bin/true"], differs=[r"process \d+",
                r"warning: .*\n", r"(?m)^\[Thread.*\n", r"(?m)^Using host.*\n"], expect="exited normally"),
        program("strace", run=["strace", "-f", "-o", "/dev/null", "sh", "-c", "true; exit 3"], expect=""),
        program("fakeroot", run=["fakeroot", "id", "-u"], expect="0"),
        program("capsh: drop", run=["capsh", "--drop=cap_sys_admin", "--", "-c", "grep CapBnd /proc/self/status"], expect="CapBnd"),
        program("capsh: a user", run=["capsh", "--user=nobody", "--", "-c", "id -u"], expect="65534"),
        program("numactl", run=["numactl", "--interleave=0", "sh", "-c", "echo ran"], expect="ran"),
        program("busybox", run=["busybox", "sh", "-c", "busybox id -u; busybox true"], expect="0"),
        program("redis", needs=["redis-server", "redis-cli"], run=[os.path.join(here, "walk_serve"), "redis"], expect="PONG"),
        program("nginx", needs=["nginx", "curl"], run=[os.path.join(here, "walk_serve"), "nginx"], expect="served"),
        program("gunicorn", needs=[f"{venv}/gunicorn", "curl"], run=[os.path.join(here, "walk_serve"), "gunicorn", venv],
                expect="served"),
        program("chromium", needs=["chromium"], run=[os.path.join(here, "walk_serve"), "chromium"], expect="walked"),
        program("PyInstaller: one file", needs=[f"{root}/build/walk/onefile"], run=[f"{root}/build/walk/onefile"], expect="one file"),
        program("torchrun", needs=[f"{torch}/torchrun"], run=[os.path.join(here, "walk_serve"), "torchrun", torch], expect="sum 3 2"),
        program("ray", needs=[f"{venv}/ray"], run=[os.path.join(here, "walk_serve"), "ray", venv], expect="sum 140 True"),
        compiled("musl", FREES, "-O1", "musl-gcc"),
        compiled("musl: static", FREES, "-O1 -static", "musl-gcc"),
        compiled("static", FREES, "-O1 -static"),
        compiled("static-pie", FREES, "-O1 -static-pie"),
        compiled("at a fixed address", FREES, "-O1 -no-pie -fno-pie"),
        compiled("32 bits", FREES, "-O1 -m32"),
        compiled("address sanitizer", FREES, "-O1 -fsanitize=address"),
        compiled("address sanitizer: finds it", WRONG, "-O1 -fsanitize=address 2>/dev/null"),
        compiled("thread sanitizer", FREES, "-O1 -fsanitize=thread"),
        compiled("undefined behaviour sanitizer", FREES, "-O1 -fsanitize=undefined"),
        compiled("leak sanitizer", FREES, "-O1 -fsanitize=leak"),
    ]


def rows(root, is_root):
    short = [dict(name=name, run=words, expect=expect, is_short=True) for name, words, expect, needs_root in SHORT
             if is_root or not needs_root]
    return short + programs(root)
