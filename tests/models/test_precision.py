"""The formats and layouts that a device has, and the choice between measured ones."""

import pytest
import torch

from fewlabels.models.precision import Precision, candidates, fastest

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))
PLAIN, LAST = Precision("fp32", "contiguous"), Precision("fp32", "channels_last")
HALF, HALF_PLAIN = Precision("bf16", "channels_last"), Precision("bf16", "contiguous")


def test_a_cpu_has_three_candidates() -> None:
    assert candidates(CPU) == [PLAIN, LAST, HALF]


@pytest.mark.parametrize(("supported", "expected"), [(True, [PLAIN, LAST, HALF]), (False, [PLAIN, LAST])])
def test_cuda_has_bf16_where_the_hardware_has_it(
    monkeypatch: pytest.MonkeyPatch, supported: bool, expected: list[Precision]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert candidates(CUDA) == expected


def test_mps_has_one_candidate() -> None:
    assert candidates(MPS) == [PLAIN]


@pytest.mark.parametrize("device", [CPU, MPS])
def test_a_fixed_format_leaves_its_layouts_and_a_fixed_layout_its_formats(device: torch.device) -> None:
    assert candidates(CPU, "fp32") == [PLAIN, LAST]
    assert candidates(CPU, "bf16") == [HALF_PLAIN, HALF]
    assert candidates(CPU, None, "contiguous") == [PLAIN, HALF_PLAIN]
    assert candidates(CPU, None, "channels_last") == [LAST, HALF]
    assert candidates(device, "bf16", "contiguous") == [HALF_PLAIN]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((839, 701, 1079), LAST),  # WRN-28-2 on a CPU with AVX512-BF16 and without AMX
        ((100, 90, 40), HALF),
        ((60, 60, 50), HALF),
        ((54, 60, 50), PLAIN),
        ((60, 54, 50), LAST),
        ((54, 53, 50), PLAIN),
        ((100, 95, 200), PLAIN),
        ((111, 100, 200), LAST),
    ],
)
def test_near_ties_go_to_the_plainest_candidate(times: tuple[float, ...], expected: Precision) -> None:
    made = dict(zip((PLAIN, LAST, HALF), times, strict=True))
    assert fastest(made) == expected
    assert fastest(dict(reversed(made.items()))) == expected
    assert made[fastest(made)] <= 1.1 * min(times)


@pytest.mark.parametrize("name", ["small_cnn", "cnn3"])
def test_bf16_and_channels_last_give_nearly_the_same(name: str) -> None:
    import timm

    from fewlabels.models import backbones

    assert name in backbones.OWN_BACKBONES
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=4).eval()
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        expected = net(images)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.autocast("cpu", torch.bfloat16):
            found = net(images.to(memory_format=torch.channels_last))
    assert (found.float() - expected).abs().max() < 0.05 * expected.abs().max()
