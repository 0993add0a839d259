"""Attention-FixMatch: FixMatch with a consistency loss on the attention maps of the two views."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div

from fewlabels.methods.consistency import target_probabilities
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, parameter
from fewlabels.methods.thresholds import above
from fewlabels.models.heads.attention import AttentionClassifier


@dataclass(frozen=True)
class AttentionFixMatchParameters(Parameters):
    """Defaults of the student report, and of its authors' code where the report is silent.

    See docs/papers/student-report.md, S4 to S6.
    """

    threshold: float = parameter(
        0.95, "tau: confidence from which a pseudo-label is used (Sec. 2.4: 0.95, 0.75, 0.6)", least=0, most=1
    )
    att_weight: float = parameter(
        0.015625,
        "weight of the maps' divergence; the code divides by 8 x 8 places, 1 is the text's KL "
        "(docs/papers/student-report.md, S5)",
        least=0,
    )
    detach: bool = parameter(
        False,
        "true: only the strong view's map is trained (recommended); the code trains both "
        "(docs/papers/student-report.md, S6)",
    )
    maps: int = parameter(2, "number of attention maps, which are summed (Sec. 2.3)", least=1)
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


def mean_of_kept(values: Tensor, keep: Tensor) -> Tensor:
    """Average values (B,) over the entries that keep (B,) bool selects; 0 without gradient if it selects none.

    The divisor is counted over the global batch, so that the mean over the processes equals that of a single process.
    """
    share = gather(keep).float().mean()
    return torch.where(keep, values, 0).mean() / torch.where(share > 0, share, 1)


def attention_divergence(target: Tensor, attention: Tensor) -> Tensor:
    """Return KL(softmax(target) || softmax(attention)) over the places of each pair of maps, (B,), in nats.

    The gradient flows through both maps (docs/papers/student-report.md, T-5).

    Args:
        target: (B, h, w).
        attention: (B, h, w).
    """
    kind = torch.promote_types(target.dtype, torch.float32)
    log_p, log_q = (maps.to(kind).flatten(1).log_softmax(1) for maps in (target, attention))
    return kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)


class AttentionFixMatch(Method):
    """Batch statistics are updated in the one pass over labelled, weak and strong views, which scales all maps alike.

    The attention ends in a ReLU: a large step can switch it off everywhere, which ends the training. On digits this
    happens at a learning rate of 0.03; the report's code has 0.003, ``--lr 0.003`` (docs/papers/student-report.md, A6).

    The report's proposal of a loss for diversity between the maps is implemented neither by its authors nor here.
    """

    title = "Attention-FixMatch"
    paper = "Alshami and Arya, Semi-supervised Image Classification, student report, Saarland University."
    idea = (
        "Extends FixMatch by a learned attention map that pools the features. For confident predictions, the map of "
        "the strong view is trained to match the map of the weak view."
    )
    notes = "docs/papers/student-report.md"
    hyperparameters = AttentionFixMatchParameters
    unlabelled_views = ("weak", "strong")
    frozen_trunk = "pixels"
    p: AttentionFixMatchParameters

    @classmethod
    def network(cls, parameters: AttentionFixMatchParameters) -> Network:
        """Ask for features pooled by attention."""
        return Network(attention_maps=parameters.maps)

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + pseudo-label loss + att_weight * divergence of the maps.

        The last two are averaged over the kept images.
        """
        assert isinstance(self.model, AttentionClassifier)
        (labelled,), (weak, strong) = batch.labelled.views, batch.unlabelled.views
        sizes = [len(labelled), len(weak), len(strong)]
        every = self.model.attended(torch.cat([labelled, weak, strong]))
        logits, weak_logits, strong_logits = every.logits.split(sizes)
        _, weak_map, strong_map = every.attention.split(sizes)
        q = target_probabilities(weak_logits)
        kept = above(q, self.p.threshold)
        target = weak_map.detach() if self.p.detach else weak_map
        return Losses(
            {
                "supervised": cross_entropy(logits, batch.labelled.labels),
                "unlabelled": mean_of_kept(cross_entropy(strong_logits, q.argmax(1), reduction="none"), kept),
                "attention": self.p.att_weight * mean_of_kept(attention_divergence(target, strong_map), kept),
            },
            kept,
        )

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept predictions with a confidence of at least the threshold, (N,) bool."""
        return above(probabilities, self.p.threshold)
