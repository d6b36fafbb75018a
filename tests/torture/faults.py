"""
An error in place of each system call of a launch, one at a time: the command is started as it was
asked for, or refused with 125 and one line. Never as root when --user was given, never half.
"""
import itertools
import pwd
import re
import os

from common import ALLOCRUN, CHILD, TEMPORARY, WORK, Run, at_once, environment, judge_allocator, judge_record

ERRORS = ["EPERM", "ENOMEM", "EIO", "EINTR", "ENOSYS", "EAGAIN", "EACCES", "EINVAL", "ENOENT", "EBUSY", "EMFILE", "ENOSPC"]
# Nothing comes back from these, or from these no error: the kernel has none to give.
WITHOUT = {"exit", "exit_group", "rt_sigreturn", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "umask"}
USER = "nobody"


def calls_of(command, env):
    """(name, the how-manieth of that name) for each call from main() on to the exec."""
    trace = TEMPORARY + "/trace"
    run = Run(["strace", "-o", trace, *command], env)
    with open(trace, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    os.unlink(trace)
    names = [m.group(1) for m in (re.match(r"(\w+)\(", line) for line in lines) if m]
    started = [i for i, line in enumerate(lines) if line.startswith("execve(") and line.endswith("= 0")]
    if not run.said() or len(started) != 2:
        raise RuntimeError(f"there is nothing to torture: {run.told()}")
    # The C library's own start ends with what makes its tables read-only.
    begin = names.index("mprotect") + 1
    seen, calls = {}, []
    for i, name in enumerate(names[:started[1] + 1]):
        seen[name] = seen.get(name, 0) + 1
        if i >= begin and name not in WITHOUT:
            calls.append((name, seen[name]))
    return calls


def judge_identity(said, user):
    """All of whom it should be."""
    uid, gid, groups, home = os.getuid(), os.getgid(), sorted(os.getgroups()), "/root"
    if user:
        entry = pwd.getpwnam(user)
        uid, gid, home = entry.pw_uid, entry.pw_gid, entry.pw_dir
        groups = sorted(os.getgrouplist(user, gid))
    found = sorted(int(group) for group in said["groups"].split())
    if said["uid"] != f"{uid} {uid} {uid}" or said["gid"] != f"{gid} {gid} {gid}":
        return f"it runs as UID {said['uid']}, GID {said['gid']}"
    if found != groups or said["HOME"] != home:
        return f"half of {user}: groups {found}, HOME {said['HOME']}"
    return None


def judge(run, name, user, tally):
    said = run.said()
    tally["started" if said else "refused"] += 1
    if said:
        return judge_identity(said, user) or judge_allocator(said) or judge_record(int(said["pid"]), said)
    if run.out:
        return f"it began, and did not end well: {run.told()}"
    # exec itself failed: then the command is one that cannot be executed.
    if run.status != 125 and not (name == "execve" and run.status in (126, 127)):
        return f"neither started nor refused: {run.told()}"
    is_one_line = run.err.count("\n") == 1 and run.err.startswith("allocrun: ")
    if not is_one_line and not (name in ("write", "writev") and not run.err):
        return f"not one line: {run.told()}"
    return None


def inject(command, env, user, tally, call, error):
    name, number = call
    run = Run(["strace", "-o", "/dev/null", "-e", f"trace={name}", "-e",
               f"inject={name}:error={error}:when={number}", *command], env)
    wrong = judge(run, name, user, tally)
    return wrong and f"{error} from {name}() number {number}: {wrong}"


def torture(count, n_errors):
    """n_errors: of ERRORS, how many at each call; which ones goes round."""
    forms = [
        ("", None, {}),
        (" with --user", USER, {}),
        (" with --user, and a preload that is tried", USER, {"LD_PRELOAD": f"{WORK}/foreign.so"}),
        (" with a preload that is tried", None, {"LD_PRELOAD": f"{WORK}/foreign.so"}),
    ]
    for words, user, variables in forms:
        command = [ALLOCRUN, *(["--user", user] if user else []), "--", CHILD]
        env = environment(**variables)
        calls = calls_of(command, env)
        errors = itertools.cycle(ERRORS)
        trials = [(call, next(errors)) for call in calls for _ in range(n_errors)]
        tally = {"started": 0, "refused": 0}
        count.part(f"errors in place of {len(calls)} system calls of a launch{words}",
                   at_once(lambda trial: inject(command, env, user, tally, *trial), trials, 4))
        print(f"#   {tally['started']} started, {tally['refused']} refused", flush=True)
