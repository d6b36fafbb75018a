#!/usr/bin/env python3
"""Writes what the table of checks says into allocrun-check(7).

    launcher/man/checks.py PROGRAM PAGE            renews PAGE
    launcher/man/checks.py --compare PROGRAM PAGE  prints what would change; 1 if anything would

PROGRAM is an allocrun that runs on this machine; it prints the table. Each check has a
section (.Ss) of its name, and at its beginning a block between two comments: title, what is
good, why, fix. The block belongs to this script, all other lines to whoever writes the page.
"""
import difflib
import json
import re
import subprocess
import sys
import textwrap

BEGIN = '.\\" From the table of checks, by make manual-checks:'
END = '.\\" up to here.'
# What the formatters would turn into typographic signs, and nobody could paste into a shell.
SIGNS = {"\\": "\\e", "-": "\\-", "'": "\\(aq", '"': "\\(dq", "`": "\\(ga", "~": "\\(ti", "^": "\\(ha"}


def lines_of(text):
    """mdoc lines for a text of the table: each sentence begins a new one."""
    lines = []
    for sentence in re.split(r"(?<=[.]) (?=[A-Z])", text):
        escaped = "".join(SIGNS.get(letter, letter) for letter in sentence)
        lines += textwrap.wrap(escaped, 90, break_long_words=False, break_on_hyphens=False)
    return ["\\&" + line if line.startswith(".") else line for line in lines]


def block_of(check):
    block = [BEGIN, '.Bl -tag -width "Looks at" -compact']
    for name, key in (("Looks at", "title"), ("Expected", "expected"), ("Why", "why"), ("Fix", "fix")):
        block += [f".It {name}"] + lines_of(check[key])
    return block + [".El", ".Pp", END]


def without_blocks(lines):
    """The page as somebody has written it."""
    kept, is_inside = [], False
    for number, line in enumerate(lines, 1):
        if line in (BEGIN, END):
            if is_inside == (line == BEGIN):
                sys.exit(f"line {number}: this comment has no partner: {line}")
            is_inside = line == BEGIN
        elif not is_inside:
            kept.append(line)
    if is_inside:
        sys.exit(f"the last block has no end: {END}")
    return kept


def renewed(lines, checks):
    blocks = {f".Ss {check['section']}": block_of(check) for check in checks}
    page = []
    for line in without_blocks(lines):
        page += [line] + blocks.pop(line, [])
    if blocks:
        sys.exit("checks that have no section: " + ", ".join(title.removeprefix(".Ss ") for title in blocks))
    return page


def main(arguments):
    is_comparing = arguments[:1] == ["--compare"]
    if len(arguments) != 2 + is_comparing:
        sys.exit(__doc__)
    program, path = arguments[-2:]
    table = subprocess.run([program, "--check", "--list-checks", "--format", "json"], check=True, capture_output=True)
    with open(path, encoding="utf-8") as file:
        old = file.read().splitlines()
    new = renewed(old, json.loads(table.stdout)["checks"])
    if is_comparing:
        difference = list(difflib.unified_diff(old, new, path, "the table of checks", lineterm=""))
        print(*difference, sep="\n", end="\n" if difference else "")
        return 1 if difference else 0
    if new != old:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(new) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
