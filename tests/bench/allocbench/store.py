"""A folder of results: meta.json has the plan as it was named before the run, rounds.jsonl the complete rounds."""
from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import IO, Any

from . import VERSION
from .errors import BenchError, UsageError
from .machine import save_json


class Store:
    def __init__(self, folder: Path):
        self.folder, self.meta_file, self.rounds_file = folder, folder / "meta.json", folder / "rounds.jsonl"
        self._lock: IO | None = None

    def hold(self) -> None:
        """One run at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.folder / ".lock", "w", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"{self.folder}: another run is at work in it") from None

    def meta(self) -> dict[str, Any]:
        try:
            saved = json.loads(self.meta_file.read_text())
        except FileNotFoundError:
            raise UsageError(f"{self.folder} has no results: there is no meta.json in it") from None
        except ValueError as e:
            raise UsageError(f"{self.meta_file}: {e}") from None
        if saved.get("allocbench") != VERSION:
            raise UsageError(f"{self.meta_file}: of another version of allocbench; name a new folder")
        return saved

    def begin(self, plan: dict[str, Any], machine: dict[str, Any]) -> int:
        """The number of rounds that are there already; the plan must be the one that made them."""
        if not self.rounds():
            save_json(self.meta_file, {"allocbench": VERSION, "plan": plan, "machine": machine})
            return 0
        kept = self.meta()["plan"]
        differ = [key for key in plan if key != "rounds" and plan[key] != kept.get(key)]
        if differ:
            raise UsageError(f"{self.folder} has a run with other {', '.join(differ)}: name a new folder with -o, "
                             "or give what it was begun with")
        if plan["rounds"] != kept["rounds"]:
            save_json(self.meta_file, self.meta() | {"plan": plan})
        return len(self.rounds())

    def rounds(self) -> list[list[dict[str, Any]]]:
        """Only a line that is whole is a round; a run that was killed may leave the piece of one."""
        try:
            text = self.rounds_file.read_text(errors="replace")
        except FileNotFoundError:
            return []
        rounds = []
        for at, line in enumerate(text.split("\n")[:-1]):
            try:
                rounds.append(json.loads(line)["rows"])
            except (ValueError, KeyError, TypeError):
                raise BenchError(f"{self.rounds_file}: line {at + 1} is no round: take it away, or name a new folder") from None
        return rounds

    def add_round(self, number: int, rows: list[dict[str, Any]]) -> None:
        """Appended and on the disk, or the file is as it was."""
        line = (json.dumps({"round": number, "rows": rows}) + "\n").encode()
        with open(self.rounds_file, "ab") as out:
            whole = self._whole_length()
            os.ftruncate(out.fileno(), whole)
            try:
                out.write(line)
                out.flush()
                os.fsync(out.fileno())
            except OSError:
                try:
                    os.ftruncate(out.fileno(), whole)
                    out.close()
                except OSError:
                    pass
                raise

    def _whole_length(self) -> int:
        text = self.rounds_file.read_bytes()
        return text.rfind(b"\n") + 1

    def run_folder(self, number: int, arm: str) -> Path:
        """Empty: what an interrupted round has left there is no longer of use."""
        folder = self.folder / "runs" / f"{number + 1:03}-{arm}"
        if folder.exists():
            shutil.rmtree(folder)
        return folder


def explain(e: OSError, folder: Path) -> BenchError:
    if e.errno in (errno.ENOSPC, errno.EDQUOT):
        return BenchError(f"{e.filename or folder}: the disk is full; the complete rounds are kept: make room and run "
                          "the same command again")
    return BenchError(f"{e.filename or folder}: {e.strerror or e}")
