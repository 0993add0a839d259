"""Small pictures that travel inside the page."""

import re
from base64 import b64encode
from io import BytesIO

import numpy as np
from PIL import Image

ENLARGED, LARGEST = 72, 96
_PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")


def thumbnail(pixels: np.ndarray) -> str:
    """A PNG data URI of an image in a size for the page, see :func:`sized`.

    Args:
        pixels: (H, W, C) uint8, C = 1 or 3.
    """
    return data_uri(sized(pixels))


def sized(pixels: np.ndarray) -> Image.Image:
    """An image in a size for the page.

    The longer side of a small image is enlarged by a whole factor to about 72 pixels, each pixel staying a sharp
    square; that of a large image is shrunk to 96.

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
    """The image as text that the page shows without fetching anything."""
    buffer = BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode('ascii')}"


def check_thumbnail(uri: str) -> None:
    """Raise ValueError unless it is a PNG data URI.

    The page must never fetch anything, also when it is made from another's run folder.
    """
    if not _PICTURE.fullmatch(uri):
        raise ValueError("an example's image must be a PNG data URI")
