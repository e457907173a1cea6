"""Pictures: the shades of grey of PNG and JPEG files, read by Pillow."""

from __future__ import annotations

from pathlib import Path

FORMATS = ("PNG", "JPEG")


def read_grey(path: str | Path, size: tuple[int, int] | None = None) -> tuple[int, int, bytes]:
    """Height, width, and a byte for each pixel, row by row, 0 black and 255 white; `size` (height, width) scales it.

    What is transparent counts as white. Raises: ValueError, which names the file, for what is no picture.
    """
    from PIL import Image, ImageMath

    try:
        with Image.open(path, formats=FORMATS) as opened:
            opened.load()
            picture: Image.Image = opened
            if picture.has_transparency_data:
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture.convert("RGBA"))
            if picture.mode.startswith("I"):  # 16 bits
                whole = picture.convert("I")
                picture = ImageMath.lambda_eval(lambda names: names["whole"] / 257, whole=whole)
            picture = picture.convert("L")
            if size is not None:
                picture = picture.resize((size[1], size[0]), Image.Resampling.BOX)
            return picture.height, picture.width, picture.tobytes()
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except Exception as error:  # whatever a file that lies has led to
        why = f"{path} is no PNG or JPEG picture, or is damaged: mend it or take it away"
        raise ValueError(f"{why} ({error})") from None
