"""The mutants that hold the exercises' checks to their word."""

from __future__ import annotations

import pytest
from helpers.mutants import mutants

CHANGES = {
    "a - b": {"-(a - b)", "a + b", "(a)", "(b)", "(b) - (a)"},
    "a * 2.5": {"-(a * 2.5)", "a / 2.5", "(a)", "(2.5)", "a * 3.5", "a * 5.0"},
    "a[1]": {"-(a[1])", "a[2]", "a[0]"},
    "a.T": {"-(a.T)", "a"},
    "g(a, b)": {"g(b, a)"},
    "a < b": {"-(a < b)", "a <= b"},
}


@pytest.mark.parametrize("expression", CHANGES)
def test_what_is_changed(expression: str) -> None:
    assert set(mutants(f"return {expression}")) == set()  # no function: it does not compile
    found = mutants(f"def f(a, b, g):\n    return {expression}")
    assert set(found) == {f"return {change}" for change in CHANGES[expression]}
    for line, text in found.items():
        assert text == f"def f(a, b, g):\n    {line}"


def test_an_accumulation_is_left_out_and_made_in_place() -> None:
    assert "pass" in mutants("total = 0\nfor x in xs:\n    total += x")
    assert "x -= y" in mutants("def f(x, y):\n    x = x - y\n    return x")


@pytest.mark.parametrize(
    "kept",
    ['def f() -> "int":\n    """Two."""\n    g()', "import math", "raise ValueError('1 + 1')", "@g(1)\nclass A: ..."],
)
def test_what_no_check_reads_is_left_alone(kept: str) -> None:
    assert mutants(kept) == {}


def test_each_mutant_is_another_one() -> None:
    source = "def f(x, n=3):\n    return [x[i] * n + 1 for i in range(len(x)) if i != n]\n"
    texts = list(mutants(source).values())
    assert len(texts) > 8
    assert len({source, *texts}) == len(texts) + 1
