"""Code tried in a forked child of this process, which leaves nothing behind."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HUGE = 2 << 20  # bytes of a large page
MADV_COLLAPSE = 25  # since Linux 6.1


def forked(function: Callable[[], Any], seconds: int = 0) -> tuple[Any, int]:
    """What a function returns in a child, as JSON holds it, and the exit code: with another than 0 there is no answer.

    A child that takes longer than `seconds`, if any are given, is killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(seconds)
            with open(writer, "w") as pipe:
                json.dump(function(), pipe)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        answered = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return None if code else json.loads(answered), code


def use_large_pages() -> None:
    """Have a few hundred large pages hold what some hundred thousand small ones do, where the system can.

    A fork, and the end of its child, take a moment for each page: some 15 ms for a process with PyTorch, or 4 so.
    """
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        return
    madvise = ctypes.CDLL(None).madvise
    for line in maps.read_text().splitlines():
        span, kind = line.split()[:2]
        start, end = (int(number, 16) for number in span.split("-"))
        first, last = -(-start // HUGE) * HUGE, end // HUGE * HUGE
        if kind == "rw-p" and first < last:
            madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), MADV_COLLAPSE)
