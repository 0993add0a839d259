"""Draw digit scenes: small photographs with handwritten digits in them, made from scikit-learn's data.

They have one or several labels per image and boxes, at any size and without a download, to try methods on that need
maps, mixing, partial labels or boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count as count_from
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torchvision.ops import box_iou

from fewlabels.randomness import Draws, key_of

Box = tuple[int, float, float, float, float]
"""(digit, x0, y0, x1, y1) in pixels, half-open."""

NUM_CLASSES = 10
MOST_DIGITS = 4
"""The most digits in one scene, so that there is room for them."""
SIDES = (0.3, 0.6)
"""The range of the side of an enlarged digit, margins included, as a fraction of the scene's side."""
CROPS = (0.25, 0.6)
"""The range of the side of the background, as a fraction of the photograph's height."""
TRAIN_PART = 0.6
"""The part of each photograph, from the left, that the backgrounds of training scenes are cut from."""
INK = (0.25, 0.75)
"""The grey levels, from 0 to 1, at which a digit begins to cover the background, and covers it most."""
COVER = 0.85
"""The opacity, from 0 to 1, where a digit covers the background most."""
CONTRAST = 80
"""How much lighter or darker the colour of a digit is than the mean background behind it, of 255 levels."""
LARGEST_IOU = 0.1
"""The IoU of the boxes of two digits of one scene is below this."""
_PLACES = 20
"""Random places that are tried for each digit before all are drawn again."""
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Scenes:
    """N scenes of S x S pixels."""

    pixels: np.ndarray
    """(N, S, S, 3) uint8."""
    present: np.ndarray
    """(N, 10) bool: which digits are in the scene."""
    boxes: tuple[tuple[Box, ...], ...]
    """For each scene the tight boxes of its digits' ink, in the order of painting: later digits may cover earlier."""


def draw_scenes(
    count: int, seed: int, split: Literal["train", "test"], digits: tuple[int, int] = (1, 1), size: int = 64
) -> Scenes:
    """Draw scenes with handwritten digits, in random colours and of random sizes, over parts of two photographs.

    The digits of one scene are of different classes, and all classes are about equally frequent: with the same number
    of digits in every scene, exactly equally frequent in every ten scenes. Scene i depends only on the seed, the split
    and i. The splits share neither a digit (test has digits 3, 7, 11 ... of scikit-learn, as in the data set
    ``digits``) nor a pixel of a photograph.

    Args:
        count: number of scenes.
        seed: another seed draws other scenes.
        split: "train" or "test".
        digits: the fewest and the most digits in a scene, from 0 to 4; all numbers between them are equally probable.
            The backgrounds do not depend on it: (0, 0) draws only these.
        size: S, the side of a scene in pixels; at least 16.
    """
    fewest, most = digits
    assert 0 <= fewest <= most <= MOST_DIGITS
    assert size >= 16, "a digit would not be legible"
    draws = Draws(key_of(seed, "digit scenes", split), torch.arange(count))
    photographs, glyphs = _photographs(split), _glyphs(split)
    numbers = (fewest + draws.fork("number").integers(most - fewest + 1))[:, 0].tolist()
    classes = _classes(draws).tolist()
    places = draws.fork("background").uniform(5).tolist()
    pixels = np.zeros((count, size, size, 3), np.uint8)
    boxes = []
    for row, scene in enumerate(pixels):
        own = draws.take(torch.tensor([row]))
        scene[:] = _background(photographs, places[row], size)
        arranged = _arrange([(c, glyphs[c]) for c in classes[row][: numbers[row]]], size, own)
        for number, digit in enumerate(arranged):
            _paint(scene, digit, own.fork("colour").fork(number).uniform(4)[0].tolist())
        boxes.append(tuple((digit.digit, *map(float, digit.box)) for digit in arranged))
    present = np.array([[c in {box[0] for box in own} for c in range(NUM_CLASSES)] for own in boxes], dtype=bool)
    return Scenes(pixels, present.reshape(count, NUM_CLASSES), tuple(boxes))


class _Digit(NamedTuple):
    """An enlarged digit and its place in a scene."""

    digit: int
    opacity: np.ndarray
    """(h, w) float64 from 0 to 1: its ink, which every outermost row and column has some of."""
    left: int
    top: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) in pixels, half-open."""
        height, width = self.opacity.shape
        return self.left, self.top, self.left + width, self.top + height


def _photographs(split: str) -> list[Image.Image]:
    """Return the split's part of each of scikit-learn's two photographs."""
    from sklearn.datasets import load_sample_images

    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
    parts = []
    for photograph in photographs:
        edge = round(TRAIN_PART * photograph.width)
        left, right = (0, edge) if split == "train" else (edge, photograph.width)
        parts.append(photograph.crop((left, 0, right, photograph.height)))
    return parts


def _glyphs(split: str) -> list[np.ndarray]:
    """Return the split's digits of each class, (n, 8, 8) uint8."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    own = (np.arange(len(labels)) % 4 == 3) == (split == "test")
    return [pixels[own & (labels == digit)] for digit in range(NUM_CLASSES)]


