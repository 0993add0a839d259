"""LCHP: losses (docs/papers/lchp.md, L-2 and L-5), gradients, and the two stages."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file
from tests.methods.multilabel.marked import Untouched
from tests.tiny import STEPS, Case, case_options, stop_after, write_tiny
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from fewlabels.errors import Interrupted
from fewlabels.methods.localize.lchp import LCHP, LCHPParameters, box_consistency_loss
from fewlabels.methods.method import Batch, Labelled, Pool, Problem, Unlabelled
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.localizer import Localizer, box_head
from fewlabels.models.map_cache import MapCache
from fewlabels.models.maps.box_rule import BoxRule
from fewlabels.models.maps.regions import PseudoBoxes
from fewlabels.randomness import Draws
from fewlabels.run.train import train

FOUND = torch.tensor([[0.1, 0.2, 0.6, 0.7], [0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
TARGET = torch.tensor([[0.2, 0.2, 0.5, 0.9], [0.0, 0.1, 1.0, 0.9]], dtype=torch.float64)
SIDE = 32


class Bounds(nn.Module):
    """Return the exact box around the bright region of images (B, 1, S, S) with a black background."""

    def forward(self, x: Tensor) -> Tensor:
        lit = x[:, 0] > 0.5
        ends = []
        for line in (lit.any(1), lit.any(2)):
            first = line.to(torch.uint8).argmax(1)
            ends.append((first, line.shape[1] - line.flip(1).to(torch.uint8).argmax(1)))
        (x0, x1), (y0, y1) = ends
        return torch.stack([x0, y0, x1, y1], dim=1) / x.shape[2]


class Fixed(SingleClassifier):
    """A locator or classifier with given outputs."""

    def __init__(self, answer: nn.Module, classes: int = 2) -> None:
        super().__init__(Untouched(1), answer, 1, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x)


class Says(nn.Module):
    """The same logits for every image, from a trainable weight."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(len(x), -1)


def make(classifier: Classifier, locator: Classifier | None, boxes: Tensor | None = None, **values: Any) -> LCHP:
    parameters = LCHPParameters(**values)
    rule = LCHP.network(parameters).boxes
    assert rule is not None
    return LCHP(Localizer(classifier, locator, rule), parameters, Problem(2, 8, 8, 0, boxes=boxes)).train()


def small(**values: Any) -> LCHP:
    """Return the method on trainable networks whose boxes have an area from the start."""
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(2)]

    class Body(Untouched):
        def __init__(self, net: nn.Module) -> None:
            super().__init__(4)
            self.net = net

        def forward_features(self, x: Tensor) -> Tensor:
            return self.net(x)

    (first, second), head = (Body(net) for net in nets), box_head(4)
    with torch.no_grad():
        head[2].bias += torch.tensor([-1.0, -1, 1, 1])  # pyright: ignore[reportIndexIssue]
    return make(SingleClassifier(first, nn.Linear(4, 2), 4, 2), SingleClassifier(second, head, 4, 4), **values)


def squares(count: int = 4) -> Tensor:
    """Return white rectangles of 12 x 10 pixels on black, in the centre, so that no augmentation moves them outside."""
    x = torch.zeros(count, 1, SIDE, SIDE)
    x[:, :, 11:21, 10:22] = 1
    return x


def pool(method: LCHP) -> Pool:
    """Return a pool whose averaged model is the method's own."""
    return cast(Pool, SimpleNamespace(averaged=method.model))


def batch(x: Tensor, number: int = 0, key: int = 3) -> Batch:
    rows = torch.arange(len(x))
    return Batch(Labelled((x,), rows % 2, rows), Unlabelled((), rows[:0]), 5, 0.5, Draws(key, rows), number)


def test_the_losses_of_boxes_are_those_of_the_worked_example() -> None:
    """L-2: Eq. 2 is .04, with the mean over four numbers .01; Eq. 6 with the first box kept is .03 and .0075."""
    assert mse_loss(FOUND, TARGET).item() == pytest.approx(0.01, abs=1e-9)
    kept = torch.tensor([0.95, 0.85]) > 0.9
    assert box_consistency_loss(FOUND, TARGET, kept).item() == pytest.approx(0.0075, abs=1e-9)


