"""The watched run: it stops at a locked call however that is spelled, and at nothing else."""

from __future__ import annotations

import ast
import re
import types
from pathlib import Path

import pytest
import torch
from helpers.books import make_book
from helpers.exercises import PATHS

from groundup.book import Book
from groundup.book.plan import PLAN
from groundup.chapter import ChapterError, parse_book
from groundup.proof import UnlockError
from groundup.rules import book_locks
from groundup.rules.watch import LockedError, Watch, check_package_run, watched
from groundup.run import runner

NO = "which no chapter unlocks: write it from the base vocabulary"
SET_UP = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\nx = torch.ones(2, 2)\n"


def unlocking(number: int) -> str:
    """A cell that unlocks everything which the plan unlocks up to a chapter."""
    names = [name for planned in PLAN if planned.number <= number for name in planned.unlocks]
    return "\n".join(["# %%", "from groundup import unlock", *(f'unlock("{n}", by=f, inputs=[])' for n in names)])


def run(root: Path, number: int, cells: str, before: int | None = None) -> dict[str, object]:
    """Run a chapter under watch that may use what chapters below it (or up to `before`) unlock; its names."""
    first = unlocking(number - 1 if before is None else before)
    book = make_book(root, {min(3, number - 1): first, number: f"# %%\n{SET_UP}\n{cells}"})
    chapters = parse_book(book)
    module = types.ModuleType("watched")
    with watched(chapters[number], book_locks(chapters)) as watch:
        for cell in chapters[number].cells:
            if cell.is_code:
                tree = ast.increment_lineno(ast.parse(cell.source), cell.line)
                with watch.cell(cell):
                    exec(compile(tree, chapters[number].file, "exec"), module.__dict__)
    return module.__dict__


def caught(root: Path, number: int, cells: str, before: int | None = None) -> str:
    """What the watch says, without the file."""
    with pytest.raises(LockedError) as error:
        run(root, number, cells, before)
    (line,) = str(error.value).splitlines()
    return line.removeprefix(f"chapters/{number:02d}_chapter.py:")


