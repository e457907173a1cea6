"""What the ledger says of the rules: everything that is free, what each unlock frees, and what cannot be decided."""

from __future__ import annotations

from groundup.book.plan import PLAN, Lock
from groundup.rules.vocabulary import LISTS

# the base vocabulary in full, by heading: a word stands for the function, the method and the ones in place
FREE = {heading: tuple(sorted(words)) for heading, words in LISTS.items()}

# what each chapter's unlocks free, and by which kind of proof (`lock.name`, `lock.kind`, `lock.covers`)
FREED: dict[int, tuple[Lock, ...]] = {planned.number: planned.locks for planned in PLAN if planned.locks}

UNDECIDED = (
    "The check that reads the code knows what some objects are, and not all: where a class "
    "of the book or of your package has a method with the name of a locked one, such as `backward`, and nothing "
    "tells whose it is at a place, the watched run decides. That run sees a call of PyTorch when it is made, and so "
    "only what is reached. It does not see another thread or process, nor what PyTorch calls back in the middle of "
    "its own work (a hook while `backward` runs), nor arithmetic outside of PyTorch (of NumPy arrays that tensors "
    "were turned into), nor a momentum that is written into an optimizer's groups afterwards, nor a class that does "
    "nothing when it is made (`Dataset`, `Sampler`: those are found by name). What an oracle cell makes may not be "
    "used after it by name, and a locked function that leaves it in some other way is stopped when it is called; a "
    "number that leaves it is not seen. And an unlock frees a name with all its forms, also those that its proof "
    "did not try: the certificate says which."
)