def test_the_classifier_is_trained_on_the_image_and_on_the_erased_image() -> None:
    """L-2: probabilities .7 on the image and .5 on the erased image give .5249110622."""

    class Doubts(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            p = torch.where(x.flatten(1).amax(1) > 0.5, 0.7, 0.5)
            return torch.stack([p, 1 - p], dim=1).log()

    found = make(Fixed(Doubts()), None, stage="pseudo-label").losses(batch(squares(1))).terms
    assert set(found) == {"classification"}
    assert found["classification"].item() == pytest.approx(0.5249110622, abs=1e-6)


def test_the_average_without_a_ramp_is_that_of_the_paper() -> None:
    """L-5: .929 from 1 with .9, after 0, 0 and 2."""
    value = SingleClassifier(nn.Identity(), nn.Linear(1, 1, bias=False), 1, 1).double()
    nn.init.ones_(value.head.weight)  # pyright: ignore[reportArgumentType]
    average = WeightAverage(value, 0.9, ramp=False)
    for new in (0.0, 0.0, 2.0):
        nn.init.constant_(value.head.weight, new)  # pyright: ignore[reportArgumentType]
        average.update(value)
    assert average.shadow.head.weight.item() == pytest.approx(0.929, abs=1e-12)  # pyright: ignore


def test_pseudo_boxes_come_from_the_averaged_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    method, x = small(), squares()
    boxes = torch.tensor([[0.25, 0.25, 0.75, 0.75]]).expand(4, -1)
    monkeypatch.setattr(method, "pseudo_boxes", lambda seen: PseudoBoxes(boxes, boxes, seen))
    terms = method.losses(batch(x)).terms
    assert terms["regression"].item() == pytest.approx(20 * mse_loss(method.locator(x), boxes).item(), rel=1e-5)
    terms["regression"].backward()
    assert all(weight.grad is None for weight in method.model.classifier.parameters())
    assert all(weight.grad is not None for weight in method.locator.parameters())


def test_given_boxes_are_learned_on_the_image_without_augmentation() -> None:
    """Rows 0 and 5 have other boxes; the localiser says the mean of its image, which is 1 for the plain one."""
    boxes = torch.arange(32).reshape(8, 4) / 40

    class Mean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 0.5 * x.mean((1, 2, 3))[:, None].expand(-1, 4)

    method = make(Fixed(Says(0.0, 1.0)), Fixed(Mean(), 4), boxes, generator="runs/found", stage="initialise")
    weak, rows = torch.zeros(2, 1, SIDE, SIDE), torch.tensor([0, 5])
    method.pseudo_boxes = lambda x: PseudoBoxes(0 * boxes[rows], 0 * boxes[rows], x)
    labelled = Labelled((weak, torch.ones(2, 1, SIDE, SIDE)), rows % 2, rows)
    found = method.losses(Batch(labelled, Unlabelled((), rows[:0]), 5, 0.5, Draws(3, rows), 0)).terms["regression"]
    torch.testing.assert_close(found, 20 * (boxes[rows] - 0.5).square().mean())


def test_only_given_boxes_need_the_plain_image() -> None:
    assert LCHP.views_of_labelled(LCHPParameters()) == ("weak",)
    assert LCHP.views_of_labelled(LCHPParameters(generator="")) == ("weak",)
    assert LCHP.views_of_labelled(LCHPParameters(generator="runs/found")) == ("weak", "identity")


def test_the_average_is_updated_and_not_trained() -> None:
    method = small(momentum=0.5)
    before = method.generator.shadow.head.weight.clone()  # pyright: ignore[reportCallIssue]
    with torch.no_grad():
        method.model.classifier.head.weight += 1  # pyright: ignore[reportOperatorIssue]
    method.after_step()
    torch.testing.assert_close(method.generator.shadow.head.weight, before + 0.5)
    assert not any(weight.requires_grad for weight in method.generator.parameters())


@pytest.mark.parametrize("key", range(6))
def test_a_localiser_consistent_with_the_augmentation_has_no_loss(key: int) -> None:
    method = make(Fixed(Says(9.0, 0.0)), Fixed(Bounds()))
    losses = method.losses(batch(squares(), number=3, key=key))
    assert losses.kept is not None
    assert losses.kept.all()
    assert losses.terms["consistency"].item() < (1.5 / SIDE) ** 2  # edges are rounded to whole pixels


def test_a_localiser_with_constant_boxes_has_a_loss() -> None:
    still = nn.Module()
    still.forward = lambda x: torch.tensor([[0.3, 0.3, 0.7, 0.7]]).expand(len(x), -1)
    method = make(Fixed(Says(9.0, 0.0)), Fixed(still))
    assert method.losses(batch(squares(), number=3)).terms["consistency"].item() > 5e-4


def test_without_augmentations_the_view_is_the_image() -> None:
    method = make(Fixed(Says(9.0, 0.0)), Fixed(Bounds()), scaling=False, translation=False, flipping=False)
    assert method.losses(batch(squares(), number=3)).terms["consistency"].item() == 0


def test_a_box_is_kept_only_if_the_classifier_is_confident_of_its_content() -> None:
    """The softmax of (2, 0) is .881, that of (2.2, 0) .900."""
    for logit, kept in ((2.0, False), (2.3, True)):
        found = make(Fixed(Says(logit, 0.0)), Fixed(Bounds())).losses(batch(squares(), number=3)).kept
        assert found is not None
        assert found.tolist() == [kept] * 4


def test_the_classifier_sees_the_content_of_the_box_and_not_the_image() -> None:
    class IsWhite(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            white = (x.flatten(1) > 0.9).float().mean(1)
            return torch.stack([20 * white - 10, -20 * white + 10], dim=1)

    method = make(Fixed(IsWhite()), Fixed(Bounds()))
    assert method.high_quality(squares(), torch.zeros(4))[1].all()
    assert method.model.classifier(squares()).softmax(1)[0, 0] < 0.1


def test_the_images_own_class_can_be_required() -> None:
    kept = [
        make(Fixed(Says(9.0, 0.0)), Fixed(Bounds()), same_class=asked).losses(batch(squares(), number=3)).kept
        for asked in (False, True)
    ]
    assert [k.tolist() for k in kept if k is not None] == [[True] * 4, [True, False, True, False]]


def test_a_box_without_area_is_not_kept() -> None:
    inside_out = nn.Module()
    inside_out.forward = lambda x: torch.tensor([[0.8, 0.2, 0.3, 0.6]]).expand(len(x), -1)
    losses = make(Fixed(Says(9.0, 0.0)), Fixed(inside_out)).losses(batch(squares(), number=3))
    assert losses.kept is not None
    assert not losses.kept.any()
    assert losses.terms["consistency"].item() == 0


def test_refinement_without_a_kept_box_changes_neither_weights_nor_statistics() -> None:
    method = small(tau=1.0)
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    losses = method.losses(batch(squares(), number=3))
    losses.terms["consistency"].backward()
    assert all((weight.grad == 0).all() for weight in method.locator.parameters() if weight.grad is not None)
    assert all(torch.equal(before[name], tensor) for name, tensor in method.state_dict().items())


def test_refinement_trains_the_localiser_only() -> None:
    method = small(tau=0.0)
    method.losses(batch(squares(), number=3)).terms["consistency"].backward()
    assert all(weight.grad is None for weight in method.model.classifier.parameters())
    assert any((weight.grad != 0).any() for weight in method.locator.parameters() if weight.grad is not None)
    assert all(module.training for module in method.model.modules())


def test_a_fixed_trunk_caches_the_image_of_refinement_but_not_its_crop_or_strong_view() -> None:
    method, memory = small(tau=0.0), MapCache(1 << 20)
    for network in (method.model.classifier, method.locator):
        network.map_cache = memory
    kept = method.losses(batch(squares(), number=3)).kept
    assert kept is not None
    assert kept.all()
    assert len(memory) == 1  # all four images are the same


def test_refinement_starts_from_the_averaged_networks() -> None:
    method, other = small(), small()
    with torch.no_grad():
        for weight in other.model.parameters():
            weight += 1
    for number in range(4):
        before = {name: tensor.clone() for name, tensor in method.model.state_dict().items()}
        method.start_round(number, pool(other))
        expected = other.model.state_dict() if number == 3 else before
        assert all(torch.equal(expected[name], tensor) for name, tensor in method.model.state_dict().items())


@pytest.mark.usefixtures("in_float64")
def test_a_frozen_teacher_is_the_localiser_at_the_end_of_the_first_stage() -> None:
    frozen, current = small(teacher="frozen", tau=0.0), small(tau=0.0)
    for method in (frozen, current):
        method.start_round(3, pool(method))
    first = frozen.high_quality(squares(), torch.zeros(4))[0]
    for method in (frozen, current):
        with torch.no_grad():
            for weight in method.locator.parameters():
                weight += 0.1
    torch.testing.assert_close(frozen.high_quality(squares(), torch.zeros(4))[0], first)
    assert not torch.allclose(current.high_quality(squares(), torch.zeros(4))[0], first)


@pytest.mark.parametrize(
    ("stage", "rounds", "source"), [("refine", 4, "network"), ("initialise", 1, "network"), ("pseudo-label", 1, None)]
)
def test_each_stage_has_its_rounds_and_source_of_boxes(stage: Any, rounds: int, source: str | None) -> None:
    parameters = LCHPParameters(stage=stage)
    locator = Fixed(Bounds()) if source else None
    assert make(Fixed(Says(1.0, 0.0)), locator, stage=stage).rounds == rounds
    expected = BoxRule("network") if source else BoxRule("erase-and-merge", 0.7, "all", "min-max")
    assert LCHP.network(parameters).boxes == expected


def test_the_papers_network_has_attention_pooling() -> None:
    network = LCHP.network(LCHPParameters(attention_maps=32))
    assert (network.head, network.attention_maps) == ("bilinear-attention", 32)
    model = build(
        ModelSpec("small_cnn", 3, 1, 16, network.head, None, (0.5,), (0.25,), attention_maps=32, boxes=network.boxes)
    )
    assert model(torch.zeros(2, 1, 16, 16)).shape == (2, 3)
    assert model.num_features == 32 * 64
    plain = LCHP.network(LCHPParameters())
    assert (plain.head, plain.attention_maps) == ("linear", 0)


def test_the_momentum_of_the_first_stage_does_not_affect_the_second(tmp_path: Path) -> None:
    """With tau 1 no box is kept, so the refinement does not change the localiser."""
    case = Case("localize", "lchp")
    options = case_options(
        write_tiny(tmp_path), case, tmp_path / "run", parameters={"tau": 1.0}, weight_decay=0.0, ema=0.0
    )
    with stop_after(STEPS - 1), pytest.raises(Interrupted):
        train(options, say=lambda _: None)
    saved = load_file(tmp_path / f"run/checkpoint/step-{STEPS - 1:09d}/tensors.safetensors")
    train(options, resume=True, say=lambda _: None)
    found = load_file(tmp_path / "run/model.safetensors")
    weights = {name: tensor for name, tensor in found.items() if name.startswith("locator.") and "weight" in name}
    assert weights
    assert all(torch.equal(saved[f"method/model.{name}"], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.5), ("adamw", 0.005)])
def test_refinement_has_its_own_learning_rate(tmp_path: Path, optimizer: str, rate: float) -> None:
    """With alpha 0 the first stage does not train the localiser, and with tau 0 the second keeps all boxes."""

    def refined(name: str, backbone_lr: float, refine_lr: float) -> dict[str, Tensor]:
        parameters = {"tau": 0.0, "alpha": 0.0, "refine_lr": refine_lr}
        options = case_options(
            write_tiny(tmp_path), Case("localize", "lchp"), tmp_path / name, parameters=parameters,
            backbone_lr=backbone_lr, weight_decay=0.0, ema=0.0, optimizer=optimizer, clip=1.0,
        )  # fmt: skip
        train(options, say=lambda _: None)
        found = load_file(tmp_path / name / "model.safetensors")
        return {name: tensor for name, tensor in found.items() if name.startswith("locator.") and "weight" in name}

    at_rest, slow, fast = refined("rest", 0.03, 0.0), refined("slow", 0.003, rate), refined("fast", 0.3, rate)
    moved = {name: slow[name] - start for name, start in at_rest.items()}
    assert max(float(move.abs().max()) for move in moved.values()) > 1e-4
    for name, move in moved.items():
        torch.testing.assert_close(fast[name] - at_rest[name], move, rtol=0.01, atol=1e-6)
