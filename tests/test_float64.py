"""The float64 of tests: everything is widened, and everything is as before afterwards."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.float64 import float64


def test_what_asks_for_float32_gets_float64() -> None:
    third = torch.tensor(1 / 3, dtype=torch.float64)
    with float64():
        made = [torch.rand(2), torch.zeros(2, dtype=torch.float32), torch.nn.Linear(2, 1).weight]
        cast = [third.float(), third.to(torch.float32), third.to(dtype=torch.float32), third.type(torch.float32)]
    assert {tensor.dtype for tensor in [*made, *cast]} == {torch.float64}
    assert all(tensor == third for tensor in cast)


def test_other_types_stay() -> None:
    with float64():
        assert torch.rand(2).half().dtype == torch.float16
        assert torch.arange(2).dtype == torch.int64


def test_a_file_of_float32_is_read_as_the_numbers_in_it(tmp_path: Path) -> None:
    saved = {"a": torch.randn(3, 4), "b": torch.arange(3)}
    save_file(saved, tmp_path / "a.safetensors")
    with float64():
        found = load_file(tmp_path / "a.safetensors")
    assert found["a"].dtype == torch.float64
    assert torch.equal(found["a"], saved["a"].double())
    assert torch.equal(found["b"], saved["b"])


def test_after_an_error_torch_is_as_before() -> None:
    with pytest.raises(RuntimeError), float64():
        raise RuntimeError
    assert torch.rand(1).dtype == torch.zeros(1).double().float().dtype == torch.float32
