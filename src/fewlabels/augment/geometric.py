"""Rotation, shear and translation: nearest pixel, black outside, equal to Pillow's operations.

Each computes an affine matrix per image: see :func:`fewlabels.augment.operation.affine`.
"""

import numpy as np
import torch
from torch import Tensor

from fewlabels.augment.operation import Operation, affine

_A, _B, _C, _D, _E, _F = range(6)


def _rotate(images: Tensor, magnitude: Tensor) -> Tensor:
    angle = np.radians(magnitude.to("cpu", torch.float64).numpy() % 360)
    # Rounded as in Pillow, so that a rotation by a right angle maps pixels to pixels.
    cos, sin = np.cos(angle).round(15), np.sin(angle).round(15)
    x, y = images.shape[3] / 2, images.shape[2] / 2
    coefficients = [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]
    return torch.from_numpy(np.stack(coefficients, axis=1))


def _shear_x(images: Tensor, magnitude: Tensor) -> Tensor:
    return _unit_matrix_with(_B, magnitude)


def _shear_y(images: Tensor, magnitude: Tensor) -> Tensor:
    return _unit_matrix_with(_D, magnitude)


def _translate_x(images: Tensor, magnitude: Tensor) -> Tensor:
    return _unit_matrix_with(_C, magnitude * images.shape[3])


def _translate_y(images: Tensor, magnitude: Tensor) -> Tensor:
    return _unit_matrix_with(_F, magnitude * images.shape[2])


def _translate_x_whole(images: Tensor, magnitude: Tensor) -> Tensor:
    return _unit_matrix_with(_C, _whole(magnitude * images.shape[3]))


def _translate_y_whole(images: Tensor, magnitude: Tensor) -> Tensor:
    return _unit_matrix_with(_F, _whole(magnitude * images.shape[2]))


def _unit_matrix_with(position: int, value: Tensor) -> Tensor:
    """Return (B, 6) float64 identity matrices on the CPU with one coefficient replaced."""
    matrix = np.zeros((len(value), 6))
    matrix[:, [_A, _E]] = 1
    matrix[:, position] = value.cpu().numpy()
    return torch.from_numpy(matrix)


def _whole(distance: Tensor) -> Tensor:
    """Truncate to whole pixels; a float32 product may be just below the intended integer."""
    return distance.round(decimals=3).trunc()


rotate = Operation(_rotate, affine)
"""Rotate counter-clockwise about the centre by the magnitude in degrees, like ``Image.rotate``."""

shear_x = Operation(_shear_x, affine)
"""Shear horizontally: row y is read ``magnitude * y`` pixels further right."""

shear_y = Operation(_shear_y, affine)
"""Shear vertically: column x is read ``magnitude * x`` pixels further down."""

translate_x = Operation(_translate_x, affine)
"""Move the image left by the magnitude as a fraction of its width."""

translate_y = Operation(_translate_y, affine)
"""Move the image up by the magnitude as a fraction of its height."""

translate_x_whole = Operation(_translate_x_whole, affine)
""":data:`translate_x` by a whole number of pixels, truncated."""

translate_y_whole = Operation(_translate_y_whole, affine)
""":data:`translate_y` by a whole number of pixels, truncated."""
