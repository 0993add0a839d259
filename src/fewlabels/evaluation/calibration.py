"""Temperature scaling: one number that makes confidences agree with how often they are right (Guo et al., ICML 2017).

Legend: n images, K classes, T the temperature by which logits are divided.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

LEAST_VALIDATION = 50
"""Validation images from which a temperature is fitted: with fewer, it would be little better than chance."""
_SPAN = 4.0
"""T is between e^-4 and e^4 times the standard deviation of the logits."""


@dataclass(frozen=True)
class Calibration:
    """The temperature of a run, and what it was fitted on."""

    temperature: float = 1.0
    source: Literal["held-out labels", "validation images", "nothing"] = "nothing"
    num_images: int = 0

    def figures(self) -> dict[str, Any]:
        """Return plain values for metrics.json."""
        return asdict(self)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Minimise the mean log-loss of softmax(logits / T) over T.

    Args:
        logits: (n, K), at least one image.
        labels: (n,) int64.

    Returns:
        T and the log-loss in nats.
    """
    rows = np.arange(len(labels))
    return _minimise(logits, lambda scaled: -float(log_softmax(scaled, axis=1)[rows, labels].mean()))


def fit_mark_temperature(logits: np.ndarray, marks: np.ndarray) -> tuple[float, float]:
    """Minimise the mean log-loss of sigmoid(logits / T) over T.

    Args:
        logits: (n, K).
        marks: (n, K) 1 present, -1 absent, 0 unknown; at least one is known.

    Returns:
        T and the log-loss of the known marks in nats.
    """
    known = marks != 0
    return _minimise(logits, lambda scaled: -float(log_expit((scaled * marks)[known]).mean()))


def _minimise(logits: np.ndarray, loss: Callable[[np.ndarray], float]) -> tuple[float, float]:
    scale = max(float(logits.std()), 1e-12)
    found: Any = minimize_scalar(
        lambda log_t: loss(logits / (scale * np.exp(log_t))), bounds=(-_SPAN, _SPAN), method="bounded"
    )
    return scale * float(np.exp(found.x)), float(found.fun)
