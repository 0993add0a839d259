"""Random numbers are a function of what they are for."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fewlabels.randomness import _GOLDEN, Draws, _mix, _mix_tensor, _signed, key_of, permutation


def test_the_mixer_is_splitmix64() -> None:
    """First outputs of the reference generator for seed 1234567, as its author's page and many ports list them."""
    state = 1234567
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    for value in expected:
        state = (state + _GOLDEN) % 2**64
        assert _mix(state) == value


@given(st.integers(0, 2**64 - 1))
def test_the_tensor_mixer_is_the_same_function(z: int) -> None:
    assert int(_mix_tensor(torch.tensor(_signed(z)))) == _signed(_mix(z))


def test_a_slot_draws_the_same_wherever_it_lies() -> None:
    together = Draws(7, torch.arange(8)).uniform(5)
    apart = Draws(7, torch.arange(4, 8)).uniform(5)
    assert torch.equal(together[4:], apart)


def test_asking_for_more_numbers_does_not_move_the_first() -> None:
    slots = torch.arange(3)
    assert torch.equal(Draws(7, slots).uniform(9)[:, :4], Draws(7, slots).uniform(4))


def test_every_part_of_a_key_matters() -> None:
    keys = [
        key_of(0, "a", 1),
        key_of(1, "a", 1),
        key_of(0, "b", 1),
        key_of(0, "a", 2),
        key_of(0, 1, "a"),
        key_of(0, "a"),
    ]
    assert len(set(keys)) == len(keys)


def test_uniform_numbers_are_uniform() -> None:
    drawn = Draws(3, torch.arange(20000)).uniform(2)
    assert 0 <= drawn.min() < 1e-3
    assert 0.999 < drawn.max() < 1
    histogram = torch.histc(drawn, 10, 0, 1)
    chi_square = float(((histogram - 4000) ** 2 / 4000).sum())
    assert chi_square < 27.9  # the 0.1 % point for 9 degrees of freedom
    assert abs(float(torch.corrcoef(drawn.T)[0, 1])) < 0.03


def test_normal_numbers_have_the_moments_of_the_normal_distribution() -> None:
    drawn = Draws(5, torch.arange(20000)).normal(1)
    assert abs(float(drawn.mean())) < 0.03
    assert abs(float(drawn.std()) - 1) < 0.03
    assert abs(float((drawn**4).mean()) - 3) < 0.2


@given(st.integers(0, 2**63), st.integers(0, 300))
def test_a_permutation_holds_everything_once(key: int, size: int) -> None:
    assert sorted(permutation(key, size).tolist()) == list(range(size))


def test_integers_stay_below_their_bound() -> None:
    drawn = Draws(1, torch.arange(5000)).integers(3)
    assert drawn.unique().tolist() == [0, 1, 2]
