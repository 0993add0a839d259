"""DNLL: what its loss is made of, and the settings of Table 6 (METHODS section 3, D1 to D9 and D18).

Negative labels themselves are in test_negatives.py.
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
"""A network that answers class c - 1 where the identity answers c."""
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
    """Of -log(1 - p_k) by the logits."""
    return np.where(np.arange(len(p)) == k, p[k], -p * p[k] / (1 - p[k]))


def all_negatives(weight: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the strong views of -log(1 - p_k), summed over every class k but the label."""
    each = -np.log(1 - softmax(STRONG, weight))
    each[range(len(each)), labels] = 0
    return each.sum(1).mean()


LABELS = [(WEAK @ weight.T).argmax(1) for weight in (IDENTITY, SHIFTED)]
CROSS = all_negatives(IDENTITY, LABELS[1]) + all_negatives(SHIFTED, LABELS[0])
SELF = all_negatives(IDENTITY, LABELS[0]) + all_negatives(SHIFTED, LABELS[1])


def gradients(made: DNLL, given: Batch, *names: str) -> list[Tensor]:
    """Of the sum of these terms, or of all, with respect to each network's head."""
    made.zero_grad()
    terms = made(given).terms
    torch.stack([terms[name] for name in names or terms]).sum().backward()
    heads = [cast(Tensor, network.head.weight) for network in made.model.networks()]
    return [torch.zeros_like(head) if head.grad is None else head.grad.clone() for head in heads]


def test_each_network_learns_the_labels_from_a_view_of_its_own() -> None:
    """Step 1 of METHODS 3.1: the cross-entropies of both networks, added up."""
    expected = sum(
        -np.log(softmax(view, weight)[[0, 1], [0, 1]]).mean()
        for view, weight in zip(LABELLED, (IDENTITY, SHIFTED), strict=True)
    )
    assert method()(batch()).terms["supervised"].item() == pytest.approx(expected, abs=1e-5)


def test_the_loss_is_supervised_plus_lambda_times_cross_plus_self() -> None:
    """Eq. 14 to 21, with all K - 1 negatives, where nothing is drawn; the weights are those of the terms."""
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
def test_lambda_grows_as_in_the_authors_code(epoch: int, weight: float) -> None:
    """N-4 and D18: epochs of 100, by default; the supervised loss has no ramp."""
    found = values(method(m=3)(batch(progress=epoch / 100)).terms)
    assert found["cross"] == pytest.approx(weight * CROSS, rel=1e-5)
    assert found["self"] == pytest.approx(weight * SELF, rel=1e-5)
    assert found["supervised"] == values(method(m=3)(batch()).terms)["supervised"]


def test_a_draw_serves_both_the_cross_and_the_self_term() -> None:
    """D9: Y^c1 and Y^c2 are the same symbols in both. Of equal networks both sums are then the same pairs."""
    for m in (1, 2):
        found = values(method(OTHER, OTHER, m=m, selection="ep")(batch()).terms)
        assert found["cross"] == pytest.approx(found["self"], abs=1e-6)


def test_the_networks_draw_apart() -> None:
    """Else equal networks would give each one gradient; each has its own and the other's negatives."""
    many = np.repeat(WEAK, 20, axis=0), np.repeat(STRONG, 20, axis=0)
    first, second = gradients(method(OTHER, OTHER), batch(weak=many[0], strong=many[1]), "self")
    assert not torch.allclose(first, second, atol=1e-3)


def test_every_step_draws_anew_and_the_same_step_the_same() -> None:
    once, again, later = (values(method()(batch(key=key)).terms) for key in (5, 5, 6))
    assert once == again
    assert once["cross"] != later["cross"]


def test_a_single_negative_is_one_of_the_other_classes() -> None:
    """m = 1, one image: the self term is -log(1 - p_k) of one k that is not the prediction, and each k occurs."""
    weak, strong = WEAK[:1], STRONG[:1]
    p, seen = softmax(strong, IDENTITY)[0], set[int]()
    for key in range(40):
        found = gradients(method(m=1, selection="ep", weight=1.0), batch(weak=weak, strong=strong, key=key), "self")[0]
        seen |= {k for k in range(CLASSES) if np.allclose(found.numpy(), np.outer(slope(p, k), strong[0]), atol=1e-6)}
    assert seen == {1, 2, 3}


# Table 6: there m is 3 of ten classes; here of four, or 1 where the choice is to show.


def test_self_learning_keeps_the_networks_apart() -> None:
    """SL: cross_weight 0. What the second network is makes no difference to what the first one learns (D1)."""
    found = [
        gradients(method(IDENTITY, second, m=1, cross_weight=0.0), batch())[0] for second in (SHIFTED, OTHER, -OTHER)
    ]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert method(m=3, cross_weight=0.0, weight=1.0)(batch()).terms["self"].item() == pytest.approx(SELF, abs=1e-5)


def test_in_mutual_learning_the_second_network_teaches_the_first() -> None:
    found = [gradients(method(IDENTITY, second, m=3), batch())[0] for second in (SHIFTED, OTHER)]
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_algorithm_1_teaches_by_the_others_negatives_alone() -> None:
    """D1: self_weight 0; the first network's own answers on the weak views no longer matter to it."""
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
"""Forty images that the identity surely takes for 0, and the shifted network for 3."""


