"""The digits: those that come with the book, and a download that may go wrong in every way."""

import contextlib
import errno
import gzip
import hashlib
import http.server
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pooch
import pytest

from groundup import data, download
from groundup.data import Digits, mnist, mnist_test
from groundup.download import DataError

SHARED = Path(__file__).parents[2] / "shared" / "data" / "mnist"
TRAIN, VALID, TEST = 30, 10, 5


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def tiny_mnist() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    files = {}
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (count, 28, 28), np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8) % 10)
    return files


FILES = tiny_mnist()
FIRST = "train-images-idx3-ubyte"


class Mirror:
    """A server on loopback that behaves as its `mode` says, and counts what it was asked for."""

    def __init__(self) -> None:
        self.mode = "good"
        self.asked: list[str] = []
        self.over = threading.Event()
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                with contextlib.suppress(ConnectionError):  # the loader has given up
                    mirror.answer(self, FILES[Path(self.path).name.removesuffix(".gz")])

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/mnist/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answer(self, handler: http.server.BaseHTTPRequestHandler, plain: bytes) -> None:
        whole = gzip.compress(plain)
        half = whole[: len(whole) // 2]
        body, length = {
            "good": (whole, len(whole)),
            "not compressed": (plain, len(plain)),
            "another file": (gzip.compress(b"another file"), None),
            "cut off": (half, len(whole)),
            "gzip cut off": (half, len(half)),
            "stalled": (half, len(whole)),
            "slow": (whole, len(whole)),
            "404": (b"", 0),
        }[self.mode]
        if self.mode == "slow":
            self.over.wait(20)
        handler.send_response(404 if self.mode == "404" else 200)
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(body)
        if self.mode == "stalled":
            self.over.wait(20)

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def mirrors():
    both = [Mirror(), Mirror()]
    yield both
    for mirror in both:
        mirror.close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """DATA=mnist with tiny files, in an empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda _: folder)
    monkeypatch.setattr(
        download, "HASHES", {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    )
    monkeypatch.setattr(download, "TIMEOUT", (0.5, 0.5))
    monkeypatch.setattr(data, "VALID", VALID)
    monkeypatch.setenv("DATA", "mnist")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("GROUNDUP_MNIST", raising=False)
    return folder


@pytest.fixture
def embedded(monkeypatch):
    monkeypatch.delenv("DATA", raising=False)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


# --- the embedded digits


@pytest.mark.usefixtures("embedded")
def test_embedded_digits_are_balanced():
    train, valid = mnist()
    assert (len(train), len(valid)) == (4000, 1000)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(valid.labels).tolist() == [100] * 10
    assert train.images.shape == (4000, 28, 28)
    assert train.images.dtype == train.labels.dtype == np.uint8


def test_lists_and_tensors_hold_the_same_numbers(embedded):
    valid = mnist()[1]
    pixels, labels = valid.lists()
    tensor, tensor_labels = valid.tensors()
    assert tensor.shape == (1000, 784)
    assert (str(tensor.dtype), str(tensor_labels.dtype)) == ("torch.float32", "torch.int64")
    assert tensor_labels.tolist() == labels
    assert np.abs(np.array(pixels) - tensor.numpy()).max() < 1e-7
    assert min(map(min, pixels)) == 0.0
    assert max(map(max, pixels)) == 1.0
    assert type(pixels[0][0]) is float
    assert type(labels[0]) is int


def test_list_pixels_share_their_numbers(embedded):
    pixels, _ = mnist()[1].lists()
    assert len({id(pixel) for picture in pixels for pixel in picture}) <= 256


def test_only_keeps_those_digits_in_order(embedded):
    train = mnist()[0]
    chosen = train.only(3, 7)
    assert chosen.labels.tolist() == [label for label in train.labels if label in (3, 7)]
    first = int(np.flatnonzero(np.isin(train.labels, [3, 7]))[0])
    assert (chosen.images[0] == train.images[first]).all()


@pytest.mark.parametrize("digits", [(), (10,), (3, -1), ("3",)])
def test_only_refuses_what_is_no_digit(digits):
    with pytest.raises(ValueError, match="give digits from 0 to 9"):
        Digits(np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)).only(*digits)


@pytest.mark.parametrize(("content", "state"), [(b"half a file", "damaged"), (None, "missing")])
def test_a_damaged_package_is_named(embedded, tmp_path, monkeypatch, content, state):
    path = tmp_path / "mnist_5k.npz"
    if content:
        path.write_bytes(content)
    monkeypatch.setattr(data, "EMBEDDED", path)
    with pytest.raises(DataError, match=f"mnist_5k.npz is {state}: restore it"):
        mnist()


def test_no_torch_and_no_network_library_without_need():
    program = (
        "import sys; from groundup.data import mnist; mnist()[0].lists(); "
        "print({'torch', 'requests', 'pooch'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"


# --- the choice


@pytest.mark.parametrize("choice", ["", "embedded"])
def test_embedded_is_the_default(monkeypatch, choice):
    monkeypatch.setenv("DATA", choice)
    assert len(mnist()[0]) == 4000


@pytest.mark.parametrize("load", [mnist, mnist_test])
def test_an_unknown_choice_names_the_choices(monkeypatch, load):
    monkeypatch.setenv("DATA", "cifar")
    with pytest.raises(DataError, match=r"DATA=cifar: there is no such data: choose embedded .* or mnist"):
        load()


def test_test_images_need_the_full_set(embedded):
    with pytest.raises(DataError, match="no test images: set DATA=mnist"):
        mnist_test()


# --- the download


def use(monkeypatch, *mirrors: Mirror | str) -> None:
    monkeypatch.setattr(download, "MIRRORS", tuple(getattr(mirror, "address", mirror) for mirror in mirrors))


@pytest.mark.parametrize("mode", ["good", "not compressed"])
def test_download(cache, mirrors, monkeypatch, capfd, mode):
    use(monkeypatch, mirrors[0])
    mirrors[0].mode = mode
    train, valid = mnist()
    test = mnist_test()
    everything = np.frombuffer(FILES[FIRST], np.uint8, offset=16).reshape(TRAIN, 28, 28)
    assert (train.images == everything[:-VALID]).all()
    assert (valid.images == everything[-VALID:]).all()
    assert valid.labels.tolist() == list(range(10))
    assert len(test) == TEST
    assert files_in(cache) == sorted(f"{name}.gz" for name in FILES)
    assert capfd.readouterr() == ("", "")


def test_the_cache_is_used_when_the_server_is_gone(cache, mirrors, monkeypatch):
    use(monkeypatch, mirrors[0])
    before = mnist()
    use(monkeypatch, closed_port())
    after = mnist()
    assert (before[0].images == after[0].images).all()
    assert len(mirrors[0].asked) == 2


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"\x1f\x8b\x08 rubbish", gzip.compress(FILES[FIRST])[:-100]])
def test_a_corrupt_cache_mends_itself(cache, mirrors, monkeypatch, damage):
    use(monkeypatch, mirrors[0])
    mnist()
    (cache / f"{FIRST}.gz").write_bytes(damage)
    assert len(mnist()[0]) == TRAIN - VALID
    assert mirrors[0].asked.count(f"/mnist/{FIRST}.gz") == 2
    assert gzip.decompress((cache / f"{FIRST}.gz").read_bytes()) == FILES[FIRST]


FAULTS = {
    "404": "the server answered 404",
    "another file": "another file: its SHA-256 is not MNIST's",
    "cut off": "the download was cut off",
    "gzip cut off": "cut off or damaged",
    "stalled": "no answer for 0.5 seconds",
    "slow": "no answer for 0.5 seconds",
}


@pytest.mark.parametrize("mode", FAULTS)
def test_a_mirror_at_fault_is_named_with_the_remedy_and_leaves_nothing(cache, mirrors, monkeypatch, mode):
    use(monkeypatch, mirrors[0])
    mirrors[0].mode = mode
    with pytest.raises(DataError) as caught:
        mnist()
    message = str(caught.value)
    assert f"{mirrors[0].address}{FIRST}.gz: " in message
    assert FAULTS[mode] in message
    assert "set GROUNDUP_MNIST to their folder" in message
    assert "the embedded digits need no network" in message
    assert files_in(cache) == []
    mirrors[0].mode = "good"
    assert len(mnist()[0]) == TRAIN - VALID


@pytest.mark.parametrize("mode", FAULTS)
def test_the_next_mirror_is_asked(cache, mirrors, monkeypatch, mode):
    use(monkeypatch, *mirrors)
    mirrors[0].mode = mode
    assert len(mnist_test()) == TEST
    assert mirrors[1].asked[0] == mirrors[0].asked[0] == "/mnist/t10k-images-idx3-ubyte.gz"


def test_without_any_server_every_attempt_is_listed(cache, monkeypatch):
    nowhere = [closed_port(), closed_port()]
    use(monkeypatch, *nowhere)
    with pytest.raises(DataError) as caught:
        mnist()
    for address in nowhere:
        assert f"  {address}{FIRST}.gz: cannot be reached\n" in str(caught.value)
    assert files_in(cache) == []


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interruption_leaves_nothing(cache, mirrors, monkeypatch, stop):
    use(monkeypatch, mirrors[0])

    def half(_url: str, file: str, _pooch: object) -> None:
        Path(file).write_bytes(b"half")
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(pooch, "HTTPDownloader", lambda **_: half)
        with pytest.raises(DataError if isinstance(stop, OSError) else KeyboardInterrupt) as caught:
            mnist()
    if isinstance(stop, OSError):
        assert f"cannot be stored in {cache}: No space left on device: make room" in str(caught.value)
    assert files_in(cache) == []
    assert len(mnist()[0]) == TRAIN - VALID


def test_a_cache_that_cannot_be_made_is_named(cache, mirrors, monkeypatch):
    use(monkeypatch, mirrors[0])
    cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot be stored in"):
        mnist()


def test_a_notebook_shows_the_message_without_a_traceback():
    assert DataError("no network")._render_traceback_() == ["DataError: no network"]


# --- the reader's own mirror or folder


def test_own_mirror_instead_of_all_others(cache, mirrors, monkeypatch):
    use(monkeypatch, mirrors[0])
    monkeypatch.setenv("GROUNDUP_MNIST", mirrors[1].address.rstrip("/"))
    assert len(mnist()[0]) == TRAIN - VALID
    assert (len(mirrors[0].asked), len(mirrors[1].asked)) == (0, 2)


def test_own_mirror_at_fault_is_not_replaced(cache, mirrors, monkeypatch):
    use(monkeypatch, mirrors[0])
    mirrors[1].mode = "404"
    monkeypatch.setenv("GROUNDUP_MNIST", mirrors[1].address)
    with pytest.raises(DataError, match="the server answered 404"):
        mnist()
    assert mirrors[0].asked == []


@pytest.mark.parametrize("compressed", [True, False])
def test_own_folder(cache, tmp_path, monkeypatch, compressed):
    for name, content in FILES.items():
        path = tmp_path / (f"{name}.gz" if compressed else name)
        path.write_bytes(gzip.compress(content) if compressed else content)
    monkeypatch.setenv("GROUNDUP_MNIST", str(tmp_path))
    assert len(mnist()[0]) == TRAIN - VALID
    assert files_in(cache) == []


def test_own_folder_written_as_an_address(cache, tmp_path, monkeypatch):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("GROUNDUP_MNIST", tmp_path.as_uri())
    assert len(mnist()[0]) == TRAIN - VALID
    monkeypatch.setenv("GROUNDUP_MNIST", "ftp://example.org/mnist")
    with pytest.raises(DataError, match="an address that begins with http:// or https://"):
        mnist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, f"there is no {FIRST}.gz: it is a folder with MNIST's four files"),
        (b"another", f"{FIRST}: damaged, or another file: its SHA-256 is not MNIST's: copy it again"),
    ],
)
def test_own_folder_at_fault(cache, tmp_path, monkeypatch, content, message):
    if content:
        (tmp_path / FIRST).write_bytes(content)
    monkeypatch.setenv("GROUNDUP_MNIST", str(tmp_path))
    with pytest.raises(DataError) as caught:
        mnist()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\x03" + b"\0" * 8,
        struct.pack(">HBBI", 0, 13, 1, 5) + b"12345",
        struct.pack(">HBBI", 0, 8, 1, 6) + b"12345",
    ],
)
def test_a_bad_idx_header(cache, tmp_path, monkeypatch, content):
    monkeypatch.setitem(download.HASHES, FIRST, hashlib.sha256(content).hexdigest())
    (tmp_path / FIRST).write_bytes(content)
    monkeypatch.setenv("GROUNDUP_MNIST", str(tmp_path))
    with pytest.raises(DataError, match=f"{FIRST} is no IDX file"):
        mnist()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the full MNIST is not at hand")
def test_the_full_set(monkeypatch):
    monkeypatch.setenv("DATA", "mnist")
    monkeypatch.setenv("GROUNDUP_MNIST", str(SHARED))
    train, valid = mnist()
    assert (len(train), len(valid), len(mnist_test())) == (50_000, 10_000, 10_000)
    assert round(train.images[:1000].mean() / 255, 2) == 0.13


def test_a_set_is_chosen_whatever_data_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "mnist")
    train, valid = data.mnist_embedded()
    assert (len(train), len(valid)) == (4000, 1000)
    monkeypatch.setattr(data, "_read", lambda part: part)
    monkeypatch.setenv("DATA", "embedded")
    assert data.mnist_full() == ("train", "t10k")
