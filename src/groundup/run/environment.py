"""What the process of a kernel finds around it: one thread, no settings of the user's, the book's modules."""

from __future__ import annotations

import os
from pathlib import Path

from groundup.book import Book
from groundup.record import RECORDS

STYLE = "figure.facecolor: none\naxes.facecolor: none\n"  # the page shines through


def environment(book: Book, folder: Path) -> dict[str, str]:
    """The environment of a kernel whose files are in `folder`, where the numbers that it records go, too."""
    (folder / "matplotlibrc").write_text(STYLE, encoding="utf-8")
    paths = [str(book.root / "src"), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "IPYTHONDIR": str(folder),  # the user's own settings of IPython and matplotlib stay out of the book
        "MATPLOTLIBRC": str(folder),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no line about frozen modules for every kernel
        RECORDS: str(folder / "records"),
    }
