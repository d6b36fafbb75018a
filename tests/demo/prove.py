#!/usr/bin/env python3
"""Shows which allocator really serves malloc in every process of a tree.

    prove.py [--expect NAME|LIBRARY] [--format text|json] PID

Nothing is taken on trust from an environment or a file: the dynamic loader's own
list of loaded objects (DT_DEBUG -> r_debug -> link_map) is read from the memory of
the process, and the first object on it whose symbol table defines `malloc` is the
one that the loader binds every caller to.

With --expect it exits 0 only if that allocator (jemalloc, mimalloc, tcmalloc, glibc,
musl, or the path of a library) serves every process that has a dynamic libc, and at
least one; otherwise 1, naming the others. Without, 0. 2: there is no such process.
"""
import argparse
import functools
import json
import os
import signal
import struct
import sys
import time

PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR = 2, 3, 4, 6
DT_HASH, DT_STRTAB, DT_SYMTAB, DT_DEBUG, DT_GNU_HASH = 4, 5, 6, 21, 0x6FFFFEF5
AT_PHDR, AT_PHENT, AT_PHNUM = 3, 4, 5
SHT_SYMTAB, NT_GNU_BUILD_ID = 2, 3
LONGEST = 1 << 17
# What tells one allocator from another is what only its own library exports.
SIGNATURES = (("mallctl", "jemalloc"), ("mi_malloc", "mimalloc"), ("tc_malloc", "tcmalloc"),
              ("gnu_get_libc_version", "glibc"))
OPTIONS = ("narenas", "dirty_decay_ms", "muzzy_decay_ms", "background_thread", "oversize_threshold")
VARIABLES = ("LD_PRELOAD", "MALLOC_CONF")


class Unknown(Exception):
    """Could not be told; the text says why."""


class Memory:
    """The memory of another process."""

    def __init__(self, pid):
        self.file = open(f"/proc/{pid}/mem", "rb", buffering=0)

    def read(self, address, size):
        try:
            data = os.pread(self.file.fileno(), size, address)
        except (OSError, OverflowError):
            data = b""
        if len(data) != size:
            raise Unknown(f"no memory at {address:#x}")
        return data

    def unpack(self, form, address):
        return struct.unpack("<" + form, self.read(address, struct.calcsize("<" + form)))

    def text(self, address):
        """Up to the zero byte; page by page, as the next page may not be there."""
        data = b""
        while b"\0" not in data and len(data) < LONGEST:
            data += self.read(address + len(data), 4096 - (address + len(data)) % 4096)
        return data.split(b"\0")[0]


class Loaded:
    """One object of the link map: its symbols, as they lie in memory."""

    def __init__(self, memory, base, path, dynamic):
        self.memory, self.base, self.path = memory, base, path
        self.tags = dict(dynamic_entries(memory, dynamic))

    def table(self, tag):
        """glibc stores addresses here, musl and the kernel's vDSO offsets."""
        value = self.tags.get(tag, 0)
        return value + self.base if 0 < value < self.base else value

    def candidates(self, name):
        """Indices of the symbols that could be this one, by the object's hash table."""
        if not (table := self.table(DT_GNU_HASH)):
            if table := self.table(DT_HASH):
                yield from range(self.memory.unpack("2I", table)[1])
            return
        value = functools.reduce(lambda value, byte: (value * 33 + byte) & 0xFFFFFFFF, name, 5381)
        buckets, first, bloom, _shift = self.memory.unpack("4I", table)
        bucket_table = table + 16 + 8 * bloom
        index, = self.memory.unpack("I", bucket_table + 4 * (value % buckets)) if buckets else (0,)
        while index >= first and index:
            found, = self.memory.unpack("I", bucket_table + 4 * (buckets + index - first))
            if (found | 1) == (value | 1):
                yield index
            if found & 1:
                return
            index += 1

    def address_of(self, name):
        """Where this object defines the symbol, or None. Undefined entries do not count."""
        wanted = name.encode()
        symbols, strings = self.table(DT_SYMTAB), self.table(DT_STRTAB)
        for index in self.candidates(wanted):
            text, _info, _other, section, value = self.memory.unpack("IBBHQ", symbols + 24 * index)
            if section and self.memory.text(strings + text) == wanted:
                return self.base + value
        return None

    def allocator(self):
        for symbol, name in SIGNATURES:
            if self.address_of(symbol) is not None:
                return name
        base = os.path.basename(self.path)
        return "musl" if base.startswith(("ld-musl", "libc.musl")) or base == "libc.so" else base


def dynamic_entries(memory, address):
    for _ in range(512):
        tag, value = memory.unpack("QQ", address)
        if tag == 0:
            return
        yield tag, value
        address += 16


def program_headers(pid, memory):
    """{type: address} of the main program's segments."""
    with open(f"/proc/{pid}/auxv", "rb") as file:
        auxv = dict(struct.iter_unpack("<QQ", file.read()))
    if auxv.get(AT_PHENT) != 56:
        raise Unknown("not a 64-bit program")
    start = auxv[AT_PHDR]
    headers = {kind: address for kind, _flags, _offset, address in
               (memory.unpack("IIQQ", start + 56 * i) for i in range(auxv[AT_PHNUM]))}
    bias = start - headers[PT_PHDR] if PT_PHDR in headers else 0
    return {kind: bias + address for kind, address in headers.items()}


