# SPDX-License-Identifier: Apache-2.0
"""A file system that stops to answer.

    silent.py MOUNT_POINT FOLDER SWITCH COMMAND...

Serves the files of FOLDER read-only at MOUNT_POINT and starts COMMAND. Once the file
SWITCH is there it takes what it is asked, and answers nothing any more; where the file says
for how many seconds, it answers after so many.
"""
import ctypes
import errno
import os
import stat
import struct
import sys
import time

LOOKUP, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, ACCESS, OPENDIR = 1, 3, 14, 15, 18, 25, 26, 34, 27
FORGET, BATCH_FORGET = 2, 42
ROOT = 1
KEEP_CACHE = 2

mount_point, folder, switch = sys.argv[1:4]
names = sorted(os.listdir(folder))
contents = [open(os.path.join(folder, name), "rb").read() for name in names]
device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)


def attributes(node):
    """struct fuse_attr; node 2 is the first file."""
    size = 0 if node == ROOT else len(contents[node - 2])
    mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o755
    return struct.pack("<6Q10I", node, size, size // 512 + 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(operation, node, body):
    """The body of the answer, or an error number."""
    if operation == INIT:
        return struct.pack("<4I2H2I2H7I", 7, 31, 65536, 0, 12, 9, 65536, 1, 16, 0, *[0] * 7)
    if operation == LOOKUP:
        name = body.rstrip(b"\0").decode()
        if name not in names:
            return errno.ENOENT
        found = names.index(name) + 2
        # Good for no time at all: each walk along a path asks anew.
        return struct.pack("<4Q2I", found, 0, 0, 0, 0, 0) + attributes(found)
    if operation == GETATTR:
        return struct.pack("<Q2I", 0, 0, 0) + attributes(node)
    if operation in (OPEN, OPENDIR):
        return struct.pack("<Q2I", 1, KEEP_CACHE, 0)
    if operation == READ:
        offset, size = struct.unpack_from("<QI", body, 8)
        return contents[node - 2][offset:offset + size]
    return b"" if operation in (RELEASE, FLUSH, ACCESS) else errno.ENOSYS


def patience():
    """Seconds before an answer; None: it never comes."""
    try:
        with open(switch) as file:
            return float(file.read())
    except FileNotFoundError:
        return 0.0
    except ValueError:
        return None


def serve():
    while True:
        try:
            request = os.read(device, 1 << 20)
        except OSError:
            return
        _, operation, unique, node = struct.unpack_from("<IIQQ", request)
        delay = patience()
        if operation in (FORGET, BATCH_FORGET) or delay is None:
            continue
        time.sleep(delay)
        body = answer(operation, node, request[40:])
        error, body = (-body, b"") if isinstance(body, int) else (0, body)
        os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"silent", mount_point.encode(), b"fuse", 0, options.encode()) != 0:
    sys.exit(f"{mount_point}: {os.strerror(ctypes.get_errno())}")
if os.fork() == 0:
    os.execvp(sys.argv[4], sys.argv[4:])
serve()
