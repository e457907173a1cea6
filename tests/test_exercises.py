"""For every exercise: the stub fails, the solution passes, wrong answers fail, classic ones by their own message."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.books import BOOK
from helpers.exercises import equivalents, mistakes, outcomes

from groundup.chapter import parse

FEWEST = 3  # classic mistakes to an exercise


@pytest.fixture(scope="module", params=BOOK.chapters())
def number(request: pytest.FixtureRequest) -> int:
    """Each chapter, for all tests before the next one: they share what `outcomes` has worked."""
    return request.param


def exercises(number: int) -> list[str]:
    return list(parse(BOOK.chapter(number)).exercises)


def test_the_chapter_runs_and_its_solutions_pass(number: int) -> None:
    found = outcomes(number)
    assert "" in found, f"the chapter did not come to its end: {list(found.items())[-1]}"
    assert found[""].stage == "passed", found[""]
    failed = {name: found.get(f"{name}: solution") for name in exercises(number)}
    assert {name: outcome for name, outcome in failed.items() if outcome is None or outcome.stage != "passed"} == {}


def test_every_stub_runs_and_its_check_fails(number: int) -> None:
    found = {name: outcomes(number)[f"{name}: stub"] for name in exercises(number)}
    assert {name: outcome for name, outcome in found.items() if outcome.stage != "check"} == {}


def test_every_classic_mistake_is_answered_by_its_own_message(number: int) -> None:
    wrong, found = mistakes(number), outcomes(number)
    messages = [str(cell.keys["message"]) for cell in wrong.values()]
    amiss = {}
    for name, cell in wrong.items():
        outcome = found[name]
        answering = [message for message in messages if message in outcome.message]
        if (outcome.stage, outcome.error) != ("check", "AssertionError") or answering != [cell.keys["message"]]:
            amiss[f"tests/mistakes/{number:02d}.py:{cell.line} {name}"] = outcome
    assert amiss == {}


def test_every_mutant_fails_or_is_said_to_be_equivalent(number: int) -> None:
    """`build/tests/exercises/NN.json` has the message that each mutant was answered with."""
    listed = {f"{exercise} ~ {line}" for exercise, lines in equivalents(number).items() for line in lines}
    found = {name: outcome for name, outcome in outcomes(number).items() if " ~ " in name}
    assert found, "no mutants"
    survived = {name for name, outcome in found.items() if outcome.stage == "passed"}
    assert sorted(survived - listed) == [], "these pass: mend the check, or list them with the reason"
    assert sorted(listed - survived) == [], "these are listed as equivalent, and fail or are no mutants"
    mute = {name for name, outcome in found.items() if outcome.error == "AssertionError" and not outcome.message}
    assert sorted(mute) == [], "an assert of the check has no message"


def test_every_exercise_has_mistakes(number: int) -> None:
    wrong = mistakes(number).values()
    counts = Counter(cell.exercise for cell in wrong)
    assert {name: counts[name] for name in exercises(number) if counts[name] < FEWEST} == {}
    assert set(counts) <= set(exercises(number)), "a wrong answer to an exercise that does not exist"
    assert len({cell.source for cell in wrong}) == len(wrong), "the same wrong answer twice"
    assert all(len(str(cell.keys["message"])) >= 8 for cell in wrong), "a message of a few letters matches anything"
