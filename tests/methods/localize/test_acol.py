"""ACoL: losses and gradients of the two branches."""

from typing import Any

import pytest
import torch
from tests.methods.linear import batch

from fewlabels.errors import UserError
from fewlabels.methods.localize.acol import ACoL, ACoLParameters
from fewlabels.methods.method import Batch, Problem
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.localizer import Localizer

LABELS = [0, 1, 2, 0]


def made(backbone: str = "small_cnn", size: int = 16, **values: Any) -> ACoL:
    torch.manual_seed(0)
    parameters = ACoLParameters(**values)
    network = ACoL.network(parameters)
    spec = ModelSpec(backbone, 3, 3, size, network.head, None, (0.5,) * 3, (0.3,) * 3, boxes=network.boxes)
    model = build(spec)
    assert isinstance(model, Localizer)
    return ACoL(model, parameters, Problem(3, 8, 8, 0))


def images(size: int = 16) -> Batch:
    x = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1))
    return batch(x, LABELS, (x,))


def test_each_loss_trains_its_own_branch() -> None:
    method, classifier = made(), made().classifier
    for term, learns, rests in (("supervised", "head", "complement"), ("erased", "complement", "head")):
        method.zero_grad()
        method.losses(images()).terms[term].backward()
        weights = dict(method.classifier.named_parameters())
        assert all(w.grad is not None and w.grad.any() for n, w in weights.items() if n.startswith(learns))
        assert all(w.grad is None or not w.grad.any() for n, w in weights.items() if n.startswith(rests))
        assert all(w.grad is not None for n, w in weights.items() if n.startswith("backbone."))
    assert {name for name, _ in classifier.named_children()} == {"backbone", "head", "complement"}


@pytest.mark.usefixtures("in_float64")
def test_the_losses_are_the_cross_entropies_of_both_mean_maps() -> None:
    method = made().eval()
    with torch.no_grad():
        terms = method.losses(images()).terms
        maps = method.classifier.both_maps(images().labelled.views[0], torch.tensor(LABELS))
        for term, branch in zip(("supervised", "erased"), maps, strict=True):
            log_p = branch.flatten(2).mean(2).log_softmax(1)
            torch.testing.assert_close(terms[term], -log_p[torch.arange(4), torch.tensor(LABELS)].mean())


@pytest.mark.usefixtures("in_float64")
def test_features_are_erased_by_the_true_class_and_not_by_the_prediction() -> None:
    method = made().eval()
    x = images().labelled.views[0]
    with torch.no_grad():
        wrong = (method.model(x).argmax(1) + 1) % 3
        guessed, true = (method.classifier.both_maps(x, classes).second for classes in (None, wrong))
        assert not torch.equal(guessed, true)
        loss = torch.nn.functional.cross_entropy(true.mean((2, 3)), wrong)
        torch.testing.assert_close(method.losses(batch(x, wrong.tolist(), (x,))).terms["erased"], loss)


def test_the_threshold_is_passed_to_the_network() -> None:
    assert made(erasing=0.25).classifier.erasing == 0.25
    with pytest.raises(UserError, match="erasing"):
        made(erasing=0.0)


@pytest.mark.parametrize(("backbone", "size"), [("small_cnn", 64), ("mobilenetv2_100", 64), ("test_convnext", 32)])
def test_every_weight_has_a_gradient_and_boxes_are_predicted(backbone: str, size: int) -> None:
    method = made(backbone, size)
    sum(method.losses(images(size)).terms.values(), torch.zeros(())).backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in method.parameters())
    found = method.model.eval().locate(images(size).labelled.views[0])
    assert found.boxes.shape == (4, 4)
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
