"""Whether an object of the live chapter is the one that the checkpoint has under its name."""

from __future__ import annotations

import builtins
import enum
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, MappingProxyType, MemberDescriptorType, ModuleType
from typing import Any

from groundup.live.code import InnerImports, globals_read, rebinds, same_code
from groundup.live.kinds import (
    MISSING,
    PARTS,
    attributes,
    both,
    content,
    is_book,
    is_definition,
    is_state,
    is_value,
    key,
    members,
    names,
    paired,
    values_differ,
)  # fmt: skip

LARGEST = 1000  # items of a container that are compared one by one
MOST = 50_000  # comparisons in all


class Different(Exception):
    """Two objects differ: on which way from the first, and how."""

    def __init__(self, way: list[tuple[str, Any]], how: str) -> None:
        super().__init__(how)
        self.way = way  # the names, and the objects of the live chapter
        self.how = how


class Comparison:
    """Compares objects of the live chapter with those of the checkpoint; what it cannot compare it takes for equal."""

    def __init__(self, inner: InnerImports, dropped: set[str], rebound: set[str]) -> None:
        self.inner = inner
        self.dropped = dropped  # members as "Class.name" that the checkpoint has no more
        self.rebound = rebound  # names that functions of the checkpoint declare global
        self.way: list[tuple[str, Any]] = []
        self.seen: dict[tuple[int, int], tuple[Any, Any]] = {}  # the objects too, so that no other takes their place

    def compare(self, name: str, live: Any, made: Any) -> Different | None:
        """The first difference."""
        self.way = []
        try:
            self.at(name, live, made)
        except Different as different:
            return different
        return None

    @contextmanager
    def step(self, label: str, live: Any) -> Iterator[None]:
        self.way.append((label, live))
        try:
            yield
        finally:
            self.way.pop()

    def at(self, label: str, live: Any, made: Any) -> None:
        name = label.rpartition(".")[2]
        if label in self.rebound or (name.startswith("_") and not name.startswith("__") and not is_definition(live)):
            return  # what a program keeps for itself changes as it runs
        with self.step(label, live):
            self.same(live, made)

    def differ(self, how: str) -> None:
        raise Different([*self.way], how)

    def same(self, live: Any, made: Any) -> None:
        if live is made or (id(live), id(made)) in self.seen or len(self.seen) > MOST:
            return
        if not isinstance(live, int | float | str | bytes | None):  # Python has each number and text only once
            self.seen[id(live), id(made)] = (live, made)
        try:
            self._same(live, made)
        except Different:
            raise
        except Exception:  # an odd object, such as one whose == raises
            return

    def _same(self, live: Any, made: Any) -> None:
        if isinstance(live, FunctionType) and isinstance(made, FunctionType):
            return self.functions(live, made)
        if isinstance(live, type) and isinstance(made, type):
            return self.classes(live, made)
        if type(live) is not type(made):
            if not (is_book(type(live)) and is_book(type(made))):
                self.differ(both(live, made))
            self.same(type(live), type(made))
        if is_state(live):
            return None
        for kind, parts in PARTS:
            if isinstance(live, kind):
                for part in parts:
                    self.same(getattr(live, part, None), getattr(made, part, None))
                return None
        if isinstance(live, ModuleType | MemberDescriptorType):
            return None if live.__name__ == made.__name__ else self.differ(both(live, made))
        if hasattr(live, "__origin__") or type(live).__name__ == "UnionType":  # list[Leaf], Leaf | None
            self.same(getattr(live, "__origin__", None), getattr(made, "__origin__", None))
            return self.same(live.__args__, made.__args__)
        if isinstance(live, enum.Enum):
            return self.same((live.name, live.value), (made.name, made.value))
        if isinstance(live, Mapping | MappingProxyType):
            return self.mappings(live, made, lambda key: f"{self.way[-1][0]}[{key!r}]")
        if isinstance(live, set | frozenset):
            known = all(is_value(each) or isinstance(each, type) for each in live)
            equal = not known or {*map(key, live)} == {*map(key, made)}
            return None if equal else self.differ(both(live, made))
        if isinstance(live, list | tuple):
            return self.sequences(live, made)
        if is_value(live):
            how = values_differ(live, made)
            return self.differ(how) if how else None
        return self.mappings(attributes(live), attributes(made), lambda name: f"{self.way[-1][0]}.{name}")

    def functions(self, live: FunctionType, made: FunctionType) -> None:
        code = self.inner.code(made)
        if not same_code(live.__code__, code):
            self.differ("its code is another")
        arguments = live.__code__.co_varnames[: live.__code__.co_argcount]
        for position, (one, two) in enumerate(paired(live.__defaults__, made.__defaults__), 1):
            label = arguments[-position] if position <= len(arguments) else "…"
            self.at(f"{self.way[-1][0]}({label}=…)", one, two)
        self.mappings(live.__kwdefaults__ or {}, made.__kwdefaults__ or {}, lambda name: f"{self.way[-1][0]}({name}=…)")
        self.mappings(vars(live), vars(made), lambda name: f"{self.way[-1][0]}.{name}")
        cells = dict(zip(made.__code__.co_freevars, made.__closure__ or (), strict=True))
        for name, cell in zip(live.__code__.co_freevars, live.__closure__ or (), strict=True):
            if name in cells and not rebinds(live.__code__):
                self.at(name, content(cell), content(cells[name]))
        if live.__globals__ is not made.__globals__:
            for name in dict.fromkeys(globals_read(live.__code__)):
                if not name.startswith("__"):
                    self.read(name, live, made)

    def read(self, name: str, live: FunctionType, made: FunctionType) -> None:
        """One global name that both functions read."""
        own = getattr(builtins, name, MISSING)
        one, two = live.__globals__.get(name, own), self.inner.find(made, name, own)
        if one is MISSING and two is not MISSING:
            with self.step(name, one):
                self.differ("the chapter does not have it, the checkpoint has: import it")
        self.at(name, one, two)

    def classes(self, live: type, made: type) -> None:
        if not (is_book(live) and is_book(made)) or live.__name__ != made.__name__:
            self.differ(both(live, made))
        self.same(type(live), type(made))
        if names(live.__bases__) != names(made.__bases__):
            self.differ(f"its bases are {names(live.__bases__)} here and {names(made.__bases__)} there")
        for one, two in zip(live.__bases__, made.__bases__, strict=True):
            self.at(one.__name__, one, two)
        label = lambda name: f"{live.__name__}.{name}"  # noqa: E731 (used for all three)
        for part in ("__dataclass_fields__", "__members__"):
            self.mappings(getattr(live, part, {}), getattr(made, part, {}), label)
        params = [repr(getattr(each, "__dataclass_params__", None)) for each in (live, made)]
        if params[0] != params[1]:
            self.differ(f"{params[0]} here, {params[1]} there")
        theirs = members(made, set())
        ours = members(live, self.dropped - {f"{made.__name__}.{name}" for name in theirs})
        self.mappings(ours, theirs, label)

    def mappings(self, live: Any, made: Any, label: Callable[[Any], str]) -> None:
        if len(live) > LARGEST and len(live) == len(made):
            return
        there = {key(name): value for name, value in made.items()}
        for name, value in live.items():
            if key(name) in there:
                self.at(label(name), value, there.pop(key(name)))
            else:
                with self.step(label(name), value):
                    self.differ("only the live chapter has it")
        for name in made:
            if key(name) in there:
                with self.step(label(name), MISSING):
                    self.differ("only the checkpoint has it")

    def sequences(self, live: Any, made: Any) -> None:
        if len(live) != len(made):
            self.differ(f"{len(live)} items here, {len(made)} there")
        for number, (one, two) in enumerate(zip(live[:LARGEST], made[:LARGEST], strict=True)):
            self.at(f"{self.way[-1][0]}[{number}]", one, two)
