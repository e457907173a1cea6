"""The lists that the ledger shows: every name in them exists, and the check lets nothing else pass."""

from __future__ import annotations

import warnings
from functools import cache

import torch

from groundup.book.plan import PLAN
from groundup.proof import kind_of
from groundup.rules import vocabulary
from groundup.rules.locks import Locks, Place, Unlocked, locks_of, method

OWNERS = ("torch", "torch.Tensor", "torch.nn.functional", "torch.random")  # where twins of a word stand
ROWS = [lock for planned in PLAN for lock in planned.locks]
COVERED = {cover for lock in ROWS for cover in lock.covers}
MISSING = object()
END = Place(14)
OPENED = Locks({lock.name: Unlocked(Place(1), 1) for lock in ROWS})


@cache
def resolve(name: str) -> object:
    found: object = torch
    for part in name.removeprefix("torch").split(".")[1:]:
        found = getattr(found, part, MISSING)
    return found


def exists(name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return resolve(name) is not MISSING


def twins(word: str) -> set[str]:
    """Every full name that a word of the ledger stands for, as the page explains it."""
    if word.startswith("torch."):
        _, _, last = word.rpartition(".")
        return {word} | (twins(last) if word.rpartition(".")[0] in OWNERS else set())
    spelled = {word} if word.endswith("__") else {word.removesuffix("_"), f"{word.removesuffix('_')}_"}
    return {f"{owner}.{each}" for owner in OWNERS for each in spelled if exists(f"{owner}.{each}")}


def test_every_word_exists() -> None:
    for word in vocabulary.BASE | COVERED - {"@"}:
        if "(" not in word:
            assert any(map(exists, twins(word))), word
    for word in vocabulary.METHODS | vocabulary.COMMON:
        assert exists(f"torch.Tensor.{word}") or exists(f"torch.Tensor.{word}_"), word
    for name in vocabulary.NAMESPACES:
        assert exists(name), name


def test_nothing_is_both_base_and_locked() -> None:
    assert [lock.name for lock in ROWS if vocabulary.is_base(lock.name)] == []
    assert sorted((vocabulary.METHODS | vocabulary.COMMON | COVERED) & vocabulary.BASE) == []
    assert sorted(vocabulary.METHODS & vocabulary.COMMON) == []


def test_every_row_of_the_plan_frees_its_own_name() -> None:
    assert len({lock.name for lock in ROWS}) == len(ROWS)
    for lock in ROWS:
        for cover in lock.covers:
            assert lock in locks_of(cover), cover
    assert "(" not in "".join(vocabulary.BASE)


def test_the_plan_names_the_kind_of_proof_that_each_takes() -> None:
    for lock in ROWS:
        name = lock.name.partition("(")[0]
        assert kind_of(name, resolve(name)).name == lock.kind, name


def test_every_method_of_a_tensor_is_free_or_known_as_locked() -> None:
    """A method that the static check did not know would pass on any object."""
    words = [word for word in dir(torch.Tensor) if not word.startswith("_")]
    free = [word for word in words if vocabulary.is_base(f"torch.Tensor.{word}")]
    assert [word for word in words if word not in free and not method(word, of_tensor=True)] == []
    assert [word for word in free if method(word, of_tensor=True)] == []


def everything() -> set[str]:
    """Every full name that can be spelled: what the modules hold that may be imported, and what tensors do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {f"{owner}.{word}" for owner in {*vocabulary.NAMESPACES, *OWNERS} for word in dir(resolve(owner))}
        return {name for name in found if exists(name)} - vocabulary.NAMESPACES


def passing(locks: Locks) -> set[str]:
    return {name for name in everything() if not locks.why(name, END)}


def test_what_passes_is_on_the_ledger_and_nothing_else() -> None:
    base = set().union(*map(twins, vocabulary.BASE))
    freed = set().union(*map(twins, COVERED))
    assert sorted(passing(Locks({})) ^ base & everything()) == []
    assert sorted(passing(OPENED) ^ (base | freed) & everything()) == []


def test_each_lock_frees_what_its_row_says() -> None:
    base = set().union(*map(twins, vocabulary.BASE)) & everything()
    for lock in ROWS:
        freed = set().union(*map(twins, lock.covers)) & everything()
        opened = Locks({lock.name: Unlocked(Place(1), 1)})
        assert sorted(passing(opened) ^ (base | freed)) == [], lock.name


def test_the_ledgers_old_gaps_are_listed() -> None:
    listed = {*vocabulary.BASE, *COVERED}
    assert {"tensordot", "torch.linalg.multi_dot", "addbmm", "outer", "expand"} <= listed
