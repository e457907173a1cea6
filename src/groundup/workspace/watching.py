"""The reader's exercises checked whenever they are saved, until Ctrl-C."""

from __future__ import annotations

import time
from pathlib import Path

from groundup.book import BookError
from groundup.chapter import Exercise
from groundup.workspace.checking import Checking

LOOK = 0.3  # seconds between two looks at the files


def watch(checking: Checking, only: Exercise | None = None) -> None:
    """Check the answers that have changed, or that to one exercise, whenever the notebook or the script is saved."""
    tried: dict[str, str] = {}
    done, complaint = None, ""
    seen = _times(checking)
    while True:
        if seen != done:
            try:
                found = checking.answers(only)
                done, complaint = _times(checking), ""
                changed = {name: answer for name, answer in found.items() if tried.get(name) != answer.source}
                if changed:
                    checking.show(changed)
                tried |= {name: answer.source for name, answer in changed.items()}
            except (BookError, FileNotFoundError) as error:  # a file is gone, or half of it is there
                done = seen
                if str(error) != complaint:
                    complaint = str(error)
                    print(f"{complaint}\nwaiting for it", flush=True)
        before = seen
        while (seen := _times(checking)) == done or seen != before:  # until a save has come to its end
            before = seen
            time.sleep(LOOK)


def _times(checking: Checking) -> list[int]:
    """When the two files were written; 0 for one that is not there."""
    return [_time(path) for path in (checking.workspace.notebook, checking.workspace.script)]


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # not asked beforehand: an editor may take it away in between
        return 0
