"""The linear probe of task multilabel: one regression per class from its known marks."""

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from .marked import TinyPool, make

FEATURES = torch.randn(40, 64, generator=torch.Generator().manual_seed(0))


def marks() -> torch.Tensor:
    """Return marks: class 0 by the first feature, half unknown; class 1 present or unknown; class 2 unknown."""
    found = torch.zeros(40, 3, dtype=torch.int8)
    found[::2, 0] = torch.where(FEATURES[::2, 0] > 0, 1, -1).to(torch.int8)
    found[:3, 1] = 1
    return found


def test_each_class_is_scikit_learns_regression_on_its_known_marks() -> None:
    probe = make("linear-probe")
    probe.start_round(0, TinyPool(marks(), given_features=FEATURES))
    unit = (FEATURES / FEATURES.norm(dim=1, keepdim=True)).double().numpy()
    expected = LogisticRegression(C=10, max_iter=2000).fit(unit[::2], marks()[::2, 0].numpy()).predict_proba(unit)[:, 1]
    with torch.no_grad():
        found = probe.model(FEATURES).sigmoid()[:, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)  # the model's weights are float32, scikit-learn's float64


def test_a_class_with_marks_of_one_kind_gets_a_constant() -> None:
    """Three presences and no absence give (3 + 1) / (3 + 2), no known mark gives 1/2."""
    probe = make("linear-probe")
    probe.start_round(0, TinyPool(marks(), given_features=FEATURES))
    with torch.no_grad():
        found = probe.model(FEATURES).sigmoid()
    torch.testing.assert_close(found[:, 1], torch.full((40,), 0.8))
    torch.testing.assert_close(found[:, 2], torch.full((40,), 0.5))
    assert math.isclose(float(found[0, 1]), 0.8, rel_tol=1e-5)
