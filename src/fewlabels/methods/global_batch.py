"""Gathering of rows from all processes, for everything that is computed across the global batch."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def gather(rows: Tensor) -> Tensor:
    """Return the rows of all processes in slot order, with their gradient; in a single process the rows themselves.

    A mean over gathered rows is the same number in every process, so that thresholds and graphs agree.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return rows
    return torch.cat(all_gather(rows.contiguous()))
