"""MixMatch: guessed labels are averaged and sharpened, then images and labels are mixed in pairs."""

import math

import pytest
import torch
from scipy import stats
from tests.methods.linear import batch, identity_model, problem
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.classify.mixmatch import MixMatch, MixMatchParameters, guess_labels, positions
from fewlabels.methods.mixing import beta, larger_shares, mix, permuted_partners, sharpen
from fewlabels.randomness import Draws

MANY = Draws(3, torch.arange(20_000))


def test_sharpening_is_that_of_the_paper() -> None:
    """docs/papers/baselines.md, worked example MixMatch: (0.5, 0.3, 0.2) with T = 0.5."""
    found = sharpen(torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64), 0.5)
    expected = torch.tensor([[0.6578947, 0.2368421, 0.1052632]], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=0)


def test_sharpening_does_not_change_uniform_and_certain_predictions() -> None:
    rows = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    torch.testing.assert_close(sharpen(rows, 0.5), rows)
    torch.testing.assert_close(sharpen(torch.tensor([[0.7, 0.3]]), 1.0), torch.tensor([[0.7, 0.3]]))


def test_a_very_low_temperature_gives_the_most_probable_class() -> None:
    assert sharpen(torch.tensor([[0.1, 0.3, 0.2, 0.4]]), 1e-3).tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize("alpha", [0.2, 0.75, 1.0, 5.0])
def test_shares_have_a_beta_distribution(alpha: float) -> None:
    shares = beta(MANY, alpha)
    assert stats.kstest(shares.numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.01
    larger = larger_shares(MANY, alpha)
    torch.testing.assert_close(larger, ((shares - 0.5).abs() + 0.5).float())


def test_shares_and_partners_depend_on_the_row_and_not_on_the_process() -> None:
    some = torch.tensor([7, 3, 11])
    whole, part = Draws(5, torch.arange(12)), Draws(5, some)
    assert beta(part, 0.75).tolist() == beta(whole, 0.75)[some].tolist()
    assert permuted_partners(part, 12).tolist() == permuted_partners(whole, 12)[some].tolist()
    assert permuted_partners(whole, 12).sort().values.tolist() == list(range(12))


def test_two_processes_have_the_positions_of_one() -> None:
    """A global batch of 4 labelled images with mu 2 has 4 + 8 + 8 positions."""
    whole = positions(torch.arange(8), 2, 4)
    assert whole.tolist() == list(range(20))
    first, second = (positions(slots, 2, 4) for slots in torch.arange(8).split(4))
    assert first.tolist() == [0, 1, *range(4, 8), *range(12, 16)]
    assert second.tolist() == [2, 3, *range(8, 12), *range(16, 20)]


def test_a_mixture_has_the_share_of_the_first_tensor() -> None:
    mixed = mix(torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 2, 2), torch.tensor([0.75, 1.0]))
    assert mixed[0].unique().tolist() == [0.75]
    assert mixed[1].unique().tolist() == [1]


def test_the_guess_is_the_sharpened_mean_without_gradient() -> None:
    """The mean of (0.7, 0.3) and (0.5, 0.5) is (0.6, 0.4), squared 0.36 and 0.16."""
    logits = torch.tensor([[math.log(0.7), math.log(0.3)]], requires_grad=True)
    guess = guess_labels((logits, torch.zeros(1, 2)), 0.5)
    assert not guess.requires_grad
    torch.testing.assert_close(guess, torch.tensor([[0.36, 0.16]]) / 0.52)


def mixed_rows(mu: int = 2) -> tuple[Tensor, Tensor]:
    """Return the mixed views and labels of a batch of 3 labelled images, where each view is another unit vector."""
    count = 3 + 2 * 3 * mu
    labelled, first, second = torch.eye(count).split([3, 3 * mu, 3 * mu])
    guessed = torch.tensor([[0.0, 1.0]]).expand(3 * mu, 2)
    method = MixMatch(identity_model(), MixMatchParameters(mu=mu), problem())
    return method.mixed(batch(labelled, [0, 0, 0], [first, second]), guessed)


def test_every_image_is_mixed_with_one_other_and_has_the_larger_share() -> None:
    images, _ = mixed_rows()
    own = images.diagonal()
    assert own.min() >= 0.5
    torch.testing.assert_close(images.sum(1), torch.ones(len(images)))
    others = images - torch.diag(own)
    assert ((others > 0).sum(0) <= 1).all()
    assert ((others > 0).sum(1) <= 1).all()
    assert own.unique().numel() > len(images) // 2, "each has a share of its own"
    assert (others[:3, 3:] > 0).any() or (others[3:, :3] > 0).any(), "labelled and unlabelled ones are mixed"


def test_labels_are_mixed_with_the_shares_of_their_images() -> None:
    """Labelled images are class 0 and guessed ones class 1, so a mixed label gives the share of each."""
    images, targets = mixed_rows()
    torch.testing.assert_close(targets[:, 0], images[:, :3].sum(1))
    torch.testing.assert_close(targets.sum(1), torch.ones(len(images)))


@torch.no_grad()
def test_the_squared_distance_has_weight_75_after_the_ramp() -> None:
    """All images are equal: (0.7, 0.3) is predicted and guessed as 0.49 to 0.09; labels of mixtures with a labelled
    image are between that and (1, 0).
    """
    view = torch.tensor([[math.log(0.7), math.log(0.3)]])
    method = MixMatch(identity_model(), MixMatchParameters(), problem())
    losses = method(batch(view, [0], [view, view])).terms
    guessed = 0.49 / 0.58
    low, high = (guessed - 0.7) ** 2, (0.5 * (guessed + 1) - 0.7) ** 2
    assert 75 * low - 1e-5 <= float(losses["unlabelled"]) <= 75 * high + 1e-5
    start = method(batch(view, [0], [view, view], progress=0)).terms
    assert float(start["unlabelled"]) == 0
    assert float(start["supervised"]) > 0


@pytest.mark.parametrize(("name", "value"), [("temperature", 0), ("alpha", 0), ("ramp", 2), ("weight", -1)])
def test_impossible_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"--method.{name} "):
        MixMatchParameters(**{name: value}).validate(10)
