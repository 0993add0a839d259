"""Distribution alignment matches the mean prediction to the class frequencies of the labels."""

import torch

from fewlabels.methods.alignment import DistributionAlignment


def test_predictions_are_scaled_by_label_share_over_mean_prediction() -> None:
    """With momentum 0, labels 3 to 1 and the mean prediction (.5, .5), the odds of the first class triple."""
    alignment = DistributionAlignment(2, momentum=0.0)
    q = torch.tensor([[0.8, 0.2], [0.2, 0.8]])
    found = alignment(q, torch.tensor([0, 0, 0, 1]))
    torch.testing.assert_close(found, torch.tensor([[12 / 13, 1 / 13], [3 / 7, 4 / 7]]))


def test_balanced_predictions_with_balanced_labels_do_not_change() -> None:
    q = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    found = DistributionAlignment(2, momentum=0.9)(q, torch.tensor([0, 1]))
    torch.testing.assert_close(found, q)


def test_an_overpredicted_class_is_reduced() -> None:
    alignment = DistributionAlignment(2, momentum=0.5)
    q = torch.tensor([[0.55, 0.45], [0.9, 0.1]])
    for _ in range(20):
        found = alignment(q, torch.tensor([0, 1]))
    assert found.argmax(1).tolist() == [1, 0]
