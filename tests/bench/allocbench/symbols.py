"""Where malloc lies in a glibc: its object file has no symbol of its own, but its neighbours have."""
from __future__ import annotations

import functools
import struct
from pathlib import Path

NAMES = {b"malloc", b"free", b"calloc", b"realloc", b"memalign", b"aligned_alloc", b"valloc", b"pvalloc", b"malloc_trim",
         b"malloc_usable_size", b"mallinfo", b"mallinfo2", b"malloc_stats", b"malloc_info", b"mallopt", b"__libc_malloc",
         b"__libc_free", b"__libc_calloc", b"__libc_realloc", b"__libc_memalign", b"posix_memalign", b"__libc_mallopt",
         b"__libc_valloc", b"__libc_pvalloc", b"__libc_mallinfo", b"cfree"}
DYNSYM, FUNCTION, INDIRECT, LOAD = 11, 2, 10, 1


@functools.cache
def functions(path: str) -> list[tuple[int, int, bytes]]:
    """(address, end, name) of what the file exports, in order; [] of what is no ELF file of 64 bit."""
    try:
        data = Path(path).read_bytes()
        if data[:5] != b"\x7fELF\x02":
            return []
        table, each, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + each * i) for i in range(count)]
        found = []
        for section in (s for s in sections if s[1] == DYNSYM):
            names = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 24):
                name, info, _, index, value, size = struct.unpack_from("<IBBHQQ", data, at)
                if info & 15 in (FUNCTION, INDIRECT) and index:
                    start = names + name
                    found.append((value, value + size, data[start:data.index(b"\0", start)]))
        return sorted(found)
    except (OSError, struct.error, ValueError, IndexError):
        return []


@functools.cache
def malloc_range(path: str) -> tuple[int, int]:
    """From the end of what is exported before malloc's own functions, which its internals follow, to the last of
    them: between them nobody else exports anything. (0, 0) when they are not found."""
    ours = [f for f in functions(path) if f[2] in NAMES]
    anchor = next((f for f in ours if f[2] == b"malloc"), None)
    if not anchor:
        return 0, 0
    others = [f for f in functions(path) if f[2] not in NAMES]
    above = min((f[0] for f in others if f[0] > anchor[0]), default=1 << 63)
    low = max((f[1] for f in others if f[0] < anchor[0]), default=0)
    return low, max(f[1] for f in ours if f[0] < above)


@functools.cache
def segments(path: str) -> list[tuple[int, int, int]]:
    """(offset in the file, size, address) of what is loaded."""
    try:
        data = Path(path).read_bytes()[:4096]
    except OSError:
        return []
    table, each, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    rows = [struct.unpack_from("<IIQQQQ", data, table + each * i) for i in range(count)]
    return [(row[2], row[5], row[3]) for row in rows if row[0] == LOAD]


def to_address(path: str, offset: int) -> int:
    return next((address + offset - start for start, size, address in segments(path) if start <= offset < start + size), 0)
