"""DNLL: the terms of its loss, and the settings of Table 6.

Labels such as D1 and N-1 refer to docs/papers/dnll.md. Negative labels themselves are tested in test_negatives.py.
"""

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fewlabels.errors import UserError
from fewlabels.methods.classify.dnll import DNLL, DNLLParameters
from fewlabels.methods.method import Batch, Labelled, Problem, Unlabelled
from fewlabels.models.classifier import Classifier, Ensemble, SingleClassifier
from fewlabels.randomness import Draws

CLASSES = 4
IDENTITY = np.eye(4)
SHIFTED = np.roll(np.eye(4), 1, axis=1)
"""A network that predicts class c - 1 where the identity predicts c."""
OTHER = np.random.default_rng(1).normal(size=(4, 4))
LABELLED = (np.array([[5.0, 0, 0, 0], [0, 5, 0, 0]]), np.array([[2.0, 0, 1, 0], [0, 0, 0, 1]]))
"""Two views of two images, of the classes 0 and 1."""
WEAK = np.array([[4.0, 0, 1, 0], [0, 4, 0, 0], [0, 1, 4, 0], [4, 0, 0, 1], [0, 0, 0, 2]])
STRONG = np.array([[1.0, 0, 2, 0], [0, 1, 1, 0], [3, 0, 0, 1], [0, 0, 0, 0], [2, 1, 0, -1]])


def linear(weight: np.ndarray) -> Classifier:
    head = nn.Linear(4, 4, bias=False)
    head.weight.data = torch.from_numpy(weight).float()
    return SingleClassifier(nn.Identity(), head, 4, 4)


def method(first: np.ndarray = IDENTITY, second: np.ndarray = SHIFTED, **parameters: object) -> DNLL:
    values = DNLLParameters(**parameters)  # pyright: ignore[reportArgumentType]
    return DNLL(Ensemble([linear(first), linear(second)]), values, Problem(CLASSES, 8, num_labelled=2, epochs=1))


def batch(
    labelled: tuple[np.ndarray, np.ndarray] = LABELLED, labels: tuple[int, ...] = (0, 1), weak: np.ndarray = WEAK,
    strong: np.ndarray = STRONG, progress: float = 1.0, key: int = 5,
) -> Batch:  # fmt: skip
    first, second, *views = (torch.from_numpy(x).float() for x in (*labelled, weak, strong))
    rows = torch.arange(len(weak))
    known = Labelled((first, second), torch.tensor(labels), torch.arange(len(labels)))
    return Batch(known, Unlabelled(tuple(views), rows), 0, progress, Draws(key, rows))


def values(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: term.item() for name, term in terms.items()}


def softmax(features: np.ndarray, weight: np.ndarray) -> np.ndarray:
    z = np.exp(features @ weight.T)
    return z / z.sum(1, keepdims=True)


def slope(p: np.ndarray, k: int) -> np.ndarray:
    """Return the gradient of -log(1 - p_k) at the logits."""
    return np.where(np.arange(len(p)) == k, p[k], -p * p[k] / (1 - p[k]))


