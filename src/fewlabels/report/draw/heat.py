"""A heat map over an image."""

import numpy as np
from PIL import Image

from fewlabels.report.draw.thumbnail import data_uri, sized

# Nine evenly spaced colours of "inferno": brighter is always more, also in grey and for colour-blind readers.
_COLOURS = np.array(
    [
        (0, 0, 4), (31, 12, 72), (85, 15, 109), (136, 34, 106), (186, 54, 85), (227, 89, 51), (249, 140, 10),
        (249, 201, 50), (252, 255, 164),
    ],
    np.float64,
)  # fmt: skip
_OPACITY = 0.6


def colours(values: np.ndarray) -> np.ndarray:
    """Return (..., 3) uint8 colours of values from 0 to 1, of any shape."""
    stops = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(values, stops, channel) for channel in _COLOURS.T], -1).round().astype(np.uint8)


def overlay(pixels: np.ndarray, heat: np.ndarray) -> str:
    """Draw a heat map over a grey thumbnail of an image; the lowest value is dark, the highest bright.

    Args:
        pixels: (H, W, C) uint8, C = 1 or 3.
        heat: (h, w) finite numbers of any size and range, enlarged to the image bilinearly. A constant map is dark.

    Returns:
        A PNG data URI in the size of the image's own :func:`fewlabels.report.draw.thumbnail.thumbnail`.
    """
    grey = sized(pixels).convert("L").convert("RGB")
    assert np.isfinite(heat).all()
    span = float(heat.max() - heat.min())
    share = (heat - heat.min()) / span if span else np.zeros_like(heat)
    large = Image.fromarray(share.astype(np.float32)).resize(grey.size, Image.Resampling.BILINEAR)
    return data_uri(Image.blend(grey, Image.fromarray(colours(np.asarray(large))), _OPACITY))
