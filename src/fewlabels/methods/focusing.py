"""Focal and asymmetric binary cross-entropy, which weight easy cases less (Lin et al., 2017; Ridnik et al., 2021).

Legend: B images of the batch, K classes, p = sigmoid of the logits.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def power(p: Tensor, gamma: float | Tensor) -> Tensor:
    """Return p^gamma, with a gradient of 0 instead of infinity at p = 0 if gamma is below 1."""
    return p.clamp_min(torch.finfo(p.dtype).tiny) ** gamma


def focused_losses(
    logits: Tensor, present: Tensor, gamma_present: float, gamma_absent: float | Tensor, clip: float = 0.0
) -> Tensor:
    """Return (1 - p)^gamma+ * -log p for present classes and p_m^gamma- * -log(1 - p_m) for absent ones.

    With equal gammas and no clip this is the focal loss, else the asymmetric loss. The gradient also flows through the
    weight, as the formulas say; the codes of ASL and CSL stop it there (docs/papers/baselines.md, A3).

    Args:
        logits: (B, K), at least float32.
        present: (B, K) bool.
        gamma_present: gamma+, 0 or more; the larger, the less easy cases weigh.
        gamma_absent: gamma-, 0 or more, a number or (B, K).
        clip: m, from 0 to below 1; p_m = max(p - m, 0), so absences with p below m count 0.

    Returns:
        (B, K), of the dtype of the logits.
    """
    p = logits.sigmoid()
    shifted = (p - clip).clamp_min(0) if clip else p
    absence = -torch.log1p(-shifted) if clip else softplus(logits)
    return torch.where(
        present,
        power(1 - p, gamma_present) * softplus(-logits),
        power(shifted, gamma_absent) * absence,
    )
