"""The exercises of the book's chapters in a workspace: what is not started, what passes, what fails."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest
from helpers import exercises, trials
from helpers.books import BOOK

from groundup.chapter import parse
from groundup.notebooks import notebook
from groundup.rules import locked_in
from groundup.workspace.answers import answers
from groundup.workspace.pair import SCRIPT
from groundup.workspace.task import Outcome

NUMBER = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?(e[-+]?\d+)?")  # the random ones differ from run to run


@pytest.mark.parametrize("number", BOOK.chapters())
def test_stubs_are_not_started_and_solutions_are(number: int, tmp_path: Path) -> None:
    chapter = parse(BOOK.chapter(number))
    script = tmp_path / f"{chapter.stem}.py"
    node = notebook(chapter)
    script.write_text(jupytext.writes(node, fmt=SCRIPT), encoding="utf-8")
    started = {name: answer.is_started for name, answer in answers(script, chapter).items()}
    assert started == dict.fromkeys(chapter.exercises, False)
    for cell in node.cells:
        if "stub" in cell.metadata.get("tags", []):
            parts = chapter.exercises[cell.metadata["exercise"]].part("solution")
            cell.source = "\n\n".join(part.source for part in parts if part.is_code)
    text = jupytext.writes(node, fmt=SCRIPT)
    script.write_text(text, encoding="utf-8")
    found = answers(script, chapter)
    assert all(answer.is_started and answer.keeps_check for answer in found.values())
    last = list(found.values())[-1]  # `groundup lint` holds all of them to the rules
    assert locked_in(chapter, last.exercise, last.source, BOOK.checkpoint(number - 1), tmp_path / "mine") is None
    for part in (part for answer in found.values() for part in answer.parts):
        assert text.split("\n")[part.line - 1] == part.source.split("\n")[0], "the lines are the file's"


def test_the_pages_name_exercises_that_there_are() -> None:
    text = (BOOK.root / "docs" / "how-to-read.md").read_text(encoding="utf-8")
    named = re.findall(r"groundup check (\d+) (\w+)", text)
    assert len(named) >= 3
    assert [pair for pair in named if pair[1] not in parse(BOOK.chapter(pair[0])).exercises] == []


def test_what_is_needed_gives_the_same_as_the_whole_chapter(tmp_path: Path) -> None:
    found = trials.trials(tmp_path / "trials.json")
    amiss = {}
    for number in reversed(BOOK.chapters()):  # those that another process works just now come last
        whole = exercises.outcomes(number)
        assert {f"{name}: solution" for name in parse(BOOK.chapter(number)).exercises} <= found[number].keys()
        tried = found[number].items()
        amiss |= {(number, name): (came, whole[name]) for name, came in tried if not _alike(came, whole[name])}
    assert amiss == {}


def _alike(came: Outcome, whole: exercises.Outcome) -> bool:
    if whole.stage == "passed":
        return came.result == "passed"
    if whole.error != "AssertionError":
        unfinished = whole.error == "NotImplementedError" and came.result == "unfinished"
        return unfinished or (came.result in ("error", "failed") and whole.error in came.message)
    return came.result == "failed" and NUMBER.sub("#", came.message) == NUMBER.sub("#", whole.message)
