"""Digit scenes: small photographs with handwritten digits in them, drawn from what scikit-learn carries.

There are labels, several labels per image and boxes, at any size and without a download: what maps, mixing, partial
labels and localisation can be tried on.
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

CLASSES = 10
MOST_DIGITS = 4
"""In one scene, so that there is room for them."""
SIDES = (0.3, 0.6)
"""The side of an enlarged digit, margins included, as a fraction of the scene's."""
CROPS = (0.25, 0.6)
"""The side of the background, as a fraction of the photograph's height."""
TRAIN_PART = 0.6
"""The part of each photograph, from the left, that training scenes have their backgrounds from."""
INK = (0.25, 0.75)
"""The grey levels, of 1, at which an enlarged digit begins to cover the background, and covers it most."""
COVER = 0.85
"""The part of the colour, of 1, where a digit covers the background most."""
CONTRAST = 80
"""How much lighter or darker, in levels of 255, the colour is than the background behind the digit on average."""
LARGEST_IOU = 0.1
"""Of the boxes of two digits of one scene, not included."""
_PLACES = 20
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Scenes:
    """N scenes of S x S pixels."""

    pixels: np.ndarray
    """(N, S, S, 3) uint8."""
    present: np.ndarray
    """(N, 10) bool: which digits are in the scene."""
    boxes: tuple[tuple[Box, ...], ...]
    """For each scene the tight boxes of its digits' ink, in the order of painting: the later may cover the earlier."""


def draw_scenes(
    count: int, seed: int, split: Literal["train", "test"], digits: tuple[int, int] = (1, 1), size: int = 64
) -> Scenes:
    """Draw scenes with handwritten digits, in random colours and of random sizes, over parts of two photographs.

    The digits of one scene are of different classes, and all classes are about equally frequent: with the same number
    of digits in every scene, equally frequent in each ten scenes. Scene i depends on the seed, the split and i only.
    The splits share neither a digit (test has every fourth one, 3, 7, 11 ..., as the data set ``digits``) nor a pixel
    of a photograph.

    Arguments:
        count: how many scenes.
        seed: for other scenes.
        split: "train" or "test".
        digits: the fewest and the most digits in a scene, all numbers between them being equally probable; 0 to 4. With
            (0, 0) there are the backgrounds alone, which are those of any other choice.
        size: S, the side of a scene in pixels; 16 or more.
    """
    fewest, most = digits
    assert 0 <= fewest <= most <= MOST_DIGITS
    assert size >= 16, "a digit can't be read"
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
    present = np.array([[c in {box[0] for box in own} for c in range(CLASSES)] for own in boxes], dtype=bool)
    return Scenes(pixels, present.reshape(count, CLASSES), tuple(boxes))


class _Digit(NamedTuple):
    """An enlarged digit in its place."""

    digit: int
    opacity: np.ndarray
    """(h, w) float64 in 0..1: its ink, with some in every outermost row and column."""
    left: int
    top: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        height, width = self.opacity.shape
        return self.left, self.top, self.left + width, self.top + height


def _photographs(split: str) -> list[Image.Image]:
    """The split's part of each of scikit-learn's two photographs."""
    from sklearn.datasets import load_sample_images

    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
    parts = []
    for photograph in photographs:
        edge = round(TRAIN_PART * photograph.width)
        left, right = (0, edge) if split == "train" else (edge, photograph.width)
        parts.append(photograph.crop((left, 0, right, photograph.height)))
    return parts


def _glyphs(split: str) -> list[np.ndarray]:
    """For each class the split's digits, (n, 8, 8) uint8."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    own = (np.arange(len(labels)) % 4 == 3) == (split == "test")
    return [pixels[own & (labels == digit)] for digit in range(CLASSES)]


def _classes(draws: Draws) -> np.ndarray:
    """(N, MOST_DIGITS): different classes in a row, and, in each ten rows, each class once in a column."""
    tens = Draws(draws.key, torch.arange(-(-len(draws.slots) // CLASSES)))
    order = tens.fork("order").uniform(CLASSES).argsort(1)
    shifts = tens.fork("shifts").uniform(CLASSES).argsort(1)[:, None, :MOST_DIGITS]
    places = (torch.arange(CLASSES)[:, None] + shifts) % CLASSES
    classes = order[:, None].expand(-1, CLASSES, -1).gather(2, places)
    return classes.flatten(0, 1)[: len(draws.slots)].numpy()


def _background(photographs: Sequence[Image.Image], numbers: Sequence[float], size: int) -> np.ndarray:
    """(size, size, 3): a part of a photograph, mirrored or not, from five numbers in [0, 1)."""
    which, length, x, y, mirror = numbers
    photograph = photographs[int(which * len(photographs))]
    side = (CROPS[0] + (CROPS[1] - CROPS[0]) * length) * photograph.height
    left, top = x * (photograph.width - side), y * (photograph.height - side)
    part = photograph.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    return np.asarray(part)[:, :: -1 if mirror < 0.5 else 1]


def _arrange(digits: Sequence[tuple[int, np.ndarray]], size: int, draws: Draws) -> list[_Digit]:
    """Sizes and places for the digits, drawn again until no two of them overlap by much."""
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
    """The (8, 8) glyph enlarged to a side, as opacity, without its empty margins."""
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
    """(3,) in 0..255: a random colour whose luma is uniform where it differs enough from the one behind it."""
    darker, lighter = max(0.0, behind - CONTRAST), max(0.0, 255 - CONTRAST - behind)
    luma = numbers[0] * (darker + lighter)
    luma = luma if luma < darker else luma - darker + behind + CONTRAST
    colour = 255 * np.array(numbers[1:])
    own = float(colour @ _LUMA)
    # Mixed with black or white, so that the luma is met and the hue is kept.
    return colour * luma / own if luma < own else 255 - (255 - colour) * (255 - luma) / (255 - own)
