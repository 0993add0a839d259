"""Decode an image file: the whole image, upright, in 8 bits, grey or RGB; and resize it to a square."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError, features

_SUFFIXES = ".jpg .jpeg .jpe .jfif .png .bmp .gif .tif .tiff .webp .avif .ppm .pgm .pbm .pnm"
SUFFIXES = frozenset(_SUFFIXES.split())
"""The suffixes of image files, in lower case."""
MAX_PIXELS = 178_956_970
"""A larger image is refused as a decompression bomb: twice the size at which Pillow warns."""
HAS_AVIF = "avif" in features.modules and features.check_module("avif")
"""Whether Pillow reads AVIF: it can from 11.3 on, where it was built with libavif."""
DECODERS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", *(["AVIF"] if HAS_AVIF else []))
"""Only these decoders run, whatever the file claims to be: Pillow's EPS reader, for one, starts a program."""
ORIENTATION = 0x0112
"""The EXIF entry that says how the image is turned."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Item = TypeVar("Item")
Result = TypeVar("Result")
DecodeProgress = Callable[[int, int], None]
"""Called with (done, total)."""


class BadImage(Exception):
    """An image that cannot be used; the message continues the sentence "this file ..."."""


def decode(path: Path) -> Image.Image:
    """Decode a file to the end, apply EXIF rotation, and return the image in mode "L" or "RGB".

    Only the first frame of an animation is read. Transparency is composited over white, as a viewer or a printed page
    shows it. 16-bit grey is scaled from 0..65535 to 0..255; CMYK, palettes and 1-bit images are converted.

    Raises:
        BadImage: the file is missing, empty, truncated, no image, too large, or has 32-bit pixels.
    """
    try:
        with Image.open(path, formats=DECODERS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadImage(f"is too large to decode safely ({image.width} x {image.height} pixels)")
            image.load()
            return _to_8_bit(_upright(image))
    except BadImage:
        raise
    except Exception as error:
        # Pillow raises a dozen types on damaged files (struct.error, SyntaxError, IndexError ...)
        raise BadImage(_describe(path, error)) from error


def resize_to_square(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """Resize the whole image to a square, bicubically with antialiasing; an image of that size is not changed.

    The aspect ratio is not kept, so that nothing is cropped and boxes map linearly.

    Args:
        image: any mode that :func:`decode` returns.
        size: side of the square, in pixels.
        channels: 1 (grey) or 3 (RGB).

    Returns:
        (size, size, channels) uint8.
    """
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.array(image).reshape(size, size, channels)


def has_colour(image: Image.Image) -> bool:
    """Return whether an image has colour: not in mode "L", and not in RGB with equal channels."""
    if image.mode == "L":
        return False
    pixels = np.asarray(image)
    return bool((pixels[..., :1] != pixels[..., 1:]).any())


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Pillow's warnings about odd metadata and large images; what is wrong becomes a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], progress: DecodeProgress | None = None
) -> list[Result]:
    """Map a function over items, in order, on as many threads as there are cores.

    Pillow and hashlib release the interpreter lock.

    Args:
        function: called with each item.
        items: the items.
        progress: called after each item.

    Returns:
        The results in the order of the items.
    """
    results: list[Result] = []
    # Warning filters belong to the process, so they are set once around the threads, not by each of them.
    with quiet(), ThreadPoolExecutor(min(32, os.cpu_count() or 1)) as pool:
        for start in range(0, len(items), 1024):  # in blocks: a queue of a million futures would fill the memory
            for result in pool.map(function, items[start : start + 1024]):
                results.append(result)
                if progress:
                    progress(len(results), len(items))
    return results


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged metadata around sound pixels: every viewer shows such a file as it is stored
        return image
    return image if turn is None else image.transpose(turn)


def _to_8_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise BadImage("has 32-bit pixels, whose value range is unknown")
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if grey else "RGB")


def _describe(path: Path, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "does not fit in memory"
    if isinstance(error, Image.DecompressionBombError):
        return "is too large to decode safely (a decompression bomb?)"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    if path.stat().st_size == 0:
        return "is empty (0 bytes)"
    if path.suffix.lower() == ".avif" and not HAS_AVIF:
        return f"is an AVIF image, which Pillow {PIL.__version__} can't read here; install Pillow 11.3 or newer"
    if isinstance(error, UnidentifiedImageError):
        return "is not an image (no known format)"
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return "is truncated" if "truncated" in reason.lower() else f"cannot be decoded ({reason})"
