"""A small book with every kind of cell, run by nobody: its outputs are written here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from groundup.book import Book
from groundup.chapter import parse
from groundup.site import wheel
from helpers.books import BOOK

CHAPTER = r'''# %% [markdown]
# # 1. A small chapter
#
# A model of $w$ learns. The model, a second time.
#
# **You need:** a pencil. **You will reach:** the end, and
# no more. **Time:** a minute. It is short.
#
# Code comes first.

# %% export="linear.py" drop="old Thing.method"
def predict(x):
    """Twice `x`."""
    return 2 * x

# %% tags=["claim"]
assert predict(1) == 2, "twice"

# %% tags=["claim"]
assert predict(0) == 0
record("error", 0.5)

# %% [markdown]
# ## The `same` heading
#
# Now a figure.

# %% tags=["figure"] alt="A dot & a line." caption="The *dot*, at $x$."
draw()

# %% tags=["figure", "beside"] alt="Another dot."
draw(2)

# %% tags=["figure"] alt="A dot alone."
draw()

# %% [markdown] tags=["predict"]
# Look at this.
#
# What is 6 times 7?

# %%
print(6 * 7)

# %% [markdown] tags=["answer"]
# Forty-two it is.

# %% tags=["claim"]
assert 6 * 7 == 42

# %% [markdown] tags=["predict"]
# How will it look?

# %% tags=["figure"] alt="A third dot."
draw()

# %% [markdown] tags=["answer"]
# Like a dot.

# %% [markdown] exercise="mse" tags=["prompt"] difficulty="hard" minutes=1
# ### Exercise 1.1: a loss
#
# Write it.

# %% [markdown] tags=["hint"]
# First.

# %% [markdown] tags=["hint"]
# Second.

# %% tags=["solution"] export="losses.py"
answer = 42

# %% [markdown] tags=["solution"]
# #### Spoiler
#
# I guessed a zebra.
#
# > [!NOTE]- A fold in a fold
# > <a id="deep"></a>Deep down.

# %% tags=["check"]
assert answer == 42
for _ in range(3):
    assert answer > 0

# %% tags=["oracle"]
compare()

# %% tags=["timing"]
stopwatch()

# %% [markdown] tags=["aside"]
# #### Aside: why $x$?
#
# Because of the aardvark.

# %% tags=["aside"]
print("aside")

# %% [markdown] tags=["aside"]
# #### Aside: a second one
#
# No code.

# %% tags=["claim"]
assert True

# %% [markdown]
# ## The `same` heading
#
# $$\hat y = 2x$$
#
# > [!NOTE]- Aside: a callout
# > Folded, too.
#
# > [!QUOTE] Paper box: nothing new
# > | in the paper | in this book | what it is |
# > |:--|:--|:--|
# > | $q$ | `x` | an input |
#
# > [!BUG] Break it: the sign
# > It rises.
# >
# > > [!SUCCESS]- What was wrong
# > > The sign.

# %%
raise ValueError("too far")

# %% [markdown]
# Which is so elsewhere.

# %% tags=["claim"]
assert predict(2) == 5

# %% [markdown]
# ## Recap
#
# It was small. If you remember one thing: **small is enough.** Nearly.
#
# **Terms:** model, weights and walrus.
#
# **Unlocked:** nothing yet.
#
# **What changed in the checkpoint:** `linear.py` is new.
#
# **To read on:** *A Book*.
'''
SVG = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" viewBox="0 0 72 36">'
    '<metadata>today</metadata><path d="M 1.23456 0.015625 L 3 4" stroke="#0a0b0c"/></svg>'
)
PICTURE = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": SVG, "text/plain": "<Figure>"}}
OUTPUTS = {
    "draw()": PICTURE,
    "draw(2)": PICTURE,
    "SVG(circle)": {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": "<svg><circle/></svg>"}},
    "print(6 * 7)": {"output_type": "stream", "name": "stdout", "text": "42\n"},
    'print("aside")': {"output_type": "stream", "name": "stdout", "text": "aside\n"},
    "compare()": {
        "output_type": "execute_result",
        "execution_count": 1,
        "metadata": {},
        "data": {"text/plain": "9 < 10"},
    },
    'raise ValueError("too far")': {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "too far",
        "traceback": ["Traceback", "  cell 7", "\x1b[31mValueError\x1b[39m: too far"],
    },
}
OUTPUTS["assert predict(2) == 5"] = {
    "output_type": "error", "ename": "AssertionError", "evalue": "", "traceback": ["Traceback", "AssertionError"],
}  # fmt: skip
CERTIFICATE = {
    "name": "torch.relu", "also": ["torch.nn.functional.relu"], "by": "relu", "kind": "function",
    "cases": 12, "forward": 0.0, "backward": 2e-16, "step": 3e-16, "ratio": 3.21,
    "covered": ["float64"], "not_covered": ["inplace=True"],
}  # fmt: skip
RECORDS = {"error_rate": 0.0312, "error rate, pixel similarity": 0.06}


def small_book(root: Path) -> Book:
    """A book of one small chapter in the folder `root`, with the real book's pages around it."""
    book = Book(root)
    shutil.copytree(BOOK.root / "docs", root / "docs")
    for name in ("mkdocs.yml", *wheel.FILES):
        shutil.copy(BOOK.root / name, root)
    (root / "chapters").mkdir()
    (root / "chapters" / "01_linear_model.py").write_text(CHAPTER, encoding="utf-8")
    (root / "src" / "ch01").mkdir(parents=True)
    (root / "src" / "groundup").symlink_to(BOOK.root / "src" / "groundup")
    (root / "src" / "ch01" / "linear.py").write_text("def predict(x):\n    return 2 * x\n", encoding="utf-8")
    execute(book)
    results = {"key": "", "chapter": 1, "seconds": 1.0, "records": RECORDS, "certificates": [CERTIFICATE]}
    book.results(1).parent.mkdir()
    book.results(1).write_text(json.dumps(results), encoding="utf-8")
    return book


def execute(book: Book) -> None:
    """Write the executed notebooks of a book's chapters."""
    for number in book.chapters():
        _execute(book, number)


def _execute(book: Book, number: int) -> None:
    cells = []
    for cell in parse(book.chapter(number)).cells:
        metadata = {"tags": list(cell.tags), **cell.keys, "line": cell.line}
        node = {"id": cell.id, "cell_type": cell.kind, "metadata": metadata, "source": cell.source}
        if cell.is_code:
            node |= {"execution_count": None, "outputs": [OUTPUTS[cell.source]] if cell.source in OUTPUTS else []}
        cells.append(node)
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    book.executed(number).parent.mkdir(parents=True, exist_ok=True)
    book.executed(number).write_text(json.dumps(notebook), encoding="utf-8")
