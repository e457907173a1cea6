"""Figures of the chapters as files beside their page: one for the light scheme and one for the dark."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from pathlib import Path

from groundup.drawing.style import themed

POINT = 4 / 3  # CSS pixels in a point

_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_SIZE = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"')


def svg(source: str, alt: str, folder: Path) -> str:
    """Write a figure that Matplotlib drew as SVG; return its images in HTML. Raises: ValueError for another's SVG."""
    size = _SIZE.search(source)
    if size is None:  # Matplotlib gives it in points
        raise ValueError("shows a picture that Matplotlib did not draw: draw it with Matplotlib, or groundup.plot")
    width, height = (float(number) * POINT for number in size.groups())
    smaller = _smaller(source)
    names = [_write(themed(smaller, theme).encode(), "svg", folder) for theme in ("light", "dark")]
    return _images(alt, width, height, [f"{names[0]}#only-light", f"{names[1]}#only-dark"])


def png(encoded: str, alt: str, folder: Path) -> str:
    """Write a bitmap that was drawn at twice the size it is shown at; return its images in HTML."""
    from PIL import Image

    data = base64.b64decode(encoded)
    width, height = Image.open(io.BytesIO(data)).size
    return _images(alt, width / 2, height / 2, [_write(data, "png", folder)])


def _smaller(source: str) -> str:
    """The same picture in fewer bytes: without metadata and needless digits."""
    source = source[source.index("<svg") :]
    source = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", source, flags=re.DOTALL)
    source = re.sub(r"\s+", " ", _NUMBER.sub(_rounded, source))
    return source.replace("> <", "><")


def _rounded(match: re.Match[str]) -> str:
    number = float(match[0])
    # glyphs are scaled by about 0.0156: two decimals would let letters run into each other
    return f"{number:.2f}".rstrip("0").rstrip(".") if abs(number) >= 1 else f"{number:.4g}"


def _write(data: bytes, suffix: str, folder: Path) -> str:
    name = f"figure-{hashlib.sha256(data).hexdigest()[:10]}.{suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return name


def _images(alt: str, width: float, height: float, sources: list[str]) -> str:
    return "".join(
        f'<img alt="{html.escape(alt)}" loading="lazy" width="{width:.0f}" height="{height:.0f}" src="{source}">'
        for source in sources
    )