def link_map(pid, memory):
    """The loaded objects in the order in which symbols are looked up; [] if static."""
    headers = program_headers(pid, memory)
    if PT_DYNAMIC not in headers or PT_INTERP not in headers:
        return []
    debug = dict(dynamic_entries(memory, headers[PT_DYNAMIC])).get(DT_DEBUG, 0)
    entry, _hook, state = memory.unpack("QQI", debug + 8) if debug else (0, 0, 0)
    if not entry or state:
        raise Unknown("its loader is at work")
    objects = []
    while entry and len(objects) < 10000:
        base, name, dynamic, entry = memory.unpack("4Q", entry)
        objects.append(Loaded(memory, base, os.fsdecode(memory.text(name)), dynamic))
    return objects


def mapped_file(pid, address):
    """The file behind an address, as the kernel has it mapped: not the loader's word."""
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.rstrip("\n").split(maxsplit=5)
            low, high = (int(part, 16) for part in fields[0].split("-"))
            if low <= address < high:
                return fields[5] if len(fields) == 6 else ""
    return ""


def build_id(read):
    """Of an ELF image in memory or in a file; `read(offset, size)` reads it."""
    try:
        return "".join(build_ids(read))
    except (Unknown, struct.error):
        return ""


def build_ids(read):
    start, = struct.unpack("<Q", read(32, 8))
    size, count = struct.unpack("<HH", read(54, 4))
    for index in range(count):
        kind, _flags, at, _va, _pa, length = struct.unpack("<IIQQQQ", read(start + index * size, 40))
        # Notes lie in the first segment, at the same offset in the file and in memory.
        notes = read(at, length) if kind == PT_NOTE else b""
        while len(notes) > 12:
            name, length, kind = struct.unpack_from("<3I", notes)
            content = 12 + (name + 3 & ~3)
            if kind == NT_GNU_BUILD_ID and notes[12:16] == b"GNU\0":
                yield notes[content:content + length].hex()
            notes = notes[content + (length + 3 & ~3):]


