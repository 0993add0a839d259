"""bf16 where the hardware is quick at it, float32 elsewhere, and what is asked for wins."""

import pytest
import torch

from fewlabels.errors import UserError
from fewlabels.models.precision import Precision, choose_precision

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


def cpu_with(monkeypatch: pytest.MonkeyPatch, amx: bool = False, avx512_bf16: bool = False) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)


@pytest.mark.parametrize(("amx", "expected"), [(True, Precision("bf16", True)), (False, Precision("fp32", True))])
def test_a_cpu_with_amx_takes_bf16(monkeypatch: pytest.MonkeyPatch, amx: bool, expected: Precision) -> None:
    cpu_with(monkeypatch, amx=amx)
    assert choose_precision(CPU, "small_cnn") == expected


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [("wrn_28_2", "bf16"), ("vit_tiny_patch16_224", "bf16"), ("small_cnn", "fp32"), ("mobilenetv2_100", "fp32")],
)
def test_a_cpu_with_avx512_bf16_takes_it_for_large_products_only(
    monkeypatch: pytest.MonkeyPatch, backbone: str, expected: str
) -> None:
    cpu_with(monkeypatch, avx512_bf16=True)
    assert choose_precision(CPU, backbone).name == expected


def test_a_torch_that_cannot_tell_means_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    for feature in ("amx_tile", "avx512_bf16"):
        monkeypatch.delattr(torch.cpu, f"_is_{feature}_supported", raising=False)
    assert choose_precision(CPU, "wrn_28_2").name == "fp32"


@pytest.mark.parametrize(
    ("supported", "expected"), [(True, Precision("bf16", True)), (False, Precision("fp32", False))]
)
def test_cuda_takes_bf16_where_it_has_it(monkeypatch: pytest.MonkeyPatch, supported: bool, expected: Precision) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert choose_precision(CUDA, "mobilenetv2_100") == expected


def test_other_devices_take_fp32() -> None:
    assert choose_precision(MPS, "wrn_28_2") == Precision("fp32", False)


@pytest.mark.parametrize("amx", [True, False])
def test_what_is_asked_for_wins(monkeypatch: pytest.MonkeyPatch, amx: bool) -> None:
    cpu_with(monkeypatch, amx=amx)
    assert choose_precision(CPU, "small_cnn", "fp32").name == "fp32"
    assert choose_precision(CPU, "small_cnn", "bf16") == Precision("bf16", True)


def test_another_name_is_refused() -> None:
    with pytest.raises(UserError, match="--precision fp16"):
        choose_precision(CPU, "small_cnn", "fp16")


@pytest.mark.parametrize("name", ["small_cnn", "cnn3"])
def test_bf16_and_channels_last_give_nearly_the_same(name: str) -> None:
    import timm

    from fewlabels.models import backbones

    assert name in backbones.OURS
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=4).eval()
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        expected = net(images)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.autocast("cpu", torch.bfloat16):
            found = net(images.to(memory_format=torch.channels_last))
    assert (found.float() - expected).abs().max() < 0.05 * expected.abs().max()
