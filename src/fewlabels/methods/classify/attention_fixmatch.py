"""Attention-FixMatch: FixMatch that also wants the network to look at the same place in both views."""

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
    """Defaults of the student report and, where it is silent, of its authors' code (METHODS 2.4, S4 to S6)."""

    threshold: float = parameter(
        0.95, "tau: confidence from which a pseudo-label counts (Sec. 2.4: 0.95, 0.75, 0.6)", least=0, most=1
    )
    att_weight: float = parameter(
        0.015625, "weight of the maps' divergence; the code divides by its 8 x 8 places, 1 is the text's KL", least=0
    )
    detach: bool = parameter(False, "true: only the strong view's map learns (recommended); the code trains both")
    maps: int = parameter(2, "attention maps that are summed (Sec. 2.3)", least=1)
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


def mean_of_kept(values: Tensor, keep: Tensor) -> Tensor:
    """Mean of values (B,) where keep (B,) bool is true; 0, and no gradient, where it is true nowhere.

    The number kept is counted over the global batch: the mean of this over the processes is what one would find.
    """
    share = gather(keep).float().mean()
    return torch.where(keep, values, 0).mean() / torch.where(share > 0, share, 1)


def attention_divergence(target: Tensor, attention: Tensor) -> Tensor:
    """(B,) KL(softmax(target) || softmax(attention)) of two (B, h, w) maps over their places; gradient through both."""
    kind = torch.promote_types(target.dtype, torch.float32)
    log_p, log_q = (maps.to(kind).flatten(1).log_softmax(1) for maps in (target, attention))
    return kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)


class AttentionFixMatch(Method):
    """Batch statistics move in the one pass over labelled, weak and strong views, so that maps are scaled alike.

    The attention ends in a ReLU: a large step may turn it off everywhere, and then nothing learns any more. On digits
    that still happens at a learning rate of 0.03; the report's code has 0.003 (``--lr 0.003``).

    The report's idea of a loss for diversity between the maps, which its authors did not build, is not here either.
    """

    title = "Attention-FixMatch"
    paper = "Alshami and Arya, Semi-supervised Image Classification, student report, Saarland University."
    idea = (
        "As FixMatch, with features pooled by a learned attention map. Where the prediction is confident, the map of "
        "the strong view is drawn to that of the weak view, so that the network looks at the same place in both."
    )
    hyperparameters = AttentionFixMatchParameters
    unlabelled_views = ("weak", "strong")
    frozen_trunk = "pixels"
    p: AttentionFixMatchParameters

    @classmethod
    def network(cls, parameters: AttentionFixMatchParameters) -> Network:
        """Features pooled by attention."""
        return Network(attention_maps=parameters.maps)

    def losses(self, batch: Batch) -> Losses:
        """Supervised + cross-entropy and att_weight * divergence of the maps, both averaged over what is kept."""
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
        """Trusted from the threshold on."""
        return above(probabilities, self.p.threshold)
