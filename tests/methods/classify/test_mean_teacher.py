"""Mean Teacher: gradients, the teacher's average, and the negatives."""

import pytest
import torch
from torch import nn

from fewlabels.errors import UserError
from fewlabels.methods.classify.mean_teacher import MeanTeacher, MeanTeacherParameters
from fewlabels.methods.method import Batch, Labelled, Problem, Unlabelled
from fewlabels.models.classifier import SingleClassifier
from fewlabels.randomness import Draws

PROBLEM = Problem(num_classes=3, num_images=8, num_labelled=2, epochs=1)


class Pool(nn.Module):
    """A backbone with batch statistics and dropout."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm2d(3), nn.Dropout(dropout)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)

    def forward_head(self, x: torch.Tensor, pre_logits: bool) -> torch.Tensor:
        return self.dropout(x.mean((2, 3)))


def make(dropout: float = 0.0, **parameters: object) -> MeanTeacher:
    torch.manual_seed(0)
    model = SingleClassifier(Pool(dropout), nn.Linear(3, 3), 3, 3)
    return MeanTeacher(model, MeanTeacherParameters(**parameters), PROBLEM)  # pyright: ignore[reportArgumentType]


def batch(pixels: bool = False, progress: float = 1.0) -> Batch:
    generator = torch.Generator().manual_seed(1)
    shape = (3, 2, 2) if pixels else (3,)
    labelled, view, teachers = (torch.randn(n, *shape, generator=generator) for n in (2, 5, 5))
    return Batch(
        Labelled((labelled,), torch.tensor([0, 2]), torch.arange(2)),
        Unlabelled((view, teachers), torch.arange(5)),
        0,
        progress,
        Draws(3, torch.arange(5)),
    )


def test_the_consistency_is_the_distance_to_the_teacher_on_the_other_view() -> None:
    method, now = make(weight=7.0), batch()
    method.teacher.shadow.head.weight.data.mul_(-2)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    view, teachers = now.unlabelled.views
    student, teacher = method.model(view).softmax(1), method.teacher.shadow(teachers).softmax(1)
    expected = 7 * ((student - teacher) ** 2).mean()
    assert method(now).terms["consistency"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_student_has_a_gradient_and_the_teacher_has_none() -> None:
    method = make(negatives=1)
    sum(method(batch()).terms.values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    assert all(w.grad is None and not w.requires_grad for w in method.teacher.parameters())
    head = method.model.head
    assert isinstance(head, nn.Linear)
    assert head.weight.grad is not None
    assert head.weight.grad.any()


def test_the_teacher_averages_weights_and_batch_statistics() -> None:
    """The decay of the first step is (1 + 0) / (10 + 0): 0.1 old + 0.9 new."""
    method = make()
    before = {k: v.clone() for k, v in method.teacher.shadow.state_dict().items()}
    with torch.no_grad():
        for tensor in (*method.model.parameters(), *method.model.buffers()):
            tensor.add_(1)
    method.after_step()
    for name, tensor in method.teacher.shadow.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, before[name] + 0.9, msg=name)


def test_passes_for_targets_and_negatives_do_not_update_the_running_statistics() -> None:
    method = make(negatives=1)
    teacher = {k: v.clone() for k, v in method.teacher.shadow.state_dict().items()}
    method(batch(pixels=True))
    counted = {int(v) for k, v in method.model.state_dict().items() if k.endswith("num_batches_tracked")}
    assert counted == {1}
    assert all(torch.equal(v, teacher[k]) for k, v in method.teacher.shadow.state_dict().items())


def test_the_teacher_uses_dropout() -> None:
    method = make(dropout=0.5)
    view = torch.randn(4, 3, 2, 2)
    first, second = (method.predictions(method.teacher.shadow, view) for _ in range(2))
    assert not torch.equal(first, second)


def test_the_consistency_starts_near_zero() -> None:
    """At exp(-5) of its weight."""
    method = make()
    method.teacher.shadow.head.weight.data.zero_()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    start, end = (method(batch(progress=t)).terms["consistency"].item() for t in (0.0, 1.0))
    assert start / end == pytest.approx(0.0067379, rel=1e-4)


def test_negatives_add_a_term_only_on_request() -> None:
    assert set(make()(batch()).terms) == {"supervised", "consistency"}
    assert set(make(negatives=2)(batch()).terms) == {"supervised", "consistency", "negatives"}


@pytest.mark.parametrize("source", ["student", "teacher"])
def test_negatives_belong_to_the_prediction_of_student_or_teacher(source: str) -> None:
    """m = K - 1: all classes other than the one predicted on the teacher's view."""
    method, now = make(negatives=2, negatives_from=source, negatives_weight=3.0), batch()
    method.teacher.shadow.head.weight.data.mul_(-1)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    view, teachers = now.unlabelled.views
    network = method.model if source == "student" else method.teacher.shadow
    label = network(teachers).argmax(1, keepdim=True)
    surprise = -torch.log(1 - method.model(view).softmax(1))
    expected = 3 * ((surprise.sum(1) - surprise.gather(1, label)[:, 0]) / 2).mean()
    assert method(now).terms["negatives"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("wrong", [{"negatives": 3}, {"negatives": -1}, {"decay": 1.0}, {"ramp": 2.0}, {"weight": -1}])
def test_impossible_values_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match=f"--method.{next(iter(wrong))}"):
        MeanTeacherParameters(**wrong).validate(3)
    MeanTeacherParameters(negatives=1).validate(2)
