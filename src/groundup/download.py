"""The four files of the full MNIST, from a folder, the user's cache or a mirror, and always verified."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import zlib
from pathlib import Path

from groundup.book import BookError

OWN = "GROUNDUP_MNIST"  # the reader's own mirror (an address) or folder, asked instead of all others
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
TIMEOUT = (5.0, 20.0)  # seconds to connect, and between two pieces of the answer

# SHA-256 of the decompressed files: the compressed ones differ from mirror to mirror.
HASHES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class DataError(BookError):
    """The data cannot be had: the message says what was tried and what works without it."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback: the message alone."""
        return [f"DataError: {self}"]


def fetch(name: str) -> bytes:
    """The decompressed bytes of the file `name`, which has the right SHA-256.

    Raises: DataError when no folder, cache or mirror has it, or when it cannot be stored.
    """
    own = os.environ.get(OWN, "").removeprefix("file://")
    if own and "://" not in own:
        return _from_folder(Path(own).expanduser(), name)
    if own and not own.startswith(("http://", "https://")):
        raise DataError(f"{OWN}={own}: give a folder, or an address that begins with http:// or https://; {_WITHOUT}")
    import pooch  # here, for the embedded data need no downloader
    import requests

    pooch.get_logger().setLevel("WARNING")
    cached = Path(pooch.os_cache("groundup")) / f"{name}.gz"
    download = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
    failures = []
    try:
        if cached.is_file():
            try:
                return _verified(cached, name)
            except ValueError:
                cached.unlink(missing_ok=True)
        for mirror in (own,) if own else MIRRORS:
            url = f"{mirror.rstrip('/')}/{name}.gz"
            try:
                pooch.retrieve(url, None, cached.name, cached.parent, downloader=download)
                return _verified(cached, name)
            except (requests.RequestException, ValueError) as reason:
                cached.unlink(missing_ok=True)
                failures.append(f"  {url}: {_reason(reason)}")
    except OSError as error:
        raise DataError(
            f"MNIST cannot be stored in {cached.parent}: {error.strerror or error}: make room there (it takes 12 MB), "
            f"or set {OWN} to a folder that has its files; {_WITHOUT}"
        ) from None
    raise DataError("\n".join(["MNIST could not be downloaded. Tried:", *failures, _REMEDY]))


_WITHOUT = "the embedded digits need no network (leave DATA unset)"
_REMEDY = (
    f"With a copy of its four files (.gz or unpacked), set {OWN} to their folder, or to the address of a mirror; "
    f"{_WITHOUT}"
)


def _reason(error: Exception) -> str:
    """What went wrong, in the words of a person rather than of a network library."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"no answer for {TIMEOUT[1]:g} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the download was cut off"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return str(error)


def _from_folder(folder: Path, name: str) -> bytes:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            try:
                return _verified(path, name)
            except (ValueError, OSError) as error:
                raise DataError(f"{OWN}: {path}: {error}: copy it again, or unset {OWN}; {_WITHOUT}") from None
    raise DataError(f"{OWN}={folder}: there is no {name}.gz: it is a folder with MNIST's four files; {_WITHOUT}")


def _verified(path: Path, name: str) -> bytes:
    """The decompressed content of a file. Raises: ValueError when it is not the content that `name` must have."""
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ValueError("cut off or damaged") from None
    if hashlib.sha256(content).hexdigest() != HASHES[name]:
        raise ValueError("damaged, or another file: its SHA-256 is not MNIST's")
    return content
