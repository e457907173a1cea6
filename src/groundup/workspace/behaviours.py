"""Which behaviours of a checkpoint a package has, from the events of the suite's process."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

RULE = "the rule of the course"
WORDS = {"pytorchs": "PyTorch's", "autograds": "autograd's", "sgd": "SGD", "xaviers": "Xavier's"}
WORDS |= {
    "kaimings": "Kaiming's",
    "relu": "ReLU",
    "lsuv": "LSUV",
    "mnist": "MNIST",
    "nan": "NaN",
    "lr": "learning rate",
}


@dataclass(frozen=True)
class Failure:
    """A behaviour that a package does not have, or something that several of them miss.

    `module` is the one to look at, such as "losses" (no ".py"); "" where it is none of them. `behaviour` is a
    sentence, such as "losses.mse: refuses unequal sizes and says both" or "losses.mse is missing"; `message` says
    what came instead, or how many behaviours need it. `name` is the function or class that it is about, such as
    "mse"; "" where that is not known.
    """

    module: str
    behaviour: str
    message: str
    name: str = ""


@dataclass
class Findings:
    """What has come of the suite so far."""

    tests: list[str] = field(default_factory=list)
    tried: dict[str, dict[str, Any]] = field(default_factory=dict)  # by test, the last event that began it
    failed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by test, its cases
    done: set[str] = field(default_factory=set)  # cases
    broken: list[str] = field(default_factory=list)  # rules: lines that begin with a place
    hung: dict[str, str] = field(default_factory=dict)  # modules whose import has ended the process, and how
    is_over: bool = False

    @property
    def held(self) -> int:
        """How many behaviours the package has."""
        return len(self.tried.keys() - self.failed.keys())

    def add(self, event: dict[str, Any]) -> None:
        """Take in an event of `groundup.workspace.suite_process`."""
        match event:
            case {"event": "plan", "tests": tests}:
                self.tests = tests
            case {"event": "begin", "case": case, "test": test}:
                self.tried[test] = event
                self.done.add(case)
            case {"event": "failed", "test": test}:
                self.failed.setdefault(test, []).append(event)
                if event["about"] == "rule":
                    self.locked(event["message"].splitlines())
            case {"event": "lost", "message": message, "module": module, "importing": importing} if importing:
                self.hung[module or importing] = message
                lost = {"about": "import", "module": importing, "message": message}
                self.failed.setdefault([*self.tried][-1], []).append(lost)
            case {"event": "lost", "message": message, "module": module}:
                last = [*self.tried.values()][-1]
                asked = (last["module"] or module, last["name"])
                self.failed.setdefault(last["test"], []).append({"about": "", "asked": asked, "message": message})
            case {"event": "over", "locked": lines}:
                self.locked(lines)
                self.is_over = True

    def locked(self, lines: Iterable[str]) -> None:
        """Take in lines that break the rule, as `my_nn/losses.py:3 uses …`; the first for a place counts."""
        places = {_place(line) for line in self.broken}
        self.broken += [line for line in lines if _place(line) not in places]

    def failures(self) -> list[Failure]:
        """All that is wrong, by module; what several behaviours miss comes once, and first."""
        first = {test: events[0] for test, events in self.failed.items()}
        found = [*self._missing(first.values()), *self._unimportable(first.values())]
        said = " ".join(failure.message for failure in found)
        found += [each for each in self._rule(first.values()) if each.message.partition(": not Python")[0] not in said]
        for test, event in first.items():
            if not event["about"]:
                module, name = event["asked"]
                cases = len(self.failed[test])
                more = f", and {_count(cases - 1, 'case')} more" if cases > 1 else ""
                found.append(Failure(module, self._behaviour(test, module, name), event["message"] + more, name))
        if left := len({*self.tests} - self.tried.keys()):
            found.append(Failure("", f"{_count(left)} could not be tried", "mend the ones above first"))
        return sorted(found, key=lambda failure: (not failure.module, failure.module))

    def _rule(self, events: Iterable[dict[str, Any]]) -> Iterator[Failure]:
        stopped = Counter(_place(event["message"]) for event in events if event["about"] == "rule")
        for line in self.broken:
            there = stopped[_place(line)]
            stop = f" ({_count(there)} could not be tried to the end because of it)" if there else ""
            yield Failure(_module(line), RULE, line + stop)

    def _missing(self, events: Iterable[dict[str, Any]]) -> Iterator[Failure]:
        missing = Counter((event["module"], event["name"]) for event in events if event["about"] == "missing")
        for (module, name), count in missing.items():
            yield Failure(module, f"{module}{name and '.'}{name} is missing", _needed(count), name)

    def _unimportable(self, events: Iterable[dict[str, Any]]) -> Iterator[Failure]:
        """One for each thing that keeps modules from being imported, by the module that it is in."""
        modules: dict[str, list[str]] = {}
        for event in events:
            if event["about"] == "import":
                modules.setdefault(event["message"], []).append(event["module"])
        for message, names in modules.items():
            own = _module(message.rpartition(" (")[2])  # the place, after what the error itself may name
            module = own if own and own != "__init__" else names[0]
            yield Failure(module, f"{module} cannot be imported", f"{message}, and {_needed(len(names))}")

    def _behaviour(self, test: str, module: str, name: str) -> str:
        words = self.tried[test]["document"] or test.partition("::test_")[2].replace("_", " ")
        words = re.sub(rf"^{re.escape(name.replace('_', ' '))} ", "", words).rstrip(".") if name else words
        words = " ".join(WORDS.get(word, word) for word in words.split())
        words = words[:1].lower() + words[1:] if words[1:2].islower() or words[1:2] == " " else words
        return f"{module}{name and '.'}{name}: {words}" if module else words


def _count(count: int, noun: str = "behaviour") -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _needed(count: int) -> str:
    return f"{_count(count)} need{'s' if count == 1 else ''} it"


def _place(line: str) -> str:
    """`my_nn/losses.py:3`, where a line begins with such a place."""
    return re.match(r"(?:.*?\.py:\d+)?", line)[0]  # type: ignore[index]  # it always matches


def _module(text: str) -> str:
    """The name of the file that is named in a message, without its end."""
    found = re.search(r"(\w+)\.py\b", text)
    return found[1] if found else ""
