"""Small pictures that are stored in the page."""

import re
from base64 import b64encode
from io import BytesIO

import numpy as np
from PIL import Image

ENLARGED, LARGEST = 72, 96
_PNG = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")


def thumbnail(pixels: np.ndarray) -> str:
    """Return an image in the size of :func:`sized` as a PNG data URI.

    Args:
        pixels: (H, W, C) uint8, C = 1 or 3.
    """
    return data_uri(sized(pixels))


def sized(pixels: np.ndarray) -> Image.Image:
    """Return an image in its size on the page.

    The longer side of a small image is enlarged by a whole factor to about 72 pixels, so that each pixel stays a sharp
    square; that of a large image is reduced to 96.

    Args:
        pixels: (H, W, C) uint8, C = 1 or 3.
    """
    assert pixels.dtype == np.uint8
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    longer = max(image.size)
    if longer > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    elif (factor := round(ENLARGED / longer)) > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    return image


def data_uri(image: Image.Image) -> str:
    """Return the image as a PNG data URI, which the page shows without a request."""
    buffer = BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode('ascii')}"


def check_thumbnail(uri: str) -> None:
    """Raise ValueError unless the URI is a PNG data URI.

    A page must never make a request, even if it is made from a run folder of someone else.
    """
    if not _PNG.fullmatch(uri):
        raise ValueError("the image of an example must be a PNG data URI")