def confused(**parameters: float) -> tuple[DNLL, Batch]:
    """Networks of which only the second errs: it takes forty labelled images of class 0 for 3, with confidence ~1.

    Pr[0, 3] is 40 then, so that of class 0 it gets the negative 3 but once in 10^17; the first, which does not err,
    gets every class. Unlabelled images are of class 0 for the first network, of 3 for the second.
    """
    made = method(IDENTITY, SHIFTED, **{"m": 1, "momentum": 0.0, "weight": 1.0, **parameters})
    strong = np.tile(STRONG[:1], (40, 1))
    return made, batch((MANY, MANY), (0,) * 40, MANY, strong)


def test_negatives_that_teach_a_network_are_those_it_is_prone_to_predict() -> None:
    """D2, Fig. 3: the first network's negatives of class 0 follow R of the second, so that all are class 3.

    Both learn from them: the second as the learner, the first because its self term has the same draw (D9).
    """
    made, given = confused()
    for number, weight, name in ((1, SHIFTED, "cross"), (0, IDENTITY, "self")):
        p = softmax(STRONG[:1], weight)[0]
        found = gradients(made, given, name)[number]
        np.testing.assert_allclose(found.numpy(), np.outer(slope(p, 3), STRONG[0]), atol=1e-5)
    assert cast(Tensor, made.perceptions[1].confusion)[0].tolist() == pytest.approx([0, 0, 0, 40], abs=0.05)
    assert not cast(Tensor, made.perceptions[0].confusion).any()


def test_self_learning_is_by_the_errors_of_the_learner_itself() -> None:
    """D1: under SL the first network, which does not err, draws from all three classes alike."""
    made, given = confused(cross_weight=0.0)
    first = gradients(made, given, "self")[0]
    p = softmax(STRONG[:1], IDENTITY)[0]
    slopes = [slope(p, k) for k in (1, 2, 3)]
    shares = np.linalg.lstsq(np.array(slopes).T, first.numpy()[:, 0] / STRONG[0, 0], rcond=None)[0]
    assert shares.sum() == pytest.approx(1, abs=1e-4)
    assert ((shares > 0.1) & (shares < 0.6)).all()  # of forty draws


def test_errors_are_seen_before_the_same_steps_negatives_are_drawn() -> None:
    """D7 and D8: the labelled pass of this step feeds Pr; with a momentum of 0.5 it holds half of it."""
    made, given = confused(momentum=0.5)
    for expected in (20, 30):
        made(given)
        assert cast(Tensor, made.perceptions[1].confusion)[0, 3].item() == pytest.approx(expected, abs=0.05)


def test_errors_teach_only_through_what_they_select() -> None:
    """D8: Pr is cut off from the gradient; by the labelled images only the supervised loss teaches."""
    made, given = confused()
    views = tuple(view.requires_grad_() for view in given.labelled.views)
    terms = made(given).terms
    (terms["cross"] + terms["self"]).backward(retain_graph=True)
    assert all(view.grad is None or not view.grad.any() for view in views)
    terms["supervised"].backward()
    assert views[1].grad is not None
    assert views[1].grad.any()


@pytest.mark.parametrize("selection", ["ep", "epm"])
def test_a_network_that_is_certain_of_a_negative_still_learns(selection: str) -> None:
    """N-1 through the whole method: in float32 1 - p is 0 here. Two classes leave no choice."""
    head = nn.Linear(2, 2, bias=False)
    head.weight.data = torch.eye(2)
    networks = [SingleClassifier(nn.Identity(), head, 2, 2), SingleClassifier(nn.Identity(), head, 2, 2)]
    parameters = DNLLParameters(weight=1.0, selection=selection)  # pyright: ignore[reportArgumentType]
    made = DNLL(Ensemble(networks), parameters, Problem(2, 8, num_labelled=2, epochs=1))
    rows = torch.arange(1)
    labelled = Labelled((torch.eye(2),) * 2, torch.tensor([0, 1]), torch.arange(2))
    views = torch.tensor([[5.0, 0]]), torch.tensor([[0.0, 60]])  # weak: class 0, so 1 is the negative; strong: surely 1
    terms = made(Batch(labelled, Unlabelled(views, rows), 0, 1.0, Draws(1, rows))).terms
    assert terms["cross"].item() == terms["self"].item() == pytest.approx(2 * 60, abs=1e-4)
    (terms["cross"] + terms["self"]).backward()
    assert isinstance(head.weight.grad, Tensor)
    assert head.weight.grad[:, 1].tolist() == pytest.approx([-4 * 60, 4 * 60], abs=1e-2)


@pytest.mark.parametrize(("m", "classes"), [(4, 4), (5, 4), (2, 2), (0, 4)])
def test_there_are_fewer_negatives_than_classes(m: int, classes: int) -> None:
    with pytest.raises(UserError, match=rf"^--method\.m {m} does not fit {classes} classes.*\d$"):
        DNLLParameters(m=m).validate(classes)


def test_both_networks_are_reported_as_one_mean_probability() -> None:
    made = method(IDENTITY, OTHER)
    x = torch.from_numpy(STRONG).float()
    expected = (softmax(STRONG, IDENTITY) + softmax(STRONG, OTHER)) / 2
    np.testing.assert_allclose(made.model(x).detach().softmax(1).numpy(), expected, atol=1e-6)
    assert made.accepts(torch.full((3, 4), 0.25)).all()
