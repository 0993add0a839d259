"""Mean Teacher: the student is trained to agree with the predictions of its own weight average."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits, softmax_mse, target_probabilities
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Problem, parameter
from fewlabels.methods.negatives import check_count, draw_negatives, equal_weights, negative_loss, negatives_ramp
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.classifier import Classifier
from fewlabels.models.statistics import untracked_statistics


@dataclass(frozen=True)
class MeanTeacherParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (CuriousAI/mean-teacher), and of DNLL's code for its Sec. 4.7 (negatives).

    The authors' weight is 100 n_l/N, with a cross-entropy that is summed over the labelled images and divided by the
    whole batch, of which n_l/N is labelled (on SVHN it is 1, with 1 labelled image of 100). Ours is the mean over the
    labelled images, so that both weights become 100.
    """

    weight: float = parameter(100.0, "weight of the consistency after the ramp", least=0)
    ramp: float = parameter(
        0.267, "share of the run over which it ramps up as a sigmoid (40,000 of 150,000 steps)", least=0, most=1
    )
    decay: float = parameter(0.999, "alpha: decay of the teacher's weight average", least=0, below=1)
    negatives: int = parameter(
        0, "m: additional negative labels per image (DNLL, Sec. 4.7; its code draws 2); 0 is none"
    )
    negatives_from: Literal["student", "teacher"] = parameter(
        "student",
        "whose prediction on the teacher's view the negatives are drawn from (DNLL's code: student; "
        "docs/papers/dnll.md, D21)",
    )
    negatives_weight: float = parameter(2.0, "weight of the negative loss, a mean over the m, after its ramp", least=0)
    negatives_ramp: float = parameter(
        0.15, "share of the run over which that weight rises from a quarter (15 of 100 epochs)", least=0, most=1
    )
    mu: int = parameter(
        3, "unlabelled images per labelled image in a batch (194 and 62 in the authors' PyTorch code)", least=1
    )

    def validate(self, num_classes: int) -> None:
        """Check that there are m classes other than the predicted one."""
        check_count("negatives", self.negatives, 0, num_classes)


class MeanTeacher(Method):
    """Batch statistics are updated in the student's one pass over labelled and unlabelled images.

    The teacher predicts in training mode, with dropout, as in the authors' code, and normalises by its own batch. Its
    running statistics are the average of the student's.
    """

    title = "Mean Teacher"
    paper = "Tarvainen and Valpola, Mean teachers are better role models, NeurIPS 2017."
    idea = (
        "A second network, the teacher, is a running average of the student's weights. Its class probabilities on "
        "another view of each unlabelled image are the target of the student, with a weight that ramps up during the "
        "run."
    )
    hyperparameters = MeanTeacherParameters
    unlabelled_views = ("weak", "weak")
    p: MeanTeacherParameters

    def __init__(self, model: Classifier, parameters: MeanTeacherParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.teacher = WeightAverage(model, parameters.decay)
        self.teacher.shadow.train()

    @torch.no_grad()
    def predictions(self, model: Classifier, view: Tensor) -> Tensor:
        """Return probabilities (B, K) of a view in training mode, without updating the running statistics."""
        with untracked_statistics(model):
            return target_probabilities(model(view))

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + w(t) * squared distance to the teacher's probabilities (Sec. 2).

        The loss on negative labels is added if ``negatives`` is above 0.
        """
        (labelled,), (view, teachers_view) = batch.labelled.views, batch.unlabelled.views
        logits, own_logits = joint_logits(self.model, labelled, view)
        targets = self.predictions(self.teacher.shadow, teachers_view)
        weight = self.p.weight * sigmoid_ramp(batch.progress, self.p.ramp)
        terms = {
            "supervised": cross_entropy(logits, batch.labelled.labels),
            "consistency": weight * softmax_mse(own_logits, targets).mean(),
        }
        if self.p.negatives:
            by_teacher = self.p.negatives_from == "teacher"
            source = targets if by_teacher else self.predictions(self.model, teachers_view)
            terms["negatives"] = self.negatives_term(own_logits, source.argmax(1), batch)
        return Losses(terms)

    def negatives_term(self, logits: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Return the loss of logits (B, K) on negatives of the pseudo-labels (B,) (DNLL, Sec. 4.7)."""
        equal = equal_weights(self.num_classes, labels.device)
        negatives = draw_negatives(labels, equal, self.p.negatives, batch.draws.fork("negatives"))
        weight = self.p.negatives_weight * negatives_ramp(batch.progress, self.p.negatives_ramp)
        return weight * negative_loss(logits, negatives, "mean").mean()

    def after_step(self) -> None:
        """Update the teacher's weight average."""
        self.teacher.update(self.model)
