"""The page of a multi-label run: class by class, mark by mark, in the words of the task."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.report.pages import HOSTILE, Page, page_of, read, refused, text_of, with_own, written
from tests.report.test_classify import opened
from tests.tiny import tiny_experiment, tiny_options
from torch import nn

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN, ArrayImages, Dataset
from fewlabels.data.known.scenes import draw_scenes
from fewlabels.evaluation.outcome import Predictions
from fewlabels.models.heads.class_maps import ClassMapClassifier
from fewlabels.report.content.example import Example
from fewlabels.report.content.multilabel import BINS, ClassPrecision, Histogram, MarkCounts, MultilabelContent
from fewlabels.report.draw.histogram import probability_histogram
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.report.pick.class_maps import class_mapped, most_probable, positive_maps
from fewlabels.report.pick.marks import MarksGallery
from fewlabels.report.pick.multilabel import histograms
from fewlabels.report.summary import RunSummary
from fewlabels.run.ledger import read_ledger
from fewlabels.run.train import train

CPU = torch.device("cpu")
NAMES = tuple(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
TRAINED, TESTED = 40, 20


def scenes(size: int = 32) -> Dataset:
    """Forty training and twenty test images of digits over photographs, every mark known, no test image with a nine."""
    train, test = draw_scenes(TRAINED, 0, "train", (1, 4), size), draw_scenes(TESTED, 0, "test", (1, 4), size)
    labels = np.where(np.concatenate([train.present, test.present]), PRESENT, ABSENT).astype(np.int8)
    labels[TRAINED:, 9] = ABSENT
    splits = np.repeat(np.array([TRAIN, TEST], np.int8), [TRAINED, TESTED])
    paths = tuple(f"{'train' if row < TRAINED else 'test'}/{row:03d}" for row in range(TRAINED + TESTED))
    pixels = np.concatenate([train.pixels, test.pixels])
    return Dataset("scenes", NAMES, paths, splits, labels, ArrayImages(pixels), "none")


def run(out: Path, method: str = "saliency-regularization", size: int = 32, **changes: Any) -> RunSummary:
    asked: dict[str, Any] = {"task": "multilabel", "data": "scenes", "num_labels": None, "known_proportion": 0.4}
    options = tiny_options(out.parent, method, out, **(asked | {"image_size": size} | changes))
    return read(train(options, say=lambda _: None, dataset=scenes(size)) / "report.html")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "saliency"


@pytest.fixture(scope="module")
def saliency(out: Path) -> RunSummary:
    return run(out)


@pytest.fixture(scope="module")
def bce(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """Another method, another seed and other marks."""
    return run(tmp_path_factory.mktemp("runs") / "bce", "bce", seed=3, known_proportion=0.7)


def own(summary: RunSummary) -> MultilabelContent:
    assert isinstance(summary.own, MultilabelContent)
    return summary.own


def gallery(folder: Path, probabilities: torch.Tensor | None = None) -> MarksGallery:
    """Marks of the scenes, with probabilities made up."""
    dataset = scenes()
    options = tiny_options(
        folder, "bce", folder / "run", task="multilabel", num_labels=None, known_proportion=0.5, image_size=32
    )
    experiment = tiny_experiment(options, dataset)
    if probabilities is None:
        probabilities = torch.rand(len(dataset), 10, generator=torch.Generator().manual_seed(1))
    return MarksGallery(experiment, Predictions(probabilities, probabilities > 0.9))


def invented(own: dict[str, Any] | None = None, classes: Sequence[str] = ("cat", "dog"), **changes: Any) -> RunSummary:
    """Two classes, no images."""
    content = MultilabelContent(
        MarkCounts(30, 70, 400), {"cat": 20, "dog": 10}, {"cat": 30, "dog": 20}, 90, "test images",
        [ClassPrecision(0.9, 25, 100), ClassPrecision(None, 0, 100)],
    )  # fmt: skip
    content = replace(content, **(own or {}))
    metrics = {"test": {"num_images": 100, "mAP": 0.9, "OP": 0.8, "OR": 0.75}}
    made = RunSummary(
        "made", "multilabel", {"data": "pets", "known_proportion": 0.125}, metrics, [], list(classes), own=content,
    )  # fmt: skip
    return replace(made, **changes)


def test_a_run_is_read_back_from_its_page_with_all_its_content(saliency: RunSummary, out: Path) -> None:
    told = own(saliency)
    assert sum(told.given) == TRAINED * 10
    assert told.given.known == pytest.approx(0.4 * TRAINED * 10, rel=0.2)
    assert told.given.present == sum(told.label_counts.values())
    metrics = json.loads((out / "metrics.json").read_text())
    assert [one.average for one in told.precisions] == pytest.approx(metrics["test"]["AP"])
    assert metrics["test"]["AP"][9] is None
    truth = scenes().labels[TRAINED:] == PRESENT
    assert [one.positives for one in told.precisions] == truth.sum(0).tolist()
    assert [sum(one.counts) for one in told.histograms[:3]] == list(told.given)
    assert read(written(out / "again.html", saliency)) == saliency


def test_the_marks_on_the_page_are_those_of_the_ledger(saliency: RunSummary, out: Path) -> None:
    told, counts = own(saliency), own(saliency).label_counts
    assert told.absent
    assert told.present
    assert min(counts[name] for name in told.absent) >= sorted(counts.values())[-6]
    ledger = {(row["path"], row["class"]): row for row in read_ledger(out / "labels.csv")}
    for kind, shown in (("1", told.present), ("0", told.absent)):
        for name, examples in shown.items():
            for one in examples:
                row = ledger[one.path, name]
                assert (row["given"], row["label"], row["split"]) == ("", kind, "train")
                assert float(row["confidence"]) == pytest.approx(one.confidence, abs=1e-6)
    accepted = sum(row["accepted"] == "1" and not row["given"] and row["split"] == "train" for row in ledger.values())
    assert told.accepted_present + told.accepted_absent == accepted


@pytest.mark.parametrize(
    "change",
    [
        {"given": [1, 2]},
        {"precisions": [[0.5, 1, 2]]},
        {"precisions": [[1.5, 1, 2], [0.5, 1, 2]]},
        {"histograms": [{"marks": "a", "counts": [1, 2]}]},
        {"maps": [{"path": "a", "image": "https://example.org/a.png", "truth": None, "maps": []}]},
        {"present": {"cat": [{"path": "a"}]}},
    ],
)
def test_damaged_marks_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    data = invented().to_dict()
    refused(tmp_path, data | {"own": data["own"] | change})


def test_each_class_has_its_average_precision_and_missing_ones_are_named() -> None:
    page = Page(page_of(invented()))
    labels = [chart["aria-label"] or "" for chart in page.all("svg")]
    assert any(label.startswith("Average precision on the test images") and "cat 90.0" in label for label in labels)
    assert "90.0 % (25)" in page.text
    assert "None of them is known to show dog." in page.text
    assert "None of the test images is known to show 'dog': the average precision there is unknown" in page.text
    assert "the mean is over 1 other class." in page.text


def test_for_many_classes_the_lowest_are_drawn_and_all_are_listed() -> None:
    names = [f"c{k:02d}" for k in range(40)]
    precisions = [ClassPrecision(1 - k / 100, 5, 50) for k in range(40)]
    counts = dict.fromkeys(names, 5)
    many = invented(
        {"label_counts": counts, "pseudo_counts": counts, "precisions": precisions}, classes=names,
    )  # fmt: skip
    page = page_of(many)
    (chart,) = re.findall(r'aria-label="(Average precision[^"]*the 30 lowest[^"]*)"', page)
    assert "c39 61.0" in chart
    assert "c10 90.0" in chart
    assert "c09" not in chart
    assert "All 40 classes" in page
    assert "c00 100.0 % 10.0 % 5" in text_of(many)


def test_probabilities_are_counted_by_given_and_by_true_marks() -> None:
    p = torch.tensor([[0.0, 0.049, 0.5], [1.0, 0.951, 0.3]])
    given = torch.tensor([[ABSENT, UNKNOWN, UNKNOWN], [PRESENT, UNKNOWN, UNKNOWN]])
    truth = torch.tensor([[ABSENT, ABSENT, UNKNOWN], [PRESENT, PRESENT, ABSENT]])
    found = {one.marks: {k: n for k, n in enumerate(one.counts) if n} for one in histograms(p, given, truth)}
    assert found == {
        "Marks given as present": {19: 1},
        "Marks given as absent": {0: 1},
        "Unknown marks": {0: 1, 6: 1, 10: 1, 19: 1},
        "Unknown marks that are present": {19: 1},
        "Unknown marks that are absent": {0: 1, 6: 1},
    }
    hidden = {one.marks for one in histograms(p, given, torch.zeros_like(truth))}
    assert "Unknown marks" in hidden
    assert not any("that are" in name for name in hidden)


def test_a_histogram_shows_shares_and_how_many_are_likely() -> None:
    counts = [6, *[0] * (BINS - 2), 2]
    drawn = probability_histogram("Unknown marks", counts, 0)
    assert "Unknown marks (8)" in drawn
    assert "25\u00a0% of them with a probability of 0.5 or more" in drawn
    heights = [float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', drawn)]
    assert heights[0] == pytest.approx(3 * heights[1], abs=0.2)
    assert probability_histogram("Unknown marks", [0] * BINS, 0) == ""
    page = text_of(invented({"histograms": [Histogram("Unknown marks", counts)]}))
    assert "Predicted probabilities of known and unknown marks" in page


def test_the_most_confident_unknown_marks_are_of_training_images_and_not_given(tmp_path: Path) -> None:
    shown = gallery(tmp_path)
    dataset, given = shown.experiment.dataset, shown.given
    for present in (True, False):
        for name, examples in shown.most_confident(range(10), present).items():
            k = NAMES.index(name)
            p = shown.probabilities[:TRAINED, k][given[:TRAINED, k] == UNKNOWN]
            best = (p if present else 1 - p).sort(descending=True).values
            assert [one.confidence for one in examples] == pytest.approx(best[best >= 0.5][:4].tolist())
            for one in examples:
                row = dataset.paths.index(one.path)
                assert (row < TRAINED, one.given) == (True, None)
                assert one.label == (name if present else f"not {name}")
                assert one.truth == (name if dataset.labels[row, k] == PRESENT else f"not {name}")


def test_unlikely_classes_are_not_shown_as_present(tmp_path: Path) -> None:
    shown = gallery(tmp_path, torch.full((TRAINED + TESTED, 10), 0.4))
    assert shown.most_confident(range(10), present=True) == {}
    assert set(shown.most_confident([2, 5], present=False)) == {"two", "five"}


def test_the_least_likely_given_marks_come_first(tmp_path: Path) -> None:
    probabilities = gallery(tmp_path).given.double().clamp(0, 1).float()
    absent, present = torch.nonzero(gallery(tmp_path).given == ABSENT)[0], torch.nonzero(probabilities == 1)[0]
    probabilities[tuple(absent)], probabilities[tuple(present)] = 0.7, 0.2
    first, second = gallery(tmp_path, probabilities).doubted()
    name, other = NAMES[int(present[1])], NAMES[int(absent[1])]
    assert (first.given, first.label, first.truth) == (name, f"not {name}", None)
    assert (second.given, second.label, second.confidence) == (f"not {other}", other, pytest.approx(0.7))


def test_a_mark_that_is_known_to_be_wrong_has_a_frame_and_a_doubted_one_a_card() -> None:
    image = thumbnail(np.zeros((8, 8, 1), np.uint8))
    wrong, right = (Example("a.png", image, "cat", 0.9, None, truth) for truth in ("not cat", "cat"))
    doubted = [Example("b.png", image, "not dog", 0.8, "dog", None)]
    page = Page(page_of(invented({"present": {"cat": [wrong, right]}, "doubted": doubted})))
    assert "most probably present" in page.text
    assert [figure.get("class") for figure in page.all("figure")].count("thumb wrong") == 1
    assert "90 %, is not cat" in page.text
    assert "given dog predicted not dog , 80 %" in page.text
    assert "Given marks that differ from the prediction" in page.text


def test_every_run_on_the_data_shows_maps_of_the_same_images(saliency: RunSummary, bce: RunSummary) -> None:
    ours, theirs = own(saliency).maps, own(bce).maps
    assert len({one.path for one in ours}) == 6
    assert all(one.path.startswith("test/") for one in ours)
    assert [(one.path, one.image, one.truth) for one in ours] == [(one.path, one.image, one.truth) for one in theirs]
    dataset = scenes()
    for one in ours:
        marks = dataset.labels[dataset.paths.index(one.path)]
        assert one.truth == [NAMES[k] for k in np.flatnonzero(marks == PRESENT)]
        assert 1 <= len(one.maps) <= 3
        for found in one.maps:
            there = marks[NAMES.index(found.name)] == PRESENT
            assert found.right == (there == (found.probability >= 0.5))
            assert opened(found.overlay).size == opened(one.image).size


def test_several_runs_have_a_table_of_the_same_maps(saliency: RunSummary, bce: RunSummary) -> None:
    page = page_of(saliency, bce)
    (table,) = re.findall(r'<table class="compared">.*?</table>', page, re.DOTALL)
    assert table.count("<tr>") == 1 + 6
    shown = re.findall(r'src="([^"]*)"', table)
    for one, other in zip(own(saliency).maps, own(bce).maps, strict=True):
        expected = [one.image, *(found.overlay for found in (*one.maps, *other.maps))]
        assert shown[: len(expected)] == expected
        shown = shown[len(expected) :]
    assert "evidence for the class below" in table


@pytest.mark.parametrize(
    ("probabilities", "classes"),
    [([0.1, 0.9, 0.6, 0.8, 0.7], [1, 3, 4]), ([0.1, 0.9, 0.2], [1]), ([0.1, 0.3, 0.2], [1]), ([0.6], [0])],
)
def test_likely_classes_have_a_map_and_the_most_probable_one_always(
    probabilities: list[float], classes: list[int]
) -> None:
    assert most_probable(torch.tensor(probabilities)) == classes


def test_a_map_shows_only_positive_evidence_for_its_class(tmp_path: Path) -> None:
    shown = gallery(tmp_path)
    model = shown.experiment.method.model
    assert isinstance(model, ClassMapClassifier)
    x = torch.cat(list(shown.experiment.images.plain(torch.arange(4))))
    maps = positive_maps(model, x)
    assert maps.min() == 0
    # The mean of a map, negative places included, is the logit where alpha is 0.
    with torch.no_grad():
        assert (maps.mean((2, 3)) >= model.eval()(x) - 1e-5).all()
    assert len(class_mapped(shown, model)) == 6


def test_the_bias_is_not_in_the_map() -> None:
    torch.manual_seed(0)
    model = ClassMapClassifier(nn.Identity(), 6, 4, scaled=True, bias=True)
    kept = torch.rand(2, 6, 9)
    before = positive_maps(model, kept)
    assert before.any()
    assert isinstance(model.head.bias, nn.Parameter)
    model.head.bias.data.sub_(100)
    torch.testing.assert_close(positive_maps(model, kept), before, atol=1e-4, rtol=0)


def test_small_images_and_other_networks_have_no_maps(tmp_path: Path) -> None:
    small = run(tmp_path / "small", size=16)
    assert own(small).maps == []
    assert "Class maps" not in page_of(small)
    shown = gallery(tmp_path)
    model = shown.experiment.method.model
    plain = type(model).__mro__[1](model.backbone, nn.Linear(model.num_features, 10), model.num_features, 10)
    assert class_mapped(shown, plain) == []


def test_the_words_are_those_of_the_task() -> None:
    text = text_of(invented())
    assert "Mean average precision 90.0 % on 100 test images" in text
    assert "A random ranking would reach about 25 %." in text
    assert "80.0 % of the predicted classes are present (precision), and 75.0 % of the present classes" in text
    assert "accepts its prediction for 140 of 400 unknown marks of training images (35.0 %)" in text
    assert "50 present, 90 absent." in text
    assert "Labels given 100 marks Marks 30 present, 70 absent (20.0 % known), 400 unknown" in text
    assert "12.5 % of the marks in the data" in text
    assert "accuracy" not in text.lower()


def test_missing_predictions_and_missing_evaluation_are_stated() -> None:
    nothing = invented(metrics={"test": {"num_images": 100, "mAP": 0.3, "OP": 0.0, "OR": 0.0}})
    assert "none of the present classes is predicted" in text_of(nothing)
    text = text_of(invented({"precisions": []}, metrics={}))
    assert "Mean average precision unknown: no test or validation image is known to show a class" in text
    validated = text_of(invented(metrics={"val": {"num_images": 9, "mAP": 0.3}}))
    assert "30.0 % on 9 validation images" in validated
    assert "may have been used to choose settings" in validated


@pytest.mark.parametrize(
    ("given", "present", "absent", "warned"),
    [((30, 70, 400), 2, 98, True), ((30, 70, 400), 7, 93, False), ((30, 70, 400), 0, 19, False),
     ((30, 0, 400), 0, 98, False)],
)  # fmt: skip
def test_unknown_marks_that_nearly_all_become_absent_are_a_limitation(
    given: tuple[int, int, int], present: int, absent: int, warned: bool
) -> None:
    pseudo = {"cat": present, "dog": 0}
    text = text_of(invented({"given": MarkCounts(*given), "accepted_absent": absent, "pseudo_counts": pseudo}))
    assert ("the method hardly finds present classes" in text) == warned


def test_rare_classes_missing_classes_and_missing_absences_are_limitations() -> None:
    rare, missing = (text_of(invented({"label_counts": {"cat": 20, "dog": dogs}})) for dogs in (3, 0))
    assert "'cat' is marked as present in 20 training images and 'dog' in only 3" in rare
    assert "No training image is marked as showing 'dog'" in missing
    assert "All given marks are 'present'" in text_of(invented({"given": MarkCounts(30, 0, 400)}))
    assert "All given marks are" not in text_of(invented())


def test_multi_label_runs_are_ranked_by_map() -> None:
    worse = invented(name="worse", metrics={"test": {"num_images": 100, "mAP": 0.8}})
    page = Page(page_of(invented(), worse))
    assert "made has the highest mAP, 90.0 %" in page.text
    assert "labels mAP evaluated on" in page.text
    assert "100 marks 80.0 % 100 test images" in page.text
    assert "can't be ranked" in text_of(invented(), invented(name="b", metrics={"val": {"mAP": 0.99}}))


def test_runs_of_different_tasks_are_not_ranked(summary: RunSummary) -> None:
    text = text_of(invented(), summary)
    assert "The runs are of different tasks, so they can't be ranked." in text
    assert "highest" not in text.split("Learning curves")[0]
    accuracy = f"{100 * summary.metrics['test']['accuracy']:.1f} %"
    assert "labels mAP accuracy 95 % interval" in text
    assert f"40 images – {accuracy}" in text
    assert "100 marks 90.0 % –" in text


def test_class_names_are_shown_as_text(saliency: RunSummary) -> None:
    told = own(saliency)
    maps = [replace(one, path=HOSTILE, truth=[HOSTILE]) for one in told.maps]
    maps = [replace(one, maps=[replace(found, name=HOSTILE) for found in one.maps]) for one in maps]
    classes = [HOSTILE, *saliency.classes[1:]]
    counts = dict.fromkeys(classes, 1)
    hostile = with_own(
        replace(saliency, classes=classes), label_counts=counts, pseudo_counts=counts, maps=maps, judged_by=HOSTILE,
        histograms=[replace(one, marks=HOSTILE) for one in told.histograms],
        precisions=[ClassPrecision(None, 0, 0)] * 10,
    )  # fmt: skip
    for runs in ([hostile], [hostile, hostile]):
        assert {script["type"] for script in Page(page_of(*runs)).all("script")} == {"application/json"}
