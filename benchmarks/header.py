"""What every file of recorded numbers begins with."""

import datetime
import os
import platform
from importlib.metadata import version
from typing import Any


def header(what: str, *packages: str) -> dict[str, Any]:
    """When, where and with which versions the numbers were found; `packages` beside torch."""
    return {
        "what": what,
        "command": "make results",
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "versions": {package: version(package) for package in ("torch", *packages)},
    }
