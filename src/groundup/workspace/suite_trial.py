"""The suite in a process of its own: `python -m groundup.workspace.suite_trial`, with a job on standard input.

Each line that it writes is one event, in JSON; `groundup.workspace.suite` reads them.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import inspect
import json
import os
import pickle
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from types import ModuleType
from typing import Any, TextIO

import hypothesis
import pytest

from groundup.rules.watch import LockedError, Watch, check_package_run
from groundup.workspace.reasons import (
    Hung,
    Missing,
    Unimportable,
    comparison,
    module_class,
    own_words,
    reason,
    spelt,
)
from groundup.workspace.suite_process import SUITE, Job

MODULE = re.compile(r'(?:module\("|book\.)(\w+)(?:"\))?(?:\.(\w+))?')
OPTIONS = [
    "-q",
    "--noconftest",
    "--import-mode=importlib",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:faulthandler",
]


class Suite:
    """A plugin of pytest: the suite's tests for one checkpoint, and an event for whatever happens to one."""

    def __init__(self, job: Job, watch: Watch, events: TextIO, log: TextIO) -> None:
        self.job, self.watch, self.events, self.log = job, watch, events, log
        self.asked: list[tuple[str, str, str]] = []  # module, name, the function that asked
        self.module_class = module_class(self.asked)

    def tell(self, **event: Any) -> None:
        print(json.dumps(event), file=self.events, flush=True)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        mark = metafunc.definition.get_closest_marker("since")
        if mark is not None:
            is_in = mark.args[0] <= self.job.number <= mark.kwargs.get("until", self.job.number)
            metafunc.parametrize("checkpoint", [self.checkpoint()] if is_in else [], ids=[""] if is_in else None)

    def checkpoint(self) -> Any:
        """The package as the suite asks for it."""
        from helpers.checkpoints import Checkpoint  # beside the suite

        suite, job, alias, module_class = self, self.job, self.job.package.alias, self.module_class

        class Readers(Checkpoint):
            def module(self, name: str) -> ModuleType:
                try:
                    with suite.importing(name):
                        module = super().module(name)
                except LockedError:
                    raise
                except ModuleNotFoundError as error:
                    for hung in {"__init__", (error.name or "").removeprefix(f"{alias}.")} & job.hung.keys():
                        raise Unimportable(name) from Hung(job.hung[hung])
                    if error.name == f"{alias}.{name}":
                        raise Missing(name, "") from None
                    raise Unimportable(name) from error
                except (Exception, SystemExit) as error:
                    raise Unimportable(name) from error
                module.__class__ = module_class
                return module

        return Readers(self.job.number)

    @contextmanager
    def importing(self, name: str) -> Iterator[None]:
        """For while a module is asked for: its import is told, and has a limit of its own."""
        if f"{self.job.package.alias}.{name}" in sys.modules:
            yield
            return
        self.tell(event="import", module=name)
        faulthandler.dump_traceback_later(self.job.import_seconds, exit=True, file=self.log)
        try:
            yield
        finally:
            faulthandler.dump_traceback_later(self.job.seconds, exit=True, file=self.log)
            self.tell(event="imported", module=name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.tell(event="broken", text=str(report.longrepr).strip().rpartition("\n")[2].removeprefix("E   "))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        from helpers.checkpoints import Checkpoint

        items[:] = [item for item in items if isinstance(_parameters(item).get("checkpoint"), Checkpoint)]
        self.tell(event="plan", tests=sorted({_test(item) for item in items}))
        items[:] = [item for item in items if item.nodeid not in self.job.done]
        sys.dont_write_bytecode = True  # nothing is left in the reader's folder

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.asked.clear()
        assert isinstance(item, pytest.Function)
        document = (item.function.__doc__ or "").partition("\n")[0]
        guess = MODULE.search(inspect.getsource(item.function))  # for the progress, and where a process is lost
        module, name = guess.groups("") if guess else ("", "")
        self.tell(event="begin", case=item.nodeid, test=_test(item), document=document, module=module, name=name)
        faulthandler.dump_traceback_later(self.job.seconds, exit=True, file=self.log)
        place = None if item.get_closest_marker("unwatched") else self.watch.place
        try:
            with self.watch.at(place):
                return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self.tell(event="end", case=item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        report = yield
        if report.failed and call.excinfo is not None:
            why = reason(call.excinfo.value, self.job.package)
            self.tell(event="failed", test=_test(item), asked=self.subject(item), **asdict(why))
        return report

    def subject(self, item: pytest.Item) -> tuple[str, str]:
        """The module and name that a test is about: the first that it asked for itself, or had asked for."""
        name = _test(item).rpartition("::")[2]
        by_itself = [(module, found) for module, found, function in self.asked if function == name]
        return (by_itself or [(module, found) for module, found, _ in self.asked] or [("", "")])[0]

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str]:
        return [comparison(op, left, right)]


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


def _test(item: pytest.Item) -> str:
    """A test without its parameters, as `test_checkpoints.py::test_mse_is_pytorchs`."""
    return f"{item.path.name}::{getattr(item, 'originalname', item.name)}"


def main() -> None:
    job: Job = pickle.load(sys.stdin.buffer)
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")  # what the package prints does not get between them
    os.dup2(2, 1)
    log = os.fdopen(os.dup(2), "w")
    found = importlib.util.find_spec(job.package.alias)
    assert found
    assert found.submodule_search_locations == [str(job.package.folder)], "nothing stands in"
    for module in job.hung:
        name = job.package.alias if module == "__init__" else f"{job.package.alias}.{module}"
        sys.modules[name] = None  # type: ignore[assignment]  # its import is refused
    tests = job.book.root / "tests"
    sys.path.insert(0, str(tests))
    phases = (
        hypothesis.Phase.explicit,
        hypothesis.Phase.generate,
    )  # the simplest come first, so it need not shrink them
    hypothesis.settings.register_profile("package", phases=phases, report_multiple_bugs=False)
    hypothesis.settings.load_profile("package")  # the suite's own profiles build on it
    pytest.raises = own_words(pytest.raises)  # the suite asks for it as it runs
    arguments = [*OPTIONS, "-c", os.devnull, f"--rootdir={tests}", *map(str, sorted(tests.glob(SUITE)))]

    def run(watch: Watch) -> None:
        pytest.main(arguments, plugins=[Suite(job, watch, events, log)])

    locked: list[str] = []
    try:
        check_package_run(job.book, job.locked, job.package.folder, job.number, run)
    except LockedError as error:  # also where the package has caught it, and gone on
        locked = [spelt(line, job.package) for line in str(error).splitlines()]
    print(json.dumps({"event": "over", "locked": locked}), file=events, flush=True)


if __name__ == "__main__":
    main()