def _classes(draws: Draws) -> np.ndarray:
    """Return (N, MOST_DIGITS): different classes in a row, and each class once in every ten rows of a column."""
    tens = Draws(draws.key, torch.arange(-(-len(draws.slots) // NUM_CLASSES)))
    order = tens.fork("order").uniform(NUM_CLASSES).argsort(1)
    shifts = tens.fork("shifts").uniform(NUM_CLASSES).argsort(1)[:, None, :MOST_DIGITS]
    places = (torch.arange(NUM_CLASSES)[:, None] + shifts) % NUM_CLASSES
    classes = order[:, None].expand(-1, NUM_CLASSES, -1).gather(2, places)
    return classes.flatten(0, 1)[: len(draws.slots)].numpy()


def _background(photographs: Sequence[Image.Image], numbers: Sequence[float], size: int) -> np.ndarray:
    """Cut a (size, size, 3) part out of a photograph, mirrored or not, chosen by five numbers in [0, 1)."""
    which, length, x, y, mirror = numbers
    photograph = photographs[int(which * len(photographs))]
    side = (CROPS[0] + (CROPS[1] - CROPS[0]) * length) * photograph.height
    left, top = x * (photograph.width - side), y * (photograph.height - side)
    part = photograph.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    return np.asarray(part)[:, :: -1 if mirror < 0.5 else 1]


def _arrange(digits: Sequence[tuple[int, np.ndarray]], size: int, draws: Draws) -> list[_Digit]:
    """Draw sizes and places for the digits until no two of them overlap by ``LARGEST_IOU`` or more."""
    for attempt in count_from():
        arranged = _try_to_arrange(digits, size, draws.fork("arrangement").fork(attempt))
        if arranged is not None:
            return arranged
    raise AssertionError


def _try_to_arrange(digits: Sequence[tuple[int, np.ndarray]], size: int, draws: Draws) -> list[_Digit] | None:
    arranged: list[_Digit] = []
    for position, (digit, glyphs) in enumerate(digits):
        numbers = draws.fork(position).uniform(2 + 2 * _PLACES)[0].double()
        which, length = numbers[:2].tolist()
        opacity = _ink(glyphs[int(which * len(glyphs))], round(size * (SIDES[0] + (SIDES[1] - SIDES[0]) * length)))
        extent = torch.tensor(opacity.shape[::-1])
        corners = (numbers[2:].view(_PLACES, 2) * (size - extent + 1)).long()
        taken = torch.tensor([other.box for other in arranged]).view(-1, 4)
        free = (box_iou(torch.cat([corners, corners + extent], dim=1), taken) < LARGEST_IOU).all(1)
        if not free.any():
            return None
        left, top = corners[free][0].tolist()
        arranged.append(_Digit(digit, opacity, left, top))
    return arranged


def _ink(glyph: np.ndarray, side: int) -> np.ndarray:
    """Enlarge an (8, 8) glyph to a side in pixels, crop its empty margins, and return its opacity."""
    grey = np.asarray(Image.fromarray(glyph).resize((side, side), Image.Resampling.BICUBIC)) / 255
    opacity = ((grey - INK[0]) / (INK[1] - INK[0])).clip(0, 1)
    rows, columns = (np.flatnonzero(opacity.any(axis)) for axis in (1, 0))
    return opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _paint(scene: np.ndarray, digit: _Digit, numbers: Sequence[float]) -> None:
    left, top, right, bottom = digit.box
    part = scene[top:bottom, left:right]
    behind = np.average(part @ _LUMA, weights=digit.opacity)
    cover = COVER * digit.opacity[:, :, None]
    part[:] = np.rint(part + cover * (_colour(float(behind), numbers) - part))


def _colour(behind: float, numbers: Sequence[float]) -> np.ndarray:
    """Draw a colour, (3,) from 0 to 255, whose luma is uniform where it differs by ``CONTRAST`` from ``behind``."""
    darker, lighter = max(0.0, behind - CONTRAST), max(0.0, 255 - CONTRAST - behind)
    luma = numbers[0] * (darker + lighter)
    luma = luma if luma < darker else luma - darker + behind + CONTRAST
    colour = 255 * np.array(numbers[1:])
    own = float(colour @ _LUMA)
    # Mixing with black or white changes the luma and keeps the hue.
    return colour * luma / own if luma < own else 255 - (255 - colour) * (255 - luma) / (255 - own)