# each on the first line of a chapter 5 with nothing unlocked but by chapter 2: what the watch says of it
SPELLED = [
    ("x @ x", "torch.Tensor.matmul, which chapter 3 unlocks"),
    ("x @= x", "torch.Tensor.matmul, which chapter 3 unlocks"),
    ("__import__('operator').matmul(x, x)", "torch.Tensor.matmul, which chapter 3 unlocks"),
    ("getattr(x, 'm' + 'm')(x)", "torch.Tensor.mm, which chapter 3 unlocks"),
    ("__import__('operator').methodcaller('m' + 'm', x)(x)", "torch.Tensor.mm, which chapter 3 unlocks"),
    ("vars(torch.Tensor.__base__)['mm'](x, x)", "torch.Tensor.mm, which chapter 3 unlocks"),
    ("list(map(getattr(torch, 'm' + 'm'), [x], [x]))", "torch.mm, which chapter 3 unlocks"),
    ("__import__('functools').reduce(getattr(torch, 'mat' + 'mul'), [x, x])", "torch.matmul, which chapter 3 unlocks"),
    ("__import__('functools').partial(torch.mm, x)(x)", "torch.mm, which chapter 3 unlocks"),
    ("exec('x @ x')", "torch.Tensor.matmul, which chapter 3 unlocks"),
    ("torch._C._VariableFunctions.mm(x, x)", "torch.mm, which chapter 3 unlocks"),
    ("torch.ops.aten.mm(x, x)", f"torch._ops.OpOverloadPacket, {NO}"),
    ("torch.broadcast_shapes((1,), (2,))", "torch.broadcast_shapes, which chapter 3 unlocks"),
    ("x.expand(2, 2, 2)", "torch.Tensor.expand, which chapter 3 unlocks"),
    ("torch.nn.init.kaiming_normal_(x)", "torch.nn.init.kaiming_normal_, which chapter 4 unlocks"),
    ("setattr(x, 'requires_' + 'grad', True)", "torch.Tensor.requires_grad, which chapter 6 unlocks"),
    ("torch.zeros(3, **dict([('requires_grad', True)]))", "requires_grad=, which chapter 6 unlocks"),
    ("torch.Tensor._make_subclass(torch.Tensor, x, True)", "torch.Tensor._make_subclass, which chapter 6 unlocks"),
    ("getattr(torch.autograd, 'gr' + 'ad')(x.sum(), [x])", "torch.autograd.grad, which chapter 6 unlocks"),
    ("x.sum().backward()", "torch.Tensor.backward, which chapter 6 unlocks"),
    ("getattr(torch, 'no_' + 'grad')().__enter__()", "torch.no_grad, which chapter 6 unlocks"),
    ("torch.enable_grad().__enter__()", "torch.enable_grad, which chapter 6 unlocks"),
    ("torch.set_grad_enabled(False)", "torch.set_grad_enabled, which chapter 6 unlocks"),
    ("torch._C._set_grad_enabled(True)", f"torch._set_grad_enabled, {NO}"),
    ("torch._C._nn.linear(x, x)", "torch.nn.functional.linear, which chapter 7 unlocks"),
    ("getattr(nn, 'Lin' + 'ear')(2, 3)", "torch.nn.Linear, which chapter 7 unlocks"),
    ("type('Net', (nn.Module,), {})()", "torch.nn.Module, which chapter 7 unlocks"),
    ("nn.Parameter(x)", "torch.nn.Parameter, which chapter 7 unlocks"),
    ("F.cross_entropy(x, x)", "torch.nn.functional.cross_entropy, which chapter 7 unlocks"),
    ("torch.optim.SGD([x], lr=0.1)", "torch.optim.SGD, which chapter 7 unlocks"),
    ("torch.utils.data.DataLoader([1, 2])", "torch.utils.data.DataLoader, which chapter 7 unlocks"),
    ("torch.utils.data.random_split([1, 2], [1, 1])", "torch.utils.data.random_split, which chapter 7 unlocks"),
    ("torch.nn.utils.clip_grad_norm_([x], 1.0)", "torch.nn.utils.clip_grad_norm_, which chapter 8 unlocks"),
    ("F.max_pool2d(x[None], 1)", "torch.nn.functional.max_pool2d, which chapter 9 unlocks"),
    ("torch.conv2d(x[None, None], x[None, None])", "torch.nn.functional.conv2d, which chapter 9 unlocks"),
    ("nn.Conv1d(1, 1, 1)", f"torch.nn.Conv1d, {NO}"),
    ("torch.optim.lr_scheduler.StepLR(None, 1)", f"torch.optim.lr_scheduler.StepLR, {NO}"),
    ("torch.fft.fft(x)", f"torch.fft.fft, {NO}"),
    ("torch.linalg.solve(x, x)", f"torch.linalg.solve, {NO}"),
    ("torch.sparse.mm(x, x)", f"torch._sparse_mm, {NO}"),
    ("try:\n    x @ x\nexcept Exception:\n    pass", "torch.Tensor.matmul, which chapter 3 unlocks"),
]


@pytest.mark.parametrize(("code", "said"), SPELLED, ids=[code for code, _ in SPELLED])
def test_a_locked_call_is_stopped_however_it_is_spelled(tmp_path: Path, code: str, said: str) -> None:
    line = 11 if code.startswith("try") else 10
    assert caught(tmp_path, 5, code, before=2) == f"{line} uses {said}"


MODEL = (
    "net = nn.Sequential(nn.Linear(2, 2))\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\ny = torch.tensor([0, 1])\n"
)

# by the chapter that unlocks it: a call in the chapter before it, and what is locked there
LATER = [
    (10, "torch.optim.SGD(net.parameters(), 0.1, 0.9)", "optim.SGD(momentum=)"),
    (10, "torch.optim.SGD(net.parameters(), **{'mom' + 'entum': 1})", "optim.SGD(momentum=)"),
    (10, "torch.optim.SGD([{'params': net.parameters(), 'momentum': 0.9}], 0.1)", "optim.SGD(momentum=)"),
    (10, "type('Mine', (torch.optim.SGD,), {})(net.parameters(), 0.1, 0.9)", "optim.SGD(momentum=)"),
    (11, "getattr(net, 'register_forward_' + 'hook')(print)", "nn.Module.register_forward_hook"),
    (11, "net[0].register_backward_hook(print)", "nn.Module.register_backward_hook"),
    (11, "net[0].register_full_backward_hook(print)", "nn.Module.register_full_backward_hook"),
    (11, "net(x).sum().register_hook(print)", "Tensor.register_hook"),
    (12, "nn.BatchNorm2d(2)", "nn.BatchNorm2d"),
    (13, "F.cross_entropy(x, y, None, None, -100, None, 'mean', 0.1)", "nn.functional.cross_entropy(label_smoothing=)"),
    (13, "nn.CrossEntropyLoss(None, None, -100, None, 'mean', 0.1)", "nn.CrossEntropyLoss(label_smoothing=)"),
    (13, "F.dropout(x)", "nn.functional.dropout"),
    (14, "nn.AdaptiveAvgPool2d(1)", "nn.AdaptiveAvgPool2d"),
]