def local_symbols(path, names, wanted_id):
    """{name: (value, size)} from the .symtab of a file, if it is that very build."""
    with open(path, "rb") as file:
        image = file.read()
    if not wanted_id or build_id(lambda at, size: image[at:at + size]) != wanted_id:
        return {}
    offset, = struct.unpack_from("<Q", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    sections = [struct.unpack_from("<IIQQQQII", image, offset + i * size) for i in range(count)]
    found = {}
    for at, length, strings in ((s[4], s[5], sections[s[6]][4]) for s in sections if s[1] == SHT_SYMTAB):
        for text, _i, _o, _section, value, bytes_ in struct.iter_unpack("<IBBHQQ", image[at:at + length]):
            name = image[strings + text:image.find(b"\0", strings + text)].decode("ascii", "replace")
            if name in names:
                found[name] = (value, bytes_)
    return found


def options_in_force(pid, serving, identity):
    """jemalloc's opt_* variables, read from the process: what it really runs with."""
    names = {"je_opt_" + option: option for option in OPTIONS}
    try:
        symbols = local_symbols(f"/proc/{pid}/root{serving.path}", names, identity)
    except (OSError, ValueError, struct.error, IndexError):
        return {}
    values = {}
    for name, (value, size) in symbols.items():
        data = serving.memory.read(serving.base + value, size)
        number = int.from_bytes(data, "little", signed=name.endswith("decay_ms"))
        values[names[name]] = ("false", "true")[number] if size == 1 and number < 2 else str(number)
    return {option: values[option] for option in OPTIONS if option in values}


def environment(memory, objects):
    """Through libc's `environ`: a server that sets its process title (vLLM does)
    overwrites the place that /proc/PID/environ shows."""
    at = next(filter(None, (o.address_of("environ") for o in objects)), 0)
    at, found = memory.unpack("Q", at)[0] if at else 0, {}
    while at and (entry := memory.unpack("Q", at)[0]):
        name, _, value = os.fsdecode(memory.text(entry)).partition("=")
        if name in VARIABLES:
            found[name] = value
        at += 8
    return found


def inspect(pid):
    """What serves malloc in one process, as a dictionary."""
    memory = Memory(pid)
    objects = link_map(pid, memory)
    if not objects:
        return {"allocator": "static", "why": "a static program brings its own malloc"}
    definers = [o for o in objects if o.address_of("malloc") is not None]
    if not definers:
        raise Unknown("no loaded object defines malloc")
    serving = definers[0]
    serving.path = mapped_file(pid, serving.address_of("malloc"))
    if not serving.path.startswith("/"):
        raise Unknown("the malloc that the loader found lies in no mapped file")
    name = serving.allocator()
    identity = build_id(lambda at, size: memory.read(serving.base + at, size))
    others = [o.allocator() for o in definers[1:]]
    variables = environment(memory, objects)
    in_force = options_in_force(pid, serving, identity) if name == "jemalloc" else {}
    said = variables.get("MALLOC_CONF", "") if name == "jemalloc" else ""
    return {"allocator": name, "library": serving.path, "build_id": identity,
            "also_mapped": [o for o in others if o not in ("glibc", "musl") and not o.startswith("ld-")],
            "options": in_force or dict(p.partition(":")[::2] for p in said.split(",") if p),
            "options_from": "in force" if in_force else "from its environment",
            "environment": variables}


def prove(pid):
    """inspect(), with refusals put into words. None if the process is gone."""
    result, why = {"pid": pid, "role": "?", "rss_kb": 0}, ""
    for _attempt in range(20):
        try:
            result.update(describe(pid))
            return {**result, **inspect(pid)}
        except (FileNotFoundError, ProcessLookupError):
            return None
        except PermissionError:
            why = "may not be read by this user (try as root)"
            break
        except (Unknown, OSError, struct.error) as error:
            why = str(error)
        # Between exec and the loader's last steps there is nothing to see yet.
        time.sleep(0.05)
        if pid not in parents():
            return None
    return {**result, "allocator": "unknown", "why": why}


def parents():
    """{pid: parent} of every process that is not a zombie."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in (b"Z", b"X"):
            found[int(name)] = int(parent)
    return found


def tree(root):
    """Root and its descendants, parents first."""
    known = parents()
    found = [root] if root in known else []
    for pid in found:
        found += sorted(child for child, parent in known.items() if parent == pid)
    return found


def prove_tree(root):
    """Looks again until no new process has turned up while it was looking."""
    results = {}
    while new := [pid for pid in tree(root) if pid not in results]:
        results.update((pid, prove(pid)) for pid in new)
    return [result for result in results.values() if result]


def describe(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = [word.strip() for word in os.fsdecode(file.read()).split("\0") if word.strip()]
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return {"pid": pid, "role": role(words), "rss_kb": pages * os.sysconf("SC_PAGE_SIZE") // 1024}


def role(words):
    """A short name for what a process is for, from its command line."""
    for part, name in (("multiprocessing.resource_tracker", "resource tracker"),
                       ("multiprocessing.spawn", "spawned worker")):
        if part in " ".join(words):
            return name
    names = [os.path.basename(word) for word in words] or ["?"]
    if len(names) > 1 and names[0].startswith("python") and not names[1].startswith("-"):
        names.pop(0)
    return "API server" if names[:2] == ["vllm", "serve"] else printable(names[0])[:40]


def printable(text):
    """A process names itself as it likes; a terminal must not obey it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def is_expected(result, expect):
    if "/" in expect:
        return os.path.realpath(expect) == os.path.realpath(result.get("library", ""))
    return result["allocator"] == expect


def note(notes, text):
    """The index of a footnote, added when it is new."""
    if text not in notes:
        notes.append(text)
    return notes.index(text)


def as_table(results):
    libraries, options, remarks = [], [], []
    rows = [("PID", "ROLE", "MALLOC SERVED BY", "OPTIONS", "RSS MB")]
    for result in results:
        served, chosen = result["allocator"], "-"
        if "library" in result:
            text = f"{result['library']}  build ID {result['build_id'] or 'none'}"
            served += f" [{note(libraries, text) + 1}]"
        if result.get("options"):
            text = ",".join(f"{key}:{value}" for key, value in result["options"].items())
            chosen = f"{result['options_from']} [{chr(97 + note(options, text))}]"
        why = [result.get("why")] + [f"{name} is mapped too" for name in result.get("also_mapped", ())]
        remarks += [f"{result['pid']}: {text}" for text in why if text]
        rows.append((str(result["pid"]), result["role"], served, chosen, str(result["rss_kb"] // 1024)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [f"{p:>{widths[0]}}  {r:<{widths[1]}}  {s:<{widths[2]}}  {o:<{widths[3]}}  {m:>{widths[4]}}"
             for p, r, s, o, m in rows]
    lines += [f"[{number}] {printable(text)}" for number, text in enumerate(libraries, 1)]
    lines += [f"[{chr(97 + number)}] {printable(text)}" for number, text in enumerate(options)]
    return "\n".join(lines + [printable(text) for text in remarks])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--expect", metavar="NAME|LIBRARY")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("pid", type=int, metavar="PID")
    arguments = parser.parse_args()
    results = prove_tree(arguments.pid)
    if not results:
        print(f"prove.py: no process {arguments.pid}", file=sys.stderr)
        return 2
    print(json.dumps(results, indent=1) if arguments.format == "json" else as_table(results))
    if arguments.expect is None:
        return 0
    # Unknown is never good enough.
    wrong = [r for r in results if r["allocator"] != "static" and not is_expected(r, arguments.expect)]
    for result in wrong:
        print(f"prove.py: {result['role']} ({result['pid']}) is served by {result['allocator']}, "
              f"not {arguments.expect}", file=sys.stderr)
    if all(result["allocator"] == "static" for result in results):
        print("prove.py: nothing to prove: every program there is static", file=sys.stderr)
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
