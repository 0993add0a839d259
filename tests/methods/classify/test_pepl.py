"""PEPL: shares of evidence, partners, and the loss of mixed images (docs/papers/pepl.md, P-2 to P-4)."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fewlabels.errors import UserError
from fewlabels.methods.boxes import MixBoxes, mass
from fewlabels.methods.classify.pepl import PEPL, PEPLParameters
from fewlabels.methods.method import Batch, Labelled, Problem, Unlabelled
from fewlabels.methods.semantic_mixing import area_shares, evidence_shares, grouped_partners, two_label_loss
from fewlabels.models import backbones
from fewlabels.models.classifier import SingleClassifier
from fewlabels.models.maps.cam import class_activation_maps, enlarge
from fewlabels.models.nets.timm_net import TimmNet
from fewlabels.randomness import Draws

A = torch.tensor([[[0, 1, 2, 1], [1, 3, 4, 1], [1, 2, 2, 0], [0, 0, 1, 1]]], dtype=torch.float64)
B = 5 + torch.tensor([[[2, 0, 0, 0], [0, 1, 1, 0], [0, 1, 3, 0], [0, 0, 0, 0]]], dtype=torch.float64)
CLASSES, SIDE, IMAGES = 3, 8, 12


def box(top: int, left: int, bottom: int, right: int) -> MixBoxes:
    return MixBoxes(*(torch.tensor([edge]) for edge in (top, left, bottom, right)))


class Plain(TimmNet):
    """A convolution, with batch normalisation on request."""

    def __init__(self, norm: bool) -> None:
        super().__init__(6, 0, "avg", 0.0)
        self.conv = nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(6) if norm else nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


def pepl(norm: bool = False, **parameters: object) -> PEPL:
    torch.manual_seed(0)
    model = SingleClassifier(Plain(norm), nn.Linear(6, CLASSES), 6, CLASSES)
    method = PEPL(model, PEPLParameters(**parameters), Problem(CLASSES, 100, 10, 5.0))  # pyright: ignore
    method.model.double()
    return method


def a_batch(step: int = 0, count: int = IMAGES) -> Batch:
    generator = torch.Generator().manual_seed(step)
    labelled = torch.randn(4, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
    weak = torch.randn(count, 1, SIDE, SIDE, generator=generator, dtype=torch.float64) * 2
    return Batch(
        Labelled((labelled,), torch.tensor([0, 1, 2, 0]), torch.arange(4)),
        Unlabelled((weak,), torch.arange(count)),
        step,
        0.0,
        Draws(step + 1, torch.arange(count)),
    )


def half_kept(method: PEPL) -> PEPL:
    """Set the thresholds so that an untrained network of three classes has predictions on both sides."""
    method.thresholds.momentum = 1.0
    method.thresholds.tau.fill_(0.43)
    return method


def test_shares_of_evidence_are_those_of_the_worked_example() -> None:
    removed, inserted = box(0, 1, 2, 3), box(1, 1, 3, 3)
    assert float(1 - mass(evidence_shares(A), removed)) == pytest.approx(0.5, abs=1e-12)
    assert float(mass(evidence_shares(B), inserted)) == pytest.approx(0.75, abs=1e-12)
    assert float(mass(evidence_shares(B), removed)) == pytest.approx(0.25, abs=1e-12)


def test_shares_of_area_do_not_depend_on_the_map() -> None:
    removed = box(0, 1, 2, 3)
    assert float(1 - mass(area_shares(A), removed)) == 0.75
    assert float(mass(area_shares(B), removed)) == 0.25


def test_evidence_is_that_of_the_upsampled_map() -> None:
    last = torch.tensor([[[[1, 2], [3, 4]], [[0, 1], [1, 0]]]], dtype=torch.float64)
    maps = class_activation_maps(last, torch.tensor([[1.0, -1.0]], dtype=torch.float64), torch.tensor([0]))
    shares = evidence_shares(enlarge(maps, 4))
    assert float(mass(shares, box(0, 0, 2, 2))) == pytest.approx(0.0390625, abs=1e-12)
    assert float(mass(shares, box(2, 2, 4, 4))) == pytest.approx(0.6015625, abs=1e-12)
    assert float(shares.sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.3, -7.1])
def test_a_constant_map_gives_shares_of_the_area(value: float) -> None:
    flat = enlarge(torch.full((1, 3, 3), value), 8)
    torch.testing.assert_close(evidence_shares(flat), area_shares(flat))


def test_the_loss_of_two_labels_is_the_weighted_cross_entropy() -> None:
    logits = torch.tensor([[2.0, 0, -1]], dtype=torch.float64)
    labels = torch.tensor([0]), torch.tensor([2])
    rho = torch.tensor([0.75], dtype=torch.float64), torch.tensor([0.4], dtype=torch.float64)
    assert float(two_label_loss(logits, labels, rho)) == pytest.approx(1.3953229225, abs=1e-9)


def test_partners_are_a_permutation_of_the_kept() -> None:
    kept = torch.tensor([1, 0, 1, 1, 0, 1, 0], dtype=torch.bool)
    for key in range(50):
        partner = grouped_partners(kept, Draws(key, torch.arange(7)))
        assert sorted(partner.tolist()) == list(range(7))
        assert torch.equal(kept[partner], kept)


def test_all_pairings_of_the_kept_are_equally_likely() -> None:
    kept = torch.tensor([1, 0, 1, 1], dtype=torch.bool)
    found: dict[tuple[int, ...], int] = {}
    for key in range(1200):
        pairing = tuple(grouped_partners(kept, Draws(key, torch.arange(4)))[kept].tolist())
        found[pairing] = found.get(pairing, 0) + 1
    assert len(found) == math.factorial(3)
    assert min(found.values()) > 150


def test_the_unlabelled_loss_is_the_papers_computed_image_by_image() -> None:
    """Stage II with loops and crops, on a network without batch statistics."""
    method, batch = half_kept(pepl()), a_batch()
    (weak,) = batch.unlabelled.views
    losses = method.losses(batch)
    pseudo = method.pseudo_labels(weak)
    removed, inserted = (tuple(int(edge) for edge in boxes) for boxes in method.boxes(weak, batch.draws))
    partner = grouped_partners(pseudo.kept, Draws(batch.draws.fork("partners").key, torch.arange(IMAGES)))
    assert 2 <= int(pseudo.kept.sum()) < IMAGES

    def held(row: int, edges: tuple[int, ...]) -> float:
        top, left, bottom, right = edges
        return float(pseudo.shares[row, top:bottom, left:right].sum())

    total = 0.0
    for row in pseudo.kept.nonzero()[:, 0].tolist():
        other = int(partner[row])
        (top, left, bottom, right), (start, side, stop, end) = removed, inserted
        size = (bottom - top, right - left)
        mixed = weak[row : row + 1].clone()
        mixed[:, :, top:bottom, left:right] = interpolate(
            weak[other : other + 1, :, start:stop, side:end], size=size, mode="bilinear", align_corners=True
        )
        log_p = method.model(mixed).detach().log_softmax(1)[0]
        first, second = int(pseudo.labels[row]), int(pseudo.labels[other])
        total -= float((1 - held(row, removed)) * log_p[first] + held(other, inserted) * log_p[second])
    assert losses.terms["unlabelled"].item() == pytest.approx(total / IMAGES, abs=1e-9)


def test_without_semantic_awareness_both_labels_are_weighted_by_the_removed_area() -> None:
    method, batch = half_kept(pepl(semantic=False)), a_batch()
    (weak,) = batch.unlabelled.views
    mixed = method.mix(weak, method.pseudo_labels(weak), batch.draws)
    area = float(method.boxes(weak, batch.draws)[0].area) / SIDE**2
    assert 0 < area < 1
    torch.testing.assert_close(mixed.rho[0], torch.full_like(mixed.rho[0], 1 - area))
    torch.testing.assert_close(mixed.rho[1], torch.full_like(mixed.rho[1], area))


def test_both_weightings_mix_the_same_images() -> None:
    batch = a_batch()
    (weak,) = batch.unlabelled.views
    methods = half_kept(pepl()), half_kept(pepl(semantic=False))
    first, second = (method.mix(weak, method.pseudo_labels(weak), batch.draws) for method in methods)
    assert torch.equal(first.images, second.images)
    assert not torch.equal(first.rho[1], second.rho[1])


def test_dividing_by_the_kept_images_scales_the_loss() -> None:
    by_batch, by_kept = (half_kept(pepl(normaliser=name)).losses(a_batch()) for name in ("batch", "kept"))
    assert by_kept.kept is not None
    ratio = by_kept.terms["unlabelled"] / by_batch.terms["unlabelled"]
    assert ratio.item() == pytest.approx(IMAGES / int(by_kept.kept.sum()), abs=1e-9)


@pytest.mark.parametrize("normaliser", ["batch", "kept"])
def test_a_single_kept_image_is_not_used(normaliser: str) -> None:
    method, batch = half_kept(pepl(normaliser=normaliser)), a_batch()
    confidence = method.model(batch.unlabelled.views[0]).detach().float().softmax(1).amax(1).sort().values
    method.thresholds.p.fill_(1 / CLASSES)
    method.thresholds.tau.fill_(float(confidence[-2:].mean()))
    losses = method.losses(batch)
    q = method.model(batch.unlabelled.views[0]).detach().float().softmax(1)
    assert int(method.thresholds.keep(q).sum()) == 1
    losses.terms["unlabelled"].backward()
    assert losses.terms["unlabelled"].item() == 0
    assert losses.kept is not None
    assert not losses.kept.any()
    assert all(weight.grad is None or not weight.grad.any() for weight in method.parameters())


def test_a_confidence_equal_to_the_threshold_is_not_enough() -> None:
    method = half_kept(pepl())
    nn.init.zeros_(method.model.head.weight)  # pyright: ignore[reportArgumentType]
    nn.init.zeros_(method.model.head.bias)  # pyright: ignore[reportArgumentType]
    method.thresholds.p.fill_(1)
    confidence = method.model(a_batch().unlabelled.views[0]).detach().float().softmax(1).amax()
    method.thresholds.tau.copy_(confidence)
    assert not method.pseudo_labels(a_batch().unlabelled.views[0]).kept.any()
    method.thresholds.tau.copy_(confidence - 1e-6)
    assert method.pseudo_labels(a_batch().unlabelled.views[0]).kept.all()


def test_the_pass_for_evidence_has_no_gradient_and_does_not_update_the_statistics() -> None:
    method, (weak,) = pepl(norm=True), a_batch().unlabelled.views
    before = {name: value.clone() for name, value in method.model.named_buffers()}
    pseudo = method.pseudo_labels(weak)
    assert all(torch.equal(value, before[name]) for name, value in method.model.named_buffers())
    assert not pseudo.shares.requires_grad
    assert not any(rho.requires_grad for rho in method.mix(weak, pseudo, a_batch().draws).rho)


def test_labelled_images_are_not_mixed() -> None:
    batch = a_batch()
    method = pepl(labelled_weight=0.5)
    expected = 0.5 * nn.functional.cross_entropy(method.model(batch.labelled.views[0]), batch.labelled.labels)
    assert method.losses(batch).terms["supervised"].item() == pytest.approx(expected.item(), abs=1e-12)


def test_a_network_without_activation_maps_is_refused_when_the_method_is_built() -> None:
    trunk = backbones.create("mobilenetv3_small_050", 3, 64)
    width = backbones.feature_width(trunk, "mobilenetv3_small_050", 3, 64)
    model = SingleClassifier(trunk, nn.Linear(width, CLASSES), width, CLASSES)
    problem = Problem(CLASSES, 100, 10, 5.0)
    with pytest.raises(UserError, match="after pooling"):
        PEPL(model, PEPLParameters(), problem)
    PEPL(model, PEPLParameters(semantic=False), problem)


@pytest.mark.parametrize(
    ("name", "value"), [("momentum", 1.0), ("weight", -1.0), ("labelled_weight", float("nan")), ("beta", 0)]
)
def test_impossible_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"--method.{name}"):
        PEPLParameters(**{name: value}).validate(CLASSES)  # pyright: ignore[reportArgumentType]