@pytest.mark.parametrize(("number", "code", "name"), LATER, ids=[code for _, code, _ in LATER])
def test_a_later_chapters_locks(tmp_path: Path, number: int, code: str, name: str) -> None:
    said = f"13 uses torch.{name}, which chapter {number} unlocks"
    assert caught(tmp_path, number - 1, MODEL + code, before=number - 1) == said


def test_what_no_chapter_unlocks_stays_locked(tmp_path: Path) -> None:
    assert caught(tmp_path, 14, MODEL + "torch.optim.LBFGS(net.parameters())") == f"13 uses torch.optim.LBFGS, {NO}"


BACK = "\ndef back(*_):\n    F.dropout(x)\n    return x.sum()\n"


@pytest.mark.parametrize(
    "step", ["opt.step(back)", "opt.step(closure=back)", "opt.register_step_post_hook(back); opt.step()"]
)
def test_what_an_optimizer_calls_back_is_watched(tmp_path: Path, step: str) -> None:
    said = caught(tmp_path, 12, MODEL + BACK + step, before=12)
    assert said == "15 uses torch.nn.functional.dropout, which chapter 13 unlocks"


@pytest.mark.parametrize("step", ["opt.step()", "opt.zero_grad()"])
def test_what_follows_an_optimizers_work_is_watched(tmp_path: Path, step: str) -> None:
    again = f"net(x).sum().backward(); {step}; {step}; F.dropout(x)"
    assert (
        caught(tmp_path, 12, MODEL + again, before=12)
        == "13 uses torch.nn.functional.dropout, which chapter 13 unlocks"
    )


FREE = [
    "1 / x; 2**x; x**2; -x; x[0] = 1; 2 // x; 1 - x; x % 2; ~(x > 0); (x > 0) & (x < 2); abs(x); x += 1; x == x",
    "repr(x); f'{x[0, 0]:.2f}'; list(x); len(x); float(x[0, 0]); bool(x[0, 0]); sum(x); x[0, 0] in x; sorted(x[0])",
    "torch.norm(x); torch.linalg.norm(x); x.split(1); torch.unique(x); torch.testing.assert_close(x, x)",
    "torch.stack([x, x]); torch.meshgrid(x[0], x[0], indexing='ij'); torch.cartesian_prod(x[0], x[0]); x.T",
    "x.std(); torch.var_mean(x); x.median(); x.max(0); x.topk(1); x.sort(); torch.where(x > 0, x, x); x.cumsum(0)",
    "F.pad(x, (1, 1)); F.pad(x[None], (1, 1), mode='reflect'); F.one_hot(torch.tensor([1, 2])); F.tanh(x)",
    "nn.init.zeros_(x); nn.init.ones_(x); nn.init.constant_(x, 2.0); nn.init.normal_(x); nn.init.uniform_(x)",
    "from torch.distributions import Beta\nBeta(1.0, 2.0).sample((3,)); Beta(x, x).sample()",
    "torch.from_numpy(x.numpy()); torch.tensor([x[0, 0], 1.0]); torch.zeros(2, requires_grad=False)",
    "import copy, math, random\ncopy.deepcopy(x); math.exp(x[0, 0]); random.shuffle([x, x])",
    "with torch.random.fork_rng():\n    torch.manual_seed(0)\n    torch.rand(2, generator=torch.Generator())",
    "from dataclasses import dataclass\n@dataclass\nclass Pair:\n    x: torch.Tensor\nrepr(Pair(x))",
    "import io\nfile = io.BytesIO()\ntorch.save(x, file); file.seek(0); torch.load(file)",
    "from matplotlib.figure import Figure\nax = Figure().subplots()\nax.plot(x); ax.imshow(x); ax.hist(x[0])",
    "from groundup import data, plot\ndata.mnist; x.untyped_storage().data_ptr(); x.stride(); x.element_size()",
]


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Matplotlib asks PyTorch
@pytest.mark.parametrize("code", FREE)
def test_the_base_vocabulary_is_free(tmp_path: Path, code: str) -> None:
    run(tmp_path, 5, code, before=2)


