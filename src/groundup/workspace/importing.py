"""Which modules of a package cannot be imported: tried in a process of its own, `python -m` this module."""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import groundup
from groundup.workspace.standin import stand_in

SECONDS = 20.0  # for one module


def unimportable(package: Path) -> dict[str, str]:
    """The modules at which an import stops, each with the reason; "__init__" is the package itself."""
    found: dict[str, str] = {}
    waiting = ["__init__", *sorted(path.stem for path in package.glob("*.py") if path.stem != "__init__")]
    while waiting:
        done = subprocess.run(
            [sys.executable, "-B", "-m", __name__, str(package), str(SECONDS), *waiting],
            env=os.environ | {"PYTHONPATH": str(Path(groundup.__file__).parents[1]), "MPLBACKEND": "agg"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        told = [json.loads(line) for line in done.stdout.splitlines()]
        for module, why in told:
            if why:
                found.setdefault(module, why)
        lost, waiting = waiting[len(told) :][:1], waiting[len(told) + 1 :]
        found |= dict.fromkeys(lost, f"its import takes more than {SECONDS:g} seconds, or ends the process")
    return found


def main(place: str, seconds: str, *modules: str) -> None:
    """Write for each module one line of JSON: the module at which its import stops, or its own name, and why or ""."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")  # what the package prints does not get between
    os.dup2(2, 1)
    folder = Path(place)
    stand_in(folder.name, place)
    for module in modules:
        faulthandler.dump_traceback_later(float(seconds), exit=True)
        stopped, why = module, ""
        try:
            importlib.import_module(folder.name if module == "__init__" else f"{folder.name}.{module}")
        except (Exception, SystemExit) as error:
            stopped, why = _innermost(error, folder) or module, _said(error)
        print(json.dumps([stopped, why]), file=told, flush=True)


def _innermost(error: BaseException, folder: Path) -> str:
    """The module of the package that an error came from."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        files.append(error.filename)
    return next((Path(file).stem for file in reversed(files) if Path(file).parent == folder), "")


def _said(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "it ends the program"
    text = str(error.msg if isinstance(error, SyntaxError) else error)
    return f"{type(error).__name__}: {re.sub(r' [(][^()]*[.]py[)]$', '', text)}"


if __name__ == "__main__":
    main(*sys.argv[1:])
