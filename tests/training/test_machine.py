"""What names the machine that number format and memory layout are measured for."""

import platform

import pytest
import torch

from fewlabels.training import machine
from fewlabels.training.machine import processor

CPU = torch.device("cpu")
X86 = (
    "processor : 0\nmodel name : A CPU\nflags : fpu avx2 amx_bf16\n\nprocessor : 1\nmodel name : Another\nflags : fpu\n"
)
ARM = "processor : 0\nFeatures : fp asimd bf16\nCPU implementer : 0x41\n"


class Files:
    """Replaces Path: /proc/cpuinfo with this text, or without a text no such file."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __call__(self, path: str) -> "Files":
        assert path == "/proc/cpuinfo"
        return self

    def exists(self) -> bool:
        return self.text is not None

    def read_text(self) -> str:
        assert self.text is not None
        return self.text


@pytest.mark.parametrize(
    ("text", "name"),
    [(X86, "A CPU avx2 amx_bf16"), (ARM, "some machine asimd bf16"), (None, "some machine"), ("", "some machine")],
)
def test_a_cpu_is_its_name_and_instruction_sets(monkeypatch: pytest.MonkeyPatch, text: str | None, name: str) -> None:
    monkeypatch.setattr(machine, "Path", Files(text))
    monkeypatch.setattr(platform, "processor", lambda: "some machine")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert processor(CPU) == f"{name} {torch.backends.cpu.get_cpu_capability()}"


def test_limits_on_instruction_sets_make_it_another_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    before = processor(CPU)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert processor(CPU) == f"{before} AVX2"


def test_a_gpu_is_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    assert processor(torch.device("cuda:1")) == "GPU 1"
