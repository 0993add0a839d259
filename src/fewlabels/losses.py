"""Loss functions of the methods, for use in any training loop.

All are pure functions of tensors, without state or randomness. They are differentiable with respect to the logits (or
features, or boxes) and need no other part of fewlabels:

    from fewlabels.losses import pseudo_label_loss

    q = model(weak).detach().softmax(1)
    loss = pseudo_label_loss(model(strong), q.argmax(1), q.amax(1) >= 0.95)

Each docstring gives shapes, ranges and the source. Marks are multi-label targets: 1 present, -1 absent, 0 unknown. With
several processes, :func:`known_loss` counts the known marks of all of them.

Importing this module imports torch; importing ``fewlabels`` alone does not.
"""

from fewlabels.methods.classify.attention_fixmatch import attention_divergence
from fewlabels.methods.classify.deep_co_training import jensen_shannon
from fewlabels.methods.classify.freematch import fairness_loss
from fewlabels.methods.classify.pi_model import agreement_loss
from fewlabels.methods.classify.sntg import neighbour_loss
from fewlabels.methods.classify.vat import entropy
from fewlabels.methods.consistency import kl_divergence, pseudo_label_loss, softmax_mse
from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.localize.lchp import box_consistency_loss
from fewlabels.methods.localize.spg import seed_loss
from fewlabels.methods.marks import known_loss
from fewlabels.methods.multilabel.csl import selective_losses
from fewlabels.methods.multilabel.partial_bce import partial_bce
from fewlabels.methods.multilabel.splc import corrected_losses
from fewlabels.methods.negatives import negative_loss
from fewlabels.methods.semantic_mixing import two_label_loss

__all__ = [
    "agreement_loss",
    "attention_divergence",
    "box_consistency_loss",
    "corrected_losses",
    "entropy",
    "fairness_loss",
    "focused_losses",
    "jensen_shannon",
    "kl_divergence",
    "known_loss",
    "negative_loss",
    "neighbour_loss",
    "partial_bce",
    "pseudo_label_loss",
    "seed_loss",
    "selective_losses",
    "softmax_mse",
    "two_label_loss",
]
