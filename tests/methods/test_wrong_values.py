"""Invalid values are refused in one sentence that names the option; values that are only unfavourable still train."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import torch
from tests.tiny import tiny_options

from fewlabels.errors import UserError
from fewlabels.methods.catalogue import load_method, make_parameters, method_names
from fewlabels.methods.method import Batch, Labelled, Losses, Method, Parameters, Problem, Unlabelled, parameter
from fewlabels.methods.thresholds import CurriculumThresholds, SelfAdaptiveThresholds
from fewlabels.models.build import ModelSpec, build
from fewlabels.randomness import Draws
from fewlabels.run.train import train

NAMES = list(method_names())
TRAINING = [name for name in NAMES if load_method(name).trains]
SIZE = 8


def numbers(*named: str, containing: str = "\0") -> list[tuple[str, str]]:
    """Return (method, parameter) of all float parameters with one of these names, or with this in their name."""
    found = []
    for name in NAMES:
        kinds = get_type_hints(load_method(name).hyperparameters)
        found += [(name, p) for p, kind in kinds.items() if kind is float and (p in named or containing in p)]
    return found


def refusal(name: str, parameter: str, value: object, classes: int = 3) -> str:
    with pytest.raises(UserError) as error:
        make_parameters(load_method(name), {parameter: value}, classes)
    return str(error.value)


def is_one_sentence(text: str) -> bool:
    return "\n" not in text and ". " not in text and len(text) < 250


THRESHOLDS = numbers("threshold", "stable")
WEIGHTS = numbers(
    "fairness", "agreement", "disagreement", "difference", "consistency", "stabilisation", "logit_distance",
    "neighbours", "entropy", containing="weight",
)  # fmt: skip
SHARES = numbers("ramp", "warmup", "negatives_ramp", "first_stage", "step")
DECAYS = numbers("momentum", "decay", "alpha")
POSITIVE = [*numbers("C", "eps", "xi", "temperature"), ("mixmatch", "alpha")]
POSITIVE += [(name, "labelled_weight") for name in ("curriculum-labeling", "dmt", "pseudo-label-epochs")]
COUNTS = [
    ("attention-fixmatch", "maps"),
    ("label-propagation", "iterations"),
    ("label-propagation", "neighbours"),
    ("pepl", "beta"),
    ("vat", "iterations"),
]
COUNTS += [(name, "mu") for name in NAMES if load_method(name).unlabelled_views]


def test_the_parameters_meant_here_exist() -> None:
    """A renamed parameter must not empty one of the lists below unnoticed."""
    assert len(THRESHOLDS) >= 6
    assert len(WEIGHTS) >= 25
    assert {name for name, _ in WEIGHTS} >= set(TRAINING) - {"supervised"}
    assert {name for name, _ in POSITIVE} >= {"linear-probe", "vat", "mixmatch", "deep-co-training"}
    assert {name for name, parameter in COUNTS if parameter == "mu"} >= set(TRAINING) - {"supervised"}


@pytest.mark.parametrize(("name", "parameter"), THRESHOLDS)
@pytest.mark.parametrize("value", [1.01, -0.01, math.nan, math.inf])
def test_a_threshold_is_a_probability(name: str, parameter: str, value: float) -> None:
    message = refusal(name, parameter, value)
    assert message.startswith(f"--method.{parameter} {value} ")
    assert is_one_sentence(message)


@pytest.mark.parametrize(("name", "parameter"), WEIGHTS)
@pytest.mark.parametrize("value", [-0.01, math.nan, math.inf])
def test_a_weight_is_not_negative(name: str, parameter: str, value: float) -> None:
    message = refusal(name, parameter, value)
    assert message.startswith(f"--method.{parameter} {value} ")
    assert is_one_sentence(message)


@pytest.mark.parametrize(("name", "parameter"), [*SHARES, *(pair for pair in DECAYS if pair[0] != "mixmatch")])
@pytest.mark.parametrize("value", [1.01, -0.01, math.nan])
def test_a_share_is_from_0_to_1(name: str, parameter: str, value: float) -> None:
    message = refusal(name, parameter, value)
    assert message.startswith(f"--method.{parameter} {value} ")
    assert is_one_sentence(message)


@pytest.mark.parametrize(("name", "parameter"), POSITIVE)
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_divisor_is_above_0(name: str, parameter: str, value: float) -> None:
    message = refusal(name, parameter, value)
    assert message == f"--method.{parameter} {value} is out of range; give a value above 0"


@pytest.mark.parametrize(("name", "parameter"), COUNTS)
@pytest.mark.parametrize("value", [0, -1])
def test_a_count_is_at_least_1(name: str, parameter: str, value: int) -> None:
    message = refusal(name, parameter, value)
    assert message.startswith(f"--method.{parameter} {value} is out of range; give a whole number from 1")
    make_parameters(load_method(name), {parameter: 1}, 3)


@pytest.mark.parametrize(("name", "parameter"), COUNTS)
@pytest.mark.parametrize("value", [1.5, math.nan, math.inf, "2.0", "all", True])
def test_a_count_is_a_whole_number(name: str, parameter: str, value: object) -> None:
    assert refusal(name, parameter, value) == f"--method.{parameter} must be a whole number, not '{value}'"


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_a_range_that_contains_its_default(name: str) -> None:
    """Negative labels are the exception: their largest number depends on the classes."""
    kinds = get_type_hints(load_method(name).hyperparameters)
    bounded = {p for p, kind in kinds.items() if kind in (int, float)} - {"m", "negatives"}
    assert all("is out of range; give" in refusal(name, number, -1) for number in bounded)
    make_parameters(load_method(name), {}, 3)


@dataclass(frozen=True)
class OwnParameters(Parameters):
    free: float = parameter(0.5, "any number")
    low: float = parameter(0.5, "a number", least=0)
    share: float = parameter(0.5, "a number", least=0, most=1)
    decay: float = parameter(0.5, "a number", least=0, below=1)
    length: float = parameter(0.5, "a number", above=0)
    count: int = parameter(5, "a count", least=1, most=9)
    word: str = parameter("nan", "no number")


class Own(Method):
    hyperparameters = OwnParameters


@pytest.mark.parametrize(
    ("values", "advice"),
    [({"free": math.nan}, "a value that is finite"), ({"free": -math.inf}, "a value that is finite"),
     ({"low": -0.5}, "0 or a value above"), ({"low": math.inf}, "0 or a value above"),
     ({"share": 1.5}, "a value from 0 to 1"), ({"share": math.nan}, "a value from 0 to 1"),
     ({"decay": 1.0}, "a value from 0 to below 1"), ({"length": 0.0}, "a value above 0"),
     ({"count": 0}, "a whole number from 1 to 9"), ({"count": 10**400}, "a whole number from 1 to 9")],
)  # fmt: skip
def test_the_range_declared_with_a_default_is_checked(values: dict[str, float], advice: str) -> None:
    ((name, value),) = values.items()
    with pytest.raises(UserError) as error:
        OwnParameters(**values)  # pyright: ignore[reportArgumentType]
    assert str(error.value) == f"--method.{name} {value} is out of range; give {advice}"


@pytest.mark.parametrize(
    "values", [{"free": -1e9}, {"low": 0}, {"share": 0}, {"share": 1}, {"decay": 0}, {"length": 1e-9}, {"count": 9}]
)
def test_least_and_most_belong_to_the_range(values: dict[str, float]) -> None:
    OwnParameters(**values)  # pyright: ignore[reportArgumentType]


def test_a_text_value_is_not_converted() -> None:
    assert make_parameters(Own, {"word": "/Data/A.npy"}, 3) == OwnParameters(word="/Data/A.npy")


@pytest.mark.parametrize("text", ["high", "", "0,9", "true"])
@pytest.mark.parametrize(("name", "parameter"), THRESHOLDS)
def test_a_threshold_is_a_number(name: str, parameter: str, text: str) -> None:
    assert refusal(name, parameter, text) == f"--method.{parameter} must be a number, not '{text}'"


@pytest.mark.parametrize(
    ("name", "parameter"), [("dnll", "m"), ("dual-student", "negatives"), ("mean-teacher", "negatives")]
)
@pytest.mark.parametrize(("count", "classes"), [(3, 3), (4, 3), (2, 2), (-1, 3)])
def test_negatives_are_fewer_than_the_classes(name: str, parameter: str, count: int, classes: int) -> None:
    message = refusal(name, parameter, count, classes)
    assert message.startswith(f"--method.{parameter} {count} does not fit {classes} classes")
    assert message.endswith(f"to {classes - 1}")
    make_parameters(load_method(name), {parameter: classes - 1}, classes)


# Two classes, and batches without a confident image.


def make(name: str, classes: int = 2, **values: object) -> Method:
    """Return the method on an untrained small network for images of 8 x 8."""
    kind = load_method(name)
    parameters = make_parameters(kind, values, classes)
    net = kind.network(parameters)
    torch.manual_seed(0)
    spec = ModelSpec(
        "small_cnn", classes, 1, SIZE, net.head, None, (0.5,), (0.25,), net.members, net.attention_maps
    )  # fmt: skip
    return kind(build(spec), parameters, Problem(classes, 64, num_labelled=4, epochs=10, steps=100)).train()


def step(method: Method, classes: int = 2) -> Losses:
    """Return the losses of four labelled images and 4 mu unlabelled ones, late in the run."""
    noise, rows = torch.Generator().manual_seed(1), torch.arange(4 * getattr(method.p, "mu", 0))
    labelled = tuple(torch.randn(4, 1, SIZE, SIZE, generator=noise) for _ in method.labelled_views)
    views = tuple(torch.randn(len(rows), 1, SIZE, SIZE, generator=noise) for _ in method.unlabelled_views)
    known = Labelled(labelled, torch.arange(4) % classes, torch.arange(4))
    return method(Batch(known, Unlabelled(views, rows + 4), 50, 0.95, Draws(3, rows), method.rounds - 1))


def finite_gradients(method: Method, losses: Losses) -> bool:
    """Return whether all gradients of the sum of the terms are finite and some are not 0."""
    torch.stack(list(losses.terms.values())).sum().backward()
    found = [w.grad for w in method.model.parameters() if w.grad is not None]
    return all(bool(g.isfinite().all()) for g in found) and any(bool(g.any()) for g in found)


@pytest.mark.parametrize("name", TRAINING)
def test_two_classes_are_enough(name: str) -> None:
    method = make(name)
    losses = step(method)
    assert all(term.isfinite() and term.ndim == 0 for term in losses.terms.values())
    assert finite_gradients(method, losses)


def make_uniform(method: Method) -> None:
    """Make all predictions uniform and every threshold as high as it can get in a run."""
    for network in method.model.networks():
        for weight in network.head.parameters():
            torch.nn.init.zeros_(weight)
    thresholds = getattr(method, "thresholds", None)
    if isinstance(thresholds, SelfAdaptiveThresholds):
        thresholds.tau.fill_(0.9)
    if isinstance(thresholds, CurriculumThresholds):
        thresholds.begin(60)
        thresholds.update(torch.arange(60), torch.eye(3).repeat(20, 1))  # the same number of each class


@pytest.mark.parametrize(
    "name",
    ["fixmatch", "flexmatch", "freematch", "pseudo-label", "pseudo-label-epochs", "attention-fixmatch", "pepl",
     "curriculum-labeling", "dmt", "label-propagation"],
)  # fmt: skip
def test_a_batch_without_a_confident_image_trains_on_its_labels_alone(name: str) -> None:
    method = make(name, classes=3)
    make_uniform(method)
    losses = step(method, classes=3)
    assert losses.kept is not None
    assert not losses.kept.any()
    assert losses.terms["supervised"].item() == pytest.approx(math.log(3), abs=1e-6)
    others = {key: term.item() for key, term in losses.terms.items() if key != "supervised"}
    assert others == dict.fromkeys(others, 0.0)
    assert "unlabelled" in others
    assert finite_gradients(method, losses)


# One class.


def write_one_class(root: Path, labels: list[int]) -> Path:
    """Write noise with these labels as ROOT/mnist.npz."""
    pixels = np.random.default_rng(0).integers(0, 255, (len(labels), 8, 8), np.uint8)
    y = np.array(labels)
    np.savez(root / "mnist.npz", x_train=pixels, y_train=y, x_test=pixels, y_test=y)
    return root


@pytest.mark.parametrize("name", NAMES)
def test_images_of_one_class_are_refused_before_anything_is_trained(tmp_path: Path, name: str) -> None:
    root = write_one_class(tmp_path, [0] * 12)
    with pytest.raises(UserError, match="at least two classes") as error:
        train(tiny_options(root, name, tmp_path / "run"), say=lambda _: None)
    assert is_one_sentence(str(error.value))
    assert not (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.parametrize("name", TRAINING)
def test_a_labelled_batch_of_one_class_still_trains(name: str) -> None:
    """A run has at least two classes, but a small batch may have one."""
    method = make(name, classes=3)
    losses = step(method, classes=1)
    assert all(term.isfinite() for term in losses.terms.values())
    assert finite_gradients(method, losses)
