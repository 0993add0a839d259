"""Thresholds of pseudo-labels (docs/papers/pepl.md, P-1; docs/papers/student-report.md, T-1)."""

import pytest
import torch

from fewlabels.methods.thresholds import SelfAdaptiveThresholds, above

FIRST = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.34, 0.33, 0.33]], dtype=torch.float64)
SECOND = torch.tensor([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5]], dtype=torch.float64)


def close(found: torch.Tensor, expected: list[float] | float) -> None:
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9)


def test_self_adaptive_thresholds_after_two_batches() -> None:
    thresholds = SelfAdaptiveThresholds(3, momentum=0.9).double()
    thresholds.tau.fill_(1 / 3), thresholds.p.fill_(1 / 3)
    thresholds.update(FIRST)
    close(thresholds.tau, 0.3546666667)
    close(thresholds.p, [0.3446666667, 0.3376666667, 0.3176666667])
    close(thresholds.per_class(), [0.3546666667, 0.3474635719, 0.3268833011])
    assert thresholds.keep(FIRST).tolist() == [True, True, False]
    thresholds.update(SECOND)
    close(thresholds.tau, 0.3925333333)
    close(thresholds.p, [0.3502, 0.3422333333, 0.3075666667])
    close(thresholds.per_class(), [0.3925333333, 0.3836036297, 0.3447463418])
    assert thresholds.keep(SECOND).tolist() == [True, True, True]


def test_the_default_momentum_moves_slowly() -> None:
    thresholds = SelfAdaptiveThresholds(3).double()
    thresholds.tau.fill_(1 / 3), thresholds.p.fill_(1 / 3)
    thresholds.update(FIRST)
    close(thresholds.tau, 0.3335466667)
    close(thresholds.per_class(), [0.3335466667, 0.3334766457, 0.3332765857])


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [(0.95, [0, 0, 0, 1]), (0.75, [1, 0, 0, 1]), (0.6, [1, 0, 0, 1])],
)
def test_a_fixed_threshold_keeps_confident_rows(threshold: float, kept: list[int]) -> None:
    logits = torch.tensor([[3, 0, 0], [1, 0.5, 0], [0, 2, 1.9], [0, 0, 4]], dtype=torch.float64)
    q = logits.softmax(1)
    torch.testing.assert_close(
        q.amax(1), torch.tensor([0.909443, 0.506480, 0.490155, 0.964663], dtype=torch.float64), rtol=0, atol=1e-6
    )
    assert above(q, threshold).int().tolist() == kept


def test_a_confidence_equal_to_the_threshold_is_kept() -> None:
    assert above(torch.tensor([[0.75, 0.25]]), 0.75).item()
