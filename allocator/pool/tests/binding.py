#!/usr/bin/env python3
"""liballocpool from Python, as far as this needs it: the shared library and the layout of the header's structs.

    binding.py LIBRARY
"""
import ctypes
import errno
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_long, c_size_t, c_uint32, c_uint64, c_void_p

KEY, STAMP, COUNTER, DIRTY = 1, 2, 4, 8
BY_AGE = 0
ROWS = 1000


class Config(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in ("size", "row_bytes", "alignment")] + [
        (name, c_uint32) for name in ("max_rows", "fields", "pages", "numa")] + [("nodes", c_uint64)] + [
        (name, c_uint32) for name in ("simd", "debug", "low_water", "reserved")] + [("on_low", c_void_p), ("argument", c_void_p)]


class View(ctypes.Structure):
    _fields_ = [("rows", c_void_p), ("stride", c_size_t), ("used", POINTER(c_uint64)), ("keys", POINTER(c_uint64)),
                ("stamps", POINTER(c_uint32)), ("counters", POINTER(c_uint32)), ("dirty", POINTER(c_uint64)),
                ("pinned", POINTER(c_uint64)), ("max_rows", c_uint32)]


class Query(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in ("by", "now", "age", "below")] + [
        ("score_below", c_double), ("score", c_void_p), ("argument", c_void_p), ("budget_ns", c_uint64)]


class Cursor(ctypes.Structure):
    _fields_ = [("word", c_uint32), ("done", c_uint32), ("pending", c_uint64)]


class Found(ctypes.Structure):
    _fields_ = [("key", c_uint64), ("row", c_uint32), ("seen", c_uint32)]


class Stats(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in ("live", "peak", "max_rows", "prepared", "high_water", "huge")] + [
        (name, c_uint64) for name in ("hugetlb_bytes", "reserved_bytes", "resident_bytes")] + [
        ("metadata_bytes", c_double), ("refused", c_uint64), ("moved", c_uint64), ("simd", c_char_p)]


ERASE = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Found), c_size_t)
ON_MOVE = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_uint32, c_uint64)


def must(condition: bool, what: str) -> None:
    if not condition:
        sys.exit(f"not so: {what}")


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    library.allocpool_get_view.restype = POINTER(View)
    library.allocpool_select.restype = library.allocpool_commit.restype = library.allocpool_compact.restype = c_long
    pool = c_void_p()
    config = Config(size=ctypes.sizeof(Config), row_bytes=256, max_rows=ROWS, fields=KEY | STAMP | COUNTER | DIRTY)
    must(library.allocpool_create(byref(config), byref(pool)) == 0, "create")
    view = library.allocpool_get_view(pool).contents
    must(view.stride == 256 and view.max_rows == ROWS and not view.pinned, "the view")

    keys = (c_uint64 * ROWS)(*range(5000, 5000 + ROWS))
    rows = (c_uint32 * ROWS)()
    must(library.allocpool_alloc_bulk(pool, keys, c_uint32(100), c_size_t(ROWS), rows) == 0, "alloc_bulk")
    table = dict(zip(keys, rows))
    for key, row in table.items():
        ctypes.memset(view.rows + row * view.stride, key % 256, view.stride)
        view.stamps[row] = 1 if key % 10 == 0 else 100

    erase = ERASE(lambda argument, batch, count: [table.pop(batch[i].key) for i in range(count)] and None)
    found, cursor = (Found * 64)(), Cursor()
    query = Query(by=BY_AGE, now=100, age=50, budget_ns=10**9)
    freed = 0
    while not cursor.done:
        count = library.allocpool_select(pool, byref(query), byref(cursor), found, c_size_t(64))
        freed += library.allocpool_commit(pool, byref(query), found, c_size_t(count), erase, None)
    must(freed == ROWS // 10 and len(table) == ROWS - freed, "a tenth is evicted, and taken out of the table")

    move = ON_MOVE(lambda argument, source, target, key: table.__setitem__(key, target))
    must(library.allocpool_compact(pool, c_size_t(ROWS), move, None) > 0, "compact")
    for key, row in table.items():
        bytes_there = ctypes.string_at(view.rows + row * view.stride, view.stride)
        must(view.keys[row] == key and bytes_there == bytes([key % 256]) * 256, f"row {row} is key {key}'s")
    stats = Stats()
    must(library.allocpool_get_stats(pool, byref(stats)) == 0, "stats")
    must(stats.live == len(table) and stats.moved > 0 and 16 < stats.metadata_bytes < 17, "what the figures say")
    must(library.allocpool_free(pool, c_uint32(ROWS - 1)) == -errno.ENOENT, "a double free is refused")
    must(library.allocpool_destroy(pool, c_int(0)) == -errno.EBUSY, "destroy with rows in use")
    must(library.allocpool_destroy(pool, c_int(1)) == 0, "destroy")
    print(f"{freed} evicted, {stats.moved} moved, {stats.simd.decode()}")


if __name__ == "__main__":
    main()
