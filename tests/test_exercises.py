"""For every exercise: the stub fails, the solution passes, and each classic wrong answer fails with its own message."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.books import BOOK
from helpers.exercises import mistakes, outcomes

from groundup.book import BookError
from groundup.chapter import parse


def _attempts() -> list:
    """Every attempt as a parameter. The group keeps a chapter's attempts in the process that runs the chapter."""
    found = []
    for number, path in BOOK.chapters().items():
        try:
            names = [f"{exercise}: {kind}" for exercise in parse(path).exercises for kind in ("stub", "solution")]
            names += mistakes(number)
        except BookError:
            names = []  # tests/test_chapters.py says what is wrong
        group = pytest.mark.xdist_group(f"chapter {number}")
        found += [pytest.param(number, name, marks=group, id=f"{number}: {name}") for name in ["", *sorted(names)]]
    return found


CHAPTERS = [pytest.param(n, marks=pytest.mark.xdist_group(f"chapter {n}")) for n in BOOK.chapters()]


@pytest.mark.parametrize(("number", "name"), _attempts())
def test_attempt(number: int, name: str) -> None:
    found = outcomes(number)
    assert name in found, f"not reached: {found}"
    outcome, kind = found[name], name.partition(": ")[2]
    if kind in ("", "solution"):
        assert outcome.stage == "passed", f"{outcome.error}: {outcome.message}"
    elif kind == "stub":
        assert outcome.stage == "check", f"a stub runs, and its check fails: {outcome}"
    else:
        assert (outcome.stage, outcome.error) == ("check", "AssertionError"), (
            f"a wrong answer's check asserts: {outcome}"
        )
        assert kind in outcome.message


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_mistake_has_a_message_of_its_own(number: int) -> None:
    wrong = mistakes(number)
    messages = [str(cell.keys["message"]) for cell in wrong.values()]
    for name, outcome in outcomes(number).items():
        if name in wrong:
            answering = [message for message in messages if message in outcome.message]
            assert answering == [wrong[name].keys["message"]], f"{name}: this is answered with {outcome.message!r}"


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_exercise_has_three_mistakes(number: int) -> None:
    wrong = mistakes(number).values()
    counts = Counter(cell.exercise for cell in wrong)
    exercises = parse(BOOK.chapter(number)).exercises
    assert {name: counts[name] for name in exercises if counts[name] < 3} == {}
    assert set(counts) <= set(exercises), "a wrong answer to an exercise that does not exist"
    assert len({cell.source for cell in wrong}) == len(wrong), "the same wrong answer twice"
    assert all(len(str(cell.keys["message"])) >= 8 for cell in wrong), "a message of a few letters matches anything"