TRAINING = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Identity())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(2, 2))
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, images):
        return self.head(self.body(images)) * self.scale

net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, total_steps=10)
data = torch.utils.data.TensorDataset(torch.rand(8, 1, 4, 4), torch.tensor([0, 1] * 4))
means = []
hook = net.body.register_forward_hook(lambda module, args, output: means.append(output.mean()))
for images, labels in torch.utils.data.DataLoader(data, batch_size=4, shuffle=True):
    loss = F.cross_entropy(net(images), labels, label_smoothing=0.1)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step(); schedule.step(); opt.zero_grad()
hook.remove()
net.eval(); net.load_state_dict(net.state_dict()); repr(net); net.apply(lambda m: None); net.double().float()
with torch.no_grad():
    net(images)
@torch.no_grad()
def predict(images):
    return net(images).softmax(1)
predict(images)
import copy
copy.deepcopy(net)
opt.load_state_dict(opt.state_dict()); opt.param_groups[0]["lr"] = 1.0
nn.CrossEntropyLoss()(net(images), labels); nn.LayerNorm(2)(x); nn.GroupNorm(1, 2)(x)
torch.optim.AdamW(net.parameters()).step(); torch.utils.data.random_split(data, [4, 4])
class Heavy(torch.optim.SGD):
    pass
Heavy(net.parameters(), 0.1).step()
"""


def test_everything_is_free_in_the_end(tmp_path: Path) -> None:
    assert len(run(tmp_path, 14, TRAINING, before=14)["means"]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(("number", "first"), [(6, "Module"), (8, "Conv2d"), (11, "BatchNorm2d"), (14, "Identity")])
def test_the_same_training_is_stopped_at_its_first_lock(tmp_path: Path, number: int, first: str) -> None:
    assert f"uses torch.nn.{first}, which chapter" in caught(tmp_path, number, TRAINING)


UNLOCKING = (
    "from groundup import unlock\ny = x + 1\ndef product(a, b):\n"
    "    if a.ndim != 2 or b.ndim != 2:\n        raise ValueError('two matrices')\n"
    "    return {}\n\n"
    "# %%\nunlock('torch.matmul', by=product, inputs=[(x, x), (y, x)])\n\n# %%\nx @ x"
)


def test_an_unlock_counts_from_the_next_cell_on(tmp_path: Path) -> None:
    """The proof runs PyTorch's own function too, which is the tool's doing and not the chapter's."""
    run(tmp_path, 3, UNLOCKING.format("(a[:, :, None] * b[None]).sum(1)"), before=0)


def test_a_re_creation_that_calls_the_real_thing_unlocks_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnlockError, match=r"the re-creation calls torch\.Tensor\.matmul"):
        run(tmp_path, 3, UNLOCKING.format("a @ b"), before=0)


