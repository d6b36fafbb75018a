#!/usr/bin/env python3
"""Python wheels of the tarballs: pip puts the tree into an environment's prefix.

    launcher/package/wheel.py TARBALL... FOLDER

allocrun-VERSION-MACHINE-LIBC.tar.gz becomes FOLDER/allocrun-VERSION-py3-none-TAG.whl. bin/ goes by
the wheel's scripts, all else by its data (PEP 427), so what lies in PREFIX is the tarball's tree, and
no line of Python is needed to run it. Licences and the bill of materials also lie where
tools for wheels look: dist-info/licenses (PEP 639) and dist-info/sboms (PEP 770).

The tags name the oldest system that the tree was made for. auditwheel finds them right, but for the
instruction set (--disable-isa-ext-check): builds for x86-64-v2 are left out by the launcher itself where
the CPU has less.
The extra "bench" is what allocbench needs of Python.
The same tarball gives the same bytes: names are sorted, times are the tarball's.
"""

import base64
import hashlib
import io
import json
import re
import sys
import tarfile
import time
import zipfile
from pathlib import Path

# PEP 600 and PEP 656. The builds ask for less than these; allocator/tests holds them to it.
PLATFORMS = {"glibc": "manylinux_2_28", "musl": "musllinux_1_2"}
DOCUMENTS = "share/doc/allocrun/"
SUMMARY = "Start an inference server with the right memory allocator, on the right NUMA nodes"
DESCRIPTION = """\
# allocrun

    pip install allocrun
    allocrun -- vllm serve MODEL
    allocrun --check --all

A launcher that looks at the machine, preloads a tuned jemalloc or mimalloc that it brings, binds to the
right NUMA nodes and executes the server; an audit proves that it works. The launcher is one static
executable. `man -M "$(python3 -c 'import sys; print(sys.prefix)')/share/man" allocrun` has the manual.
"""


def read_tarball(path):
    """Names below the top folder: (bytes, is it executable)."""
    with tarfile.open(path) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        files = {m.name.split("/", 1)[1]: (tar.extractfile(m).read(), bool(m.mode & 0o111)) for m in members}
        return files, max(member.mtime for member in members)


def place(name, data):
    folder, _, rest = name.partition("/")
    return f"{data}/scripts/{rest}" if folder == "bin" else f"{data}/data/{name}"


def licence_of(bill):
    """Of the tree as a whole: what its components declare."""
    declared = {package["licenseDeclared"] for package in json.loads(bill)["packages"]}
    return " AND ".join(f"({word})" if " OR " in word else word for word in sorted(declared))


def metadata(version, licence, licences, bench):
    fields = [
        ("Metadata-Version", "2.4"),
        ("Name", "allocrun"),
        ("Version", version),
        ("Summary", SUMMARY),
        ("License-Expression", licence),
        *(("License-File", name) for name in licences),
        ("Keywords", "jemalloc,mimalloc,malloc,numa,hugepages,inference,vllm"),
        ("Classifier", "Environment :: Console"),
        ("Classifier", "Operating System :: POSIX :: Linux"),
        ("Classifier", "Topic :: System :: Systems Administration"),
        ("Provides-Extra", "bench"),
        *(("Requires-Dist", f"{pin}; extra == 'bench'") for pin in bench),
        ("Description-Content-Type", "text/markdown"),
    ]
    return "".join(f"{key}: {value}\n" for key, value in fields) + "\n" + DESCRIPTION


def wheel_files(files, version, tag):
    """All that the wheel has but its RECORD, in order: the dist-info last, as PEP 427 asks."""
    info, data = f"allocrun-{version}.dist-info", f"allocrun-{version}.data"
    licences = {name[len(DOCUMENTS + "licenses/"):]: name for name in sorted(files)
                if name.startswith(DOCUMENTS + "licenses/")}
    # Units are a machine's, not an environment's; and a node is changed by its tarball: pip changes its environment itself.
    own = {name: content for name, content in files.items()
           if name != "SHA256SUMS" and "allocrun-node" not in name and not name.startswith(("lib/systemd/", "lib/tmpfiles.d/"))}
    ordered = {place(name, data): own[name] for name in sorted(own)}
    for short, name in licences.items():
        ordered[f"{info}/licenses/{short}"] = (files[name][0], False)
    bill = files[DOCUMENTS + "allocrun.spdx.json"][0]
    ordered[f"{info}/sboms/allocrun.spdx.json"] = (bill, False)
    bench = files["share/allocrun/allocbench/requirements.in"][0].decode().split()
    ordered[f"{info}/METADATA"] = (metadata(version, licence_of(bill), licences, bench).encode(), False)
    wheel = f"Wheel-Version: 1.0\nGenerator: allocrun\nRoot-Is-Purelib: false\nTag: {tag}\n"
    ordered[f"{info}/WHEEL"] = (wheel.encode(), False)
    return ordered, f"{info}/RECORD"


def record_line(name, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def pack(files, record, seconds):
    lines = "".join(record_line(name, content) for name, (content, _) in files.items()) + f"{record},,\n"
    files = {**files, record: (lines.encode(), False)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, (content, is_executable) in files.items():
            entry = zipfile.ZipInfo(name, time.gmtime(seconds)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if is_executable else 0o100644) << 16
            archive.writestr(entry, content)
    return packed.getvalue()


def make_wheel(tarball, folder):
    named = re.fullmatch(r"allocrun-(.+)-([a-z0-9_]+)-(glibc|musl)\.tar\.gz", tarball.name)
    if not named:
        sys.exit(f"wheel.py: {tarball}: not named as launcher/package/tarballs names them")
    version, machine, libc = named.groups()
    tag = f"py3-none-{PLATFORMS[libc]}_{machine}"
    files, seconds = read_tarball(tarball)
    wheel = folder / f"allocrun-{version}-{tag}.whl"
    scratch = folder / f".{wheel.name}"
    scratch.write_bytes(pack(*wheel_files(files, version, tag), seconds))
    scratch.rename(wheel)
    print(f"==> {wheel}")


def main():
    if len(sys.argv) < 3 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    for tarball in sys.argv[1:-1]:
        make_wheel(Path(tarball), Path(sys.argv[-1]))


if __name__ == "__main__":
    main()
