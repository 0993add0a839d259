"""Run the program in float64, so that rounding does not decide whether two computations of one number agree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

REINTERPRET = (Tensor.view, torch.frombuffer)
"""With a dtype these take bytes for numbers: the bytes of a file stay float32, and the numbers are widened."""


class _Widen(TorchFunctionMode):
    """Give float64 where the program asks for float32."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        def wide(value: Any) -> Any:
            return torch.float64 if value is torch.float32 else value

        kwargs = kwargs or {}
        if func in REINTERPRET:
            found = func(*args, **kwargs)
            return found.double() if found.dtype == torch.float32 else found
        called = Tensor.double if func is Tensor.float else func
        return called(*map(wide, args), **{name: wide(value) for name, value in kwargs.items()})


@contextmanager
def float64() -> Iterator[None]:
    """Compute everything in float64 that is computed in float32 otherwise: weights, views, losses and gradients."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Widen():
            yield
    finally:
        torch.set_default_dtype(before)
