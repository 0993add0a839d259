"""Label propagation: labels spread over a nearest-neighbour graph in feature space."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.errors import UserError
from fewlabels.methods.consistency import joint_logits, softmax_mse, target_probabilities
from fewlabels.methods.graph import balanced_seeds, class_weights, diffuse, neighbour_graph, propagated_labels
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Pool, Problem, parameter
from fewlabels.methods.pseudo_set import PseudoSet
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.classifier import Classifier
from fewlabels.models.statistics import untracked_statistics


@dataclass(frozen=True)
class LabelPropagationParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (ahmetius/LP-DeepSSL)."""

    neighbours: int = parameter(50, "k: neighbours of each image in the graph, at most all other images", least=1)
    alpha: float = parameter(0.99, "how far labels spread over the graph", least=0, below=1)
    iterations: int = parameter(20, "largest number of iterations of conjugate gradients", least=1)
    first_stage: float = parameter(0.5, "share of the run on the labels alone (180 of 360 epochs)", least=0, most=1)
    teacher: bool = parameter(False, "LP-SSDL-MT: add a mean teacher, whose features give the graph")
    decay: float = parameter(0.97, "decay of the mean teacher's weight average", least=0, below=1)
    weight: float = parameter(100.0, "weight of the consistency with the mean teacher after its ramp", least=0)
    ramp: float = parameter(
        0.014, "share of the run over which that weight ramps up as a sigmoid (5 of 360 epochs)", least=0, most=1
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch (50 and 50)", least=1)

    def validate(self, num_classes: int) -> None:
        """Check that there are at least two classes, since labels are weighted by entropy."""
        if num_classes < 2:
            raise UserError(
                "label-propagation weights labels by their entropy, which needs at least two classes; "
                "add a class or choose another method"
            )


class LabelPropagation(Method):
    """Batch statistics are updated in the one pass over labelled and unlabelled images together.

    A round is a pass over the pool; a run has at least two. From the second stage on, each round starts with a new
    graph over labelled and pool images (see :func:`fewlabels.methods.graph.nearest_neighbours` for its cost); learning
    rate and weights continue. The teacher of LP-SSDL-MT predicts in training mode, with dropout, and normalises by its
    own batch; its features are computed in evaluation mode. The authors' second head for the consistency is left out.
    """

    title = "LP-SSDL"
    paper = "Iscen et al., Label Propagation for Deep Semi-supervised Learning, CVPR 2019."
    idea = (
        "After a stage on the labels alone, labels are propagated over a graph of nearest neighbours in feature space. "
        "The network is trained on these pseudo-labels, weighted by certainty and by class frequency, and the graph is "
        "recomputed in each epoch."
    )
    hyperparameters = LabelPropagationParameters
    unlabelled_views = ("weak", "weak")
    p: LabelPropagationParameters
    class_weights: Tensor

    def __init__(self, model: Classifier, parameters: LabelPropagationParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.pseudo = PseudoSet(problem)
        self.register_buffer("class_weights", torch.ones(problem.num_classes))
        self.teacher = WeightAverage(model, parameters.decay) if parameters.teacher else None
        if self.teacher is not None:
            self.teacher.shadow.train()

    @property
    def rounds(self) -> int:
        """Number of passes over the pool, at least two."""
        return max(2, round(self.problem.epochs))

    def start_round(self, number: int, pool: Pool) -> None:
        """In the second stage, propagate the labels over a graph of all images."""
        if number < self.p.first_stage * self.rounds:
            return
        rows = torch.cat([pool.labelled_rows, pool.rows]).unique()
        known = torch.searchsorted(rows, pool.labelled_rows)
        model = self.teacher.shadow if self.teacher is not None else self.model
        graph = neighbour_graph(pool.features(model, rows), self.p.neighbours)
        seeds = balanced_seeds(len(rows), self.num_classes, known.numpy(), pool.labels.numpy())
        labels, certainty = propagated_labels(diffuse(graph, seeds, self.p.alpha, self.p.iterations))
        labels[known] = pool.labels
        self.class_weights.copy_(class_weights(labels, self.num_classes))
        certainty[known] = 0.0  # labelled images are in the other stream, with their given labels
        self.pseudo.replace(pool, rows, labels, certainty)

    def losses(self, batch: Batch) -> Losses:
        """Return the weighted cross-entropy over both streams, and the consistency with the teacher if there is one."""
        (labelled,), (view, other), rows = batch.labelled.views, batch.unlabelled.views, batch.unlabelled.rows
        logits, own_logits = joint_logits(self.model, labelled, view)
        terms = self.propagated_terms(logits, batch.labelled.labels, own_logits, rows)
        if self.teacher is not None:
            with torch.no_grad(), untracked_statistics(self.teacher.shadow):
                targets = target_probabilities(self.teacher.shadow(other))
            weight = self.p.weight * sigmoid_ramp(batch.progress, self.p.ramp)
            terms["consistency"] = weight * softmax_mse(own_logits, targets).mean()
        return Losses(terms, self.pseudo.member(rows))

    def propagated_terms(self, logits: Tensor, labels: Tensor, own_logits: Tensor, rows: Tensor) -> dict[str, Tensor]:
        """Return the mean over the whole batch of class weight * certainty * cross-entropy, in two terms.

        In the first stage only the labelled images contribute.

        Args:
            logits: (B, C) of the labelled images, whose certainty is 1.
            labels: (B,) int64 classes of the labelled images.
            own_logits: (muB, C) of the unlabelled images.
            rows: (muB,) int64 rows of the unlabelled images.
        """
        propagated = self.pseudo.labels[rows]
        weights = self.class_weights[propagated] * self.pseudo.certainty[rows]
        share = torch.where(self.pseudo.selected > 0, len(labels) / (len(labels) + len(rows)), 1.0)
        supervised = (cross_entropy(logits, labels, reduction="none") * self.class_weights[labels]).mean()
        unlabelled = (cross_entropy(own_logits, propagated, reduction="none") * weights).mean()
        return {"supervised": share * supervised, "unlabelled": (1 - share) * unlabelled}

    def after_step(self) -> None:
        """Update the teacher's weight average."""
        if self.teacher is not None:
            self.teacher.update(self.model)