def all_negatives(weight: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over the strong views of -log(1 - p_k), summed over all classes k other than the label."""
    each = -np.log(1 - softmax(STRONG, weight))
    each[range(len(each)), labels] = 0
    return each.sum(1).mean()


LABELS = [(WEAK @ weight.T).argmax(1) for weight in (IDENTITY, SHIFTED)]
CROSS = all_negatives(IDENTITY, LABELS[1]) + all_negatives(SHIFTED, LABELS[0])
SELF = all_negatives(IDENTITY, LABELS[0]) + all_negatives(SHIFTED, LABELS[1])


def gradients(made: DNLL, given: Batch, *names: str) -> list[Tensor]:
    """Return the gradients of the sum of these terms, or of all, at each network's head."""
    made.zero_grad()
    terms = made(given).terms
    torch.stack([terms[name] for name in names or terms]).sum().backward()
    heads = [cast(Tensor, network.head.weight) for network in made.model.networks()]
    return [torch.zeros_like(head) if head.grad is None else head.grad.clone() for head in heads]


def test_each_network_is_trained_on_its_own_labelled_view() -> None:
    """The cross-entropies of both networks are summed (Eq. 14)."""
    expected = sum(
        -np.log(softmax(view, weight)[[0, 1], [0, 1]]).mean()
        for view, weight in zip(LABELLED, (IDENTITY, SHIFTED), strict=True)
    )
    assert method()(batch()).terms["supervised"].item() == pytest.approx(expected, abs=1e-5)


def test_the_loss_is_supervised_plus_lambda_times_cross_plus_self() -> None:
    """Eq. 14 to 21 with all K - 1 negatives, so that nothing is random, and with different weights of the terms."""
    found = values(method(m=3, weight=0.7, cross_weight=0.5, self_weight=0.25)(batch()).terms)
    assert set(found) == {"supervised", "cross", "self"}
    assert found["cross"] == pytest.approx(0.7 * 0.5 * CROSS, abs=1e-5)
    assert found["self"] == pytest.approx(0.7 * 0.25 * SELF, abs=1e-5)


def test_the_mean_over_negatives_is_a_third_of_the_sum_over_three() -> None:
    """D5."""
    found = values(method(m=3, reduction="mean", weight=1.0)(batch()).terms)
    assert found["cross"] == pytest.approx(CROSS / 3, abs=1e-5)
    assert found["self"] == pytest.approx(SELF / 3, abs=1e-5)


@pytest.mark.parametrize(
    ("epoch", "weight"), [(0, 0.505346), (5, 0.822825), (10, 1.306678), (15, 2.023823), (16, 2), (100, 2)]
)
def test_lambda_ramps_up_as_in_the_authors_code(epoch: int, weight: float) -> None:
    """N-4 and D18, for a run of 100 epochs; the supervised loss has no ramp."""
    found = values(method(m=3)(batch(progress=epoch / 100)).terms)
    assert found["cross"] == pytest.approx(weight * CROSS, rel=1e-5)
    assert found["self"] == pytest.approx(weight * SELF, rel=1e-5)
    assert found["supervised"] == values(method(m=3)(batch()).terms)["supervised"]


def test_the_cross_and_the_self_term_use_the_same_draw() -> None:
    """D9: Y^c1 and Y^c2 are the same symbols in both, so for equal networks the two sums are equal."""
    for m in (1, 2):
        found = values(method(OTHER, OTHER, m=m, selection="ep")(batch()).terms)
        assert found["cross"] == pytest.approx(found["self"], abs=1e-6)


def test_the_networks_draw_independently() -> None:
    """With a common draw, equal networks would get equal gradients."""
    many = np.repeat(WEAK, 20, axis=0), np.repeat(STRONG, 20, axis=0)
    first, second = gradients(method(OTHER, OTHER), batch(weak=many[0], strong=many[1]), "self")
    assert not torch.allclose(first, second, atol=1e-3)


def test_each_step_has_its_own_draws_which_can_be_repeated() -> None:
    once, again, later = (values(method()(batch(key=key)).terms) for key in (5, 5, 6))
    assert once == again
    assert once["cross"] != later["cross"]


def test_a_single_negative_is_one_of_the_other_classes() -> None:
    """m = 1, one image: the self term is -log(1 - p_k) of a k other than the prediction, and each such k occurs."""
    weak, strong = WEAK[:1], STRONG[:1]
    p, seen = softmax(strong, IDENTITY)[0], set[int]()
    for key in range(40):
        found = gradients(method(m=1, selection="ep", weight=1.0), batch(weak=weak, strong=strong, key=key), "self")[0]
        seen |= {k for k in range(CLASSES) if np.allclose(found.numpy(), np.outer(slope(p, k), strong[0]), atol=1e-6)}
    assert seen == {1, 2, 3}


# Table 6 has m = 3 of ten classes; here m is 3 of four, or 1 where the choice matters.


def test_with_self_learning_the_networks_do_not_affect_each_other() -> None:
    """SL, cross_weight 0: the gradient of the first network does not depend on the second (D1)."""
    found = [
        gradients(method(IDENTITY, second, m=1, cross_weight=0.0), batch())[0] for second in (SHIFTED, OTHER, -OTHER)
    ]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert method(m=3, cross_weight=0.0, weight=1.0)(batch()).terms["self"].item() == pytest.approx(SELF, abs=1e-5)


def test_with_mutual_learning_the_second_network_affects_the_first() -> None:
    found = [gradients(method(IDENTITY, second, m=3), batch())[0] for second in (SHIFTED, OTHER)]
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_algorithm_1_uses_only_the_others_negatives() -> None:
    """D1, self_weight 0: the first network's gradient does not depend on its own predictions on the weak views."""
    made = method(m=3, self_weight=0.0, weight=1.0)
    terms = values(made(batch()).terms)
    assert terms["self"] == 0
    assert terms["cross"] == pytest.approx(CROSS, abs=1e-5)
    head = torch.from_numpy(IDENTITY).requires_grad_()
    p = (torch.from_numpy(STRONG) @ head.T).softmax(1)
    surprise = -torch.log(1 - p)
    taught = torch.from_numpy(LABELS[1])[:, None]
    (surprise.sum(1) - surprise.gather(1, taught)[:, 0]).mean().backward()
    assert head.grad is not None
    torch.testing.assert_close(gradients(made, batch(), "cross")[0].double(), head.grad, rtol=0, atol=1e-5)


MANY = np.repeat([[9.0, 0, 0, 0]], 40, axis=0)
"""Forty images that the identity confidently predicts as 0, and the shifted network as 3."""


def confused(**parameters: float) -> tuple[DNLL, Batch]:
    """Return networks and a batch on which only the second errs: it predicts 3 for forty labelled images of class 0.

    With a confidence of about 1, Pr[0, 3] becomes 40, so that its negatives of class 0 are 3 except once in 10^17. The
    first network does not err and gets all classes. It predicts 0 for the unlabelled images, the second predicts 3.
    """
    made = method(IDENTITY, SHIFTED, **{"m": 1, "momentum": 0.0, "weight": 1.0, **parameters})
    strong = np.tile(STRONG[:1], (40, 1))
    return made, batch((MANY, MANY), (0,) * 40, MANY, strong)


def test_a_network_is_trained_on_negatives_that_it_tends_to_predict() -> None:
    """D2, Fig. 3: the first network's negatives of class 0 are drawn by R of the second, so all are class 3.

    Both are trained on them: the second as the learner, the first because its self term has the same draw (D9).
    """
    made, given = confused()
    for number, weight, name in ((1, SHIFTED, "cross"), (0, IDENTITY, "self")):
        p = softmax(STRONG[:1], weight)[0]
        found = gradients(made, given, name)[number]
        np.testing.assert_allclose(found.numpy(), np.outer(slope(p, 3), STRONG[0]), atol=1e-5)
    assert cast(Tensor, made.perceptions[1].confusion)[0].tolist() == pytest.approx([0, 0, 0, 40], abs=0.05)
    assert not cast(Tensor, made.perceptions[0].confusion).any()


def test_self_learning_draws_by_the_errors_of_the_network_itself() -> None:
    """D1: with SL the first network, which does not err, draws all three classes equally often."""
    made, given = confused(cross_weight=0.0)
    first = gradients(made, given, "self")[0]
    p = softmax(STRONG[:1], IDENTITY)[0]
    slopes = [slope(p, k) for k in (1, 2, 3)]
    shares = np.linalg.lstsq(np.array(slopes).T, first.numpy()[:, 0] / STRONG[0, 0], rcond=None)[0]
    assert shares.sum() == pytest.approx(1, abs=1e-4)
    assert ((shares > 0.1) & (shares < 0.6)).all()  # shares of forty draws


def test_errors_are_counted_before_the_negatives_of_the_same_step_are_drawn() -> None:
    """D7 and D8: the labelled pass of this step updates Pr; with a momentum of 0.5 Pr is half of its errors."""
    made, given = confused(momentum=0.5)
    for expected in (20, 30):
        made(given)
        assert cast(Tensor, made.perceptions[1].confusion)[0, 3].item() == pytest.approx(expected, abs=0.05)


def test_errors_have_no_gradient() -> None:
    """D8: Pr has no gradient; the labelled images get a gradient from the supervised loss only."""
    made, given = confused()
    views = tuple(view.requires_grad_() for view in given.labelled.views)
    terms = made(given).terms
    (terms["cross"] + terms["self"]).backward(retain_graph=True)
    assert all(view.grad is None or not view.grad.any() for view in views)
    terms["supervised"].backward()
    assert views[1].grad is not None
    assert views[1].grad.any()


@pytest.mark.parametrize("selection", ["ep", "epm"])
def test_a_network_that_is_certain_of_a_negative_gets_a_gradient(selection: str) -> None:
    """N-1 in the whole method: in float32 1 - p is 0 here. With two classes the negative is not random."""
    head = nn.Linear(2, 2, bias=False)
    head.weight.data = torch.eye(2)
    networks = [SingleClassifier(nn.Identity(), head, 2, 2), SingleClassifier(nn.Identity(), head, 2, 2)]
    parameters = DNLLParameters(weight=1.0, selection=selection)  # pyright: ignore[reportArgumentType]
    made = DNLL(Ensemble(networks), parameters, Problem(2, 8, num_labelled=2, epochs=1))
    rows = torch.arange(1)
    labelled = Labelled((torch.eye(2),) * 2, torch.tensor([0, 1]), torch.arange(2))
    views = (
        torch.tensor([[5.0, 0]]),
        torch.tensor([[0.0, 60]]),
    )  # weak: class 0, so the negative is 1; strong: certainly 1
    terms = made(Batch(labelled, Unlabelled(views, rows), 0, 1.0, Draws(1, rows))).terms
    assert terms["cross"].item() == terms["self"].item() == pytest.approx(2 * 60, abs=1e-4)
    (terms["cross"] + terms["self"]).backward()
    assert isinstance(head.weight.grad, Tensor)
    assert head.weight.grad[:, 1].tolist() == pytest.approx([-4 * 60, 4 * 60], abs=1e-2)


@pytest.mark.parametrize(("m", "classes"), [(4, 4), (5, 4), (2, 2), (0, 4)])
def test_there_are_fewer_negatives_than_classes(m: int, classes: int) -> None:
    with pytest.raises(UserError, match=rf"^--method\.m {m} does not fit {classes} classes.*\d$"):
        DNLLParameters(m=m).validate(classes)


def test_the_mean_probability_of_both_networks_is_evaluated() -> None:
    made = method(IDENTITY, OTHER)
    x = torch.from_numpy(STRONG).float()
    expected = (softmax(STRONG, IDENTITY) + softmax(STRONG, OTHER)) / 2
    np.testing.assert_allclose(made.model(x).detach().softmax(1).numpy(), expected, atol=1e-6)
    assert made.accepts(torch.full((3, 4), 0.25)).all()
