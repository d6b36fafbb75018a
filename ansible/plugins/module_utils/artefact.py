# SPDX-License-Identifier: Apache-2.0
"""What lies in an artefact of allocrun: a tarball, a Debian package, an RPM package, as allocrun-node takes them."""
from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import zlib

# How one begins: what it is, what makes a tar of it, what says its version. A package's own system knows best.
PACKAGES = {
    b"!<arch>\n": ("a Debian package", ["dpkg-deb", "--fsys-tarfile", "{}"], ["dpkg-deb", "--field", "{}", "Version"]),
    b"\xed\xab\xee\xdb": ("an RPM package", ["rpm2archive", "-"],
                          ["rpm", "-qp", "--nosignature", "--queryformat", "%{version}", "-"]),
}


class Broken(Exception):
    """One line: why nothing can be read from it."""


def find_package(path):
    """None: it is none."""
    with open(path, "rb") as file:
        start = file.read(8)
    return next((package for magic, package in PACKAGES.items() if start.startswith(magic)), None)


def ask(path, what, words):
    """It is the program's standard input as well: rpm takes a name for a pattern."""
    with open(path, "rb") as file:
        try:
            run = subprocess.run([word.replace("{}", os.path.abspath(path)) for word in words], stdin=file, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise Broken(f"{path}: is {what}, which wants {words[0]} to be unpacked, and that is not here: install it, or take "
                         "the tarball") from error
    if run.returncode != 0:
        said = run.stderr.decode(errors="replace").strip().splitlines() or [f"exit {run.returncode}"]
        raise Broken(f"{path}: {words[0]}: {said[0]}")
    return run.stdout


def find_file(path, pattern, source):
    """(the folder that pattern's group has, bytes)"""
    try:
        with tarfile.open(**source) as tar:
            for member in tar:
                found = re.fullmatch(pattern, member.name)
                if found and member.isfile():
                    return found[1], tar.extractfile(member).read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise Broken(f"{path}: no artefact of allocrun: {error}") from error
    raise Broken(f"{path}: no artefact of allocrun: it has no {pattern.rsplit('/', 1)[1]}")


def read_program(path, name):
    """(version, bytes of bin/NAME)"""
    package = find_package(path)
    if not package:
        return find_file(path, f"allocrun-([^/]+)/bin/{name}", {"name": path})
    what, to_tar, version = package
    dummy, data = find_file(path, f"([.]/)?usr/bin/{name}", {"fileobj": io.BytesIO(ask(path, what, to_tar))})
    return ask(path, what, version).decode(errors="replace").strip(), data
