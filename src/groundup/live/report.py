"""What differs between a chapter that has run and its checkpoint, with the lines of both."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from groundup.live.code import InnerImports
from groundup.live.kinds import MISSING
from groundup.live.same import Comparison

GLOBAL = re.compile(r"(?m)^\s+global (.+)$")


def report(
    namespace: Mapping[str, Any], package: str, folder: str, exported: dict[str, list], dropped: list[str], path: str
) -> None:
    """Write what differs to the file `path`, as a list of lines of the chapter and texts.

    `exported` gives for each name, and each `Class.method` of an `@extend`, its module and its line. `folder` is where
    the checkpoint `package` is.
    """
    found = differences(namespace, package, Path(folder), exported, {*dropped})
    Path(path).write_text(json.dumps(found), encoding="utf-8")


def differences(
    namespace: Mapping[str, Any], package: str, folder: Path, exported: dict[str, list], dropped: set[str]
) -> list[tuple[int, str]]:
    """What differs, by the chapter's lines."""
    modules: dict[str, ModuleType] = {}
    sources: dict[str, str] = {}
    for file in sorted(folder.glob("[!_.]*.py")):
        name = f"{package}.{file.stem}"
        sources[name] = file.read_text(encoding="utf-8")
        try:
            modules[name] = importlib.import_module(name)
        except Exception as error:
            return [_not_imported(error, folder, exported)]
    rebound = {name for source in sources.values() for line in GLOBAL.findall(source) for name in line.split(", ")}
    comparison = Comparison(InnerImports(list(modules.values()), sources), dropped, rebound)
    places = {name: _places(source) for name, source in sources.items()}
    owners = dict.fromkeys(each.partition(".")[0] for each in exported)
    found: dict[str, tuple[int, str]] = {}
    for name in owners:
        module, _ = _home(name, package, exported)
        live, made = namespace.get(name, MISSING), getattr(modules.get(module), name, MISSING)
        if live is MISSING or made is MISSING:
            continue  # deleted as the chapter ran, or exported no more
        different = comparison.compare(name, live, made)
        if different is None:
            continue
        # Of the names on the way to the difference, the last that the chapter exports.
        steps = [label for label, _ in different.way]
        own = [n for n, (label, value) in enumerate(different.way) if label in owners and namespace[label] is value]
        steps = steps[own[-1] :]
        name = steps[1] if len(steps) > 1 and steps[1] in exported else steps[0]
        module, line = _home(name, package, exported)
        place = places[module].get(name, places[module].get(name.partition(".")[0], 1))
        at = f"src/{module.replace('.', '/')}.py:{place}"
        found.setdefault(name, (line, _text(name, at, steps, different.how)))
    return sorted(found.values())


def _home(name: str, package: str, exported: dict[str, list]) -> tuple[str, int]:
    """The module of an exported name, and the line of the chapter; of a class that is extended only, the first."""
    at = exported.get(name) or next(at for each, at in exported.items() if each.startswith(f"{name}."))
    return f"{package}.{at[0].removesuffix('.py')}", at[1]


def _text(name: str, at: str, steps: list[str], how: str) -> str:
    shown = [
        step
        for step, after in zip(steps, [*steps[1:], ""], strict=True)
        if not re.match(re.escape(step) + r"[\[(.]", after)
    ]
    way = f" ({' → '.join(shown)})" if steps[-1] != name else ""
    text = f"{name} is not the {name} of {at}{way}: {how}"
    return f"{text}: let exported cells alone make it what it is, or give the other one another name"


def _places(source: str) -> dict[str, int]:
    """The lines of a module's definitions and of their members."""
    found: dict[str, int] = {}
    for node in ast.parse(source).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        for name in (getattr(node, "name", None), *(getattr(target, "id", None) for target in targets)):
            if name:
                found[name] = node.lineno
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            found.setdefault(f"{node.name}.{getattr(member, 'name', '')}", member.lineno)  # type: ignore[attr-defined]
    return found


def _not_imported(error: Exception, folder: Path, exported: dict[str, list]) -> tuple[int, str]:
    """Where the checkpoint fails, and the line of the chapter that it comes from."""
    trace, file, line = error.__traceback__, "", 0
    while trace is not None:
        here = Path(trace.tb_frame.f_code.co_filename)
        if here.parent == folder:
            file, line = here.name, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        file, line = Path(error.filename or "").name, error.lineno or 0
    at = 1
    if file:
        above = {name: where for name, where in _places((folder / file).read_text("utf-8")).items() if where <= line}
        name = max(above, key=lambda each: above[each], default="")
        at = exported.get(name, exported.get(name.partition(".")[0], ["", 1]))[1]
    sys.modules.pop(f"{folder.name}.{file.removesuffix('.py')}", None)
    text = f"src/{folder.name}/{file}:{line} cannot be imported ({type(error).__name__}: {error})"
    return at, f"{text}: export in an order in which the checkpoint can be imported"