def test_an_oracle_cell_is_outside(tmp_path: Path) -> None:
    names = run(tmp_path, 5, 'made = []\n\n# %% tags=["oracle"]\nmade.append(torch.mm(x, x))', before=2)
    assert len(names["made"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("leak", ["torch.mm", "lambda a, b: a @ b", "functools.partial(torch.mm)"])
def test_a_function_that_leaves_an_oracle_cell_is_stopped_when_it_is_called(tmp_path: Path, leak: str) -> None:
    cells = f'import functools\nkept = []\n\n# %% tags=["oracle"]\nkept.append({leak})\n\n# %%\nkept[0](x, x)'
    assert "which chapter 3 unlocks" in caught(tmp_path, 5, cells, before=2)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    before = [torch.nn.Module.__init__, torch.utils.data.random_split, vars(torch.Tensor).get("_make_subclass")]
    run(tmp_path, 5, "pass")
    assert before == [torch.nn.Module.__init__, torch.utils.data.random_split, vars(torch.Tensor).get("_make_subclass")]
    assert torch.nn.Linear(2, 2)(torch.ones(2)).shape == (2,)


def package(root: Path, text: str) -> tuple[Book, Path]:
    book = make_book(root, {3: unlocking(3), 5: "# %%\nx = 1"})
    folder = root / "my_work"
    folder.mkdir()
    (folder / "mine.py").write_text(text)
    return book, folder


RELU = "def relu(x):\n    return getattr(x, 're' + 'lu')()\n\n\n"


def load(folder: Path) -> types.ModuleType:
    module = types.ModuleType("mine")
    file = folder / "mine.py"
    exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
    return module


def test_a_package_is_watched_by_its_files(tmp_path: Path) -> None:
    book, folder = package(tmp_path, RELU + "def mm(a, b):\n    return a @ b\n")
    mine, locked = load(folder), book_locks(parse_book(book))
    x = torch.ones(2, 2)
    # what stands outside of the package, such as a test that compares, may use anything
    product = check_package_run(book, locked, folder, 3, lambda watch: torch.equal(mine.mm(x, x), torch.relu(x) @ x))
    assert product
    with pytest.raises(LockedError, match=r"mine\.py:2 uses torch\.Tensor\.relu, which chapter 4 unlocks$"):
        check_package_run(book, locked, folder, 3, lambda watch: mine.relu(x))

    def outside(watch: Watch) -> torch.Tensor:
        with watch.at(None):
            return mine.relu(x)

    assert torch.equal(check_package_run(book, locked, folder, 3, outside), x)


def test_a_lock_that_the_code_catches_is_said_at_the_end(tmp_path: Path) -> None:
    swallowing = "def f(x):\n    try:\n        return x.relu()\n    except Exception:\n        return x\n"
    book, folder = package(tmp_path, swallowing)
    mine = load(folder)
    with pytest.raises(ChapterError, match=r"mine\.py:3 uses torch\.Tensor\.relu, which chapter 4 unlocks$"):
        check_package_run(book, book_locks(parse_book(book)), folder, 3, lambda watch: mine.f(torch.ones(2)))


LOOK_ON = """
import sys
sys.path[:0] = {paths}
from pathlib import Path
from groundup.book import Book
from groundup.chapter import parse_book
from groundup.rules import book_locks
from helpers import watching
chapters = parse_book(Book(Path({root!r})))
watching.look_on(chapters[5], book_locks(chapters), lambda found: Path({target!r}).write_text(repr(found)))
"""


def looked_on(root: Path, cells: str) -> str:
    """What comes of a chapter 5 with these cells in a kernel under watch."""
    book = make_book(root, {3: unlocking(3), 5: f"# %%\nimport torch\n\n# %%\n{cells}"})
    target = root / "found"
    prelude = LOOK_ON.format(paths=PATHS, root=str(root), target=str(target))
    try:
        runner.run(book, [parse_book(book)[5]], prelude=lambda chapter: prelude)
    except ChapterError as error:
        return str(error)
    return target.read_text(encoding="utf-8")


def test_a_kernel_is_watched(tmp_path: Path) -> None:
    assert looked_on(tmp_path, "torch.ones(2) @ torch.ones(2)") == "{'': Outcome(stage='passed', error='', message='')}"
    wrong = looked_on(tmp_path, "y = 1\ngetattr(torch.ones(1), 'back' + 'ward')()")
    line = "chapters/05_chapter.py:9: LockedError: .*:2 uses torch.Tensor.backward, which chapter 6 unlocks"
    assert re.fullmatch(line, wrong)
    hidden = "try:\n    torch.ones(1).backward()\nexcept Exception:\n    pass"
    assert "uses torch.Tensor.backward, which chapter 6 unlocks" in looked_on(tmp_path, hidden)


def test_what_measures_time_is_left_alone_and_what_follows_is_not(tmp_path: Path) -> None:
    timing = 'y = 1\n\n# %% tags=["timing"]\nF.dropout(x)\n\n# %%\nF.dropout(x)'
    assert caught(tmp_path, 12, timing, before=12) == "16 uses torch.nn.functional.dropout, which chapter 13 unlocks"
