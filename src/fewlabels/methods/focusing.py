"""Cross-entropies of present and absent classes that easy cases weigh less in (Lin et al., 2017; Ridnik et al., 2021).

Legend: B images of the batch, K classes, p = sigmoid of the logits.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def power(p: Tensor, gamma: float | Tensor) -> Tensor:
    """p^gamma, whose gradient at p = 0 is 0 and not infinite where gamma is below 1."""
    return p.clamp_min(torch.finfo(p.dtype).tiny) ** gamma


def focused_losses(
    logits: Tensor, present: Tensor, gamma_present: float, gamma_absent: float | Tensor, clip: float = 0.0
) -> Tensor:
    """(B, K) (1 - p)^gamma+ * -log p where a class is present, p_m^gamma- * -log(1 - p_m) where it is not.

    Equal gammas and no clip are the focal loss. As in both papers the gradient flows through the weight, too.

    Args:
        logits: (B, K), at least float32.
        present: (B, K) bool.
        gamma_present: gamma+, 0 or more; the larger, the less easy cases weigh.
        gamma_absent: gamma-, a number or one for each of (B, K).
        clip: m; p_m = max(p - m, 0), so that absences with p below m count nothing.
    """
    p = logits.sigmoid()
    shifted = (p - clip).clamp_min(0) if clip else p
    absence = -torch.log1p(-shifted) if clip else softplus(logits)
    return torch.where(
        present,
        power(1 - p, gamma_present) * softplus(-logits),
        power(shifted, gamma_absent) * absence,
    )
