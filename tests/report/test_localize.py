"""What the page shows of a run with boxes: where they are, how well they meet the true ones, and in words that fit."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.report.pages import HOSTILE, Page, page_of, read, refused, text_of, with_own, written
from tests.report.test_classify import opened
from tests.tiny import tiny_experiment, tiny_options

from fewlabels.data.dataset import TEST, TRAIN, ArrayImages, Dataset
from fewlabels.data.known.scenes import draw_scenes
from fewlabels.evaluation.outcome import Outcome
from fewlabels.models.localizer import Localizer
from fewlabels.report.content.blocks import Corners
from fewlabels.report.content.example import Example
from fewlabels.report.content.localize import BINS, Boxed, Boxing, LocalizeContent
from fewlabels.report.content.localize_face import LocalizeFace
from fewlabels.report.draw.histogram import iou_histogram
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.report.pick.boxes import BoxesGallery
from fewlabels.report.summary import RunSummary
from fewlabels.run.train import train
from fewlabels.tasks.task import load_task, predict_all

CPU = torch.device("cpu")
TRAINED, TESTED, SIZE = 40, 20, 32
WHOLE: Corners = (0.0, 0.0, 1.0, 1.0)


def scenes() -> tuple[Dataset, list[str]]:
    """Forty training and twenty test images of one digit each, and the rows of a CSV with a box for every one."""
    drawn = draw_scenes(TRAINED, 0, "train", size=SIZE), draw_scenes(TESTED, 0, "test", size=SIZE)
    paths = tuple(f"{'train' if row < TRAINED else 'test'}/{row:03d}" for row in range(TRAINED + TESTED))
    labels = np.concatenate([part.present.argmax(1) for part in drawn]).astype(np.int64)
    splits = np.repeat(np.array([TRAIN, TEST], np.int8), [TRAINED, TESTED])
    images = ArrayImages(np.concatenate([part.pixels for part in drawn]))
    boxes = [own[0][1:] for part in drawn for own in part.boxes]
    rows = [",".join([path, *(f"{value:g}" for value in box)]) for path, box in zip(paths, boxes, strict=True)]
    return Dataset("scenes", tuple("0123456789"), paths, splits, labels, images, "none"), rows


def run(out: Path, method: str, rows: list[str] | None = None, **changes: Any) -> RunSummary:
    dataset, own = scenes()
    csv = out.parent / f"{out.name}.csv"
    csv.write_text("\n".join(["path,x0,y0,x1,y1", *(own if rows is None else rows)]) + "\n", encoding="utf-8")
    asked = {"task": "localize", "data": "scenes", "num_labels": 30, "image_size": SIZE, "boxes": str(csv)}
    options = tiny_options(out.parent, method, out, **(asked | changes))
    return read(train(options, say=lambda _: None, dataset=dataset) / "report.html")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "lchp"


@pytest.fixture(scope="module")
def lchp(out: Path) -> RunSummary:
    return run(out, "lchp")


@pytest.fixture(scope="module")
def cam(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """Another method and another seed."""
    return run(tmp_path_factory.mktemp("runs") / "cam", "cam", seed=3)


def boxing_of(summary: RunSummary) -> Boxing:
    assert isinstance(summary.own, LocalizeContent)
    assert summary.own.boxing is not None
    return summary.own.boxing


def example(path: str = "test/a.png", truth: str | None = "cat") -> Example:
    return Example(path, thumbnail(np.zeros((8, 8, 1), np.uint8)), "cat", 0.9, None, truth)


def invented(**changes: Any) -> RunSummary:
    """Two classes; one in four boxes is right."""
    counts = [0] * BINS
    counts[2], counts[10] = 75, 25
    boxing = Boxing("test images", [Boxed(example(), WHOLE, true=[(0.1, 0.1, 0.5, 0.5)], iou=0.16)], [], counts, 0.1)
    figures = {"accuracy": 0.6, "accuracy_low": 0.5, "accuracy_high": 0.7, "num_images": 120, "num_boxed": 100}
    places = {"gt_known": 0.25, "top1_loc": 0.2, "top5_loc": 0.24, "mean_iou": 0.3}
    content = LocalizeContent({"cat": 20, "dog": 20}, {"cat": 0, "dog": 0}, boxing=changes.pop("boxing", boxing))
    made = RunSummary("made", "localize", {"data": "pets"}, {"test": figures | places}, [], ["cat", "dog"], own=content)
    return replace(made, **changes)


def overlap(a: Corners, b: Corners) -> float:
    """IoU by hand."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / (sum((one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)) - common)


def test_a_run_is_read_back_from_its_page_with_its_boxes(lchp: RunSummary, out: Path) -> None:
    assert read(written(out / "again.html", lchp)) == lchp
    told = boxing_of(lchp)
    assert (told.kind, len(told.images), len(told.unsure), sum(told.ious)) == ("test images", 12, 6, TESTED)


def test_the_histogram_counts_what_gt_known_counts(lchp: RunSummary, cam: RunSummary, out: Path) -> None:
    metrics = json.loads((out / "metrics.json").read_text())["test"]
    assert sum(boxing_of(lchp).ious[BINS // 2 :]) / TESTED == pytest.approx(metrics["gt_known"])
    for one in (lchp, cam):
        means = [(place + 0.5) / BINS * count for place, count in enumerate(boxing_of(one).ious)]
        assert sum(means) / TESTED == pytest.approx(one.metrics["test"]["mean_iou"], abs=0.5 / BINS)


def test_test_images_show_the_true_boxes_of_the_file_and_the_iou(lchp: RunSummary) -> None:
    written = {row.split(",")[0]: [float(value) / SIZE for value in row.split(",")[1:]] for row in scenes()[1]}
    for one in boxing_of(lchp).images:
        assert one.example.path.startswith("test/")
        ((x0, y0, x1, y1),) = one.true
        assert [x0, y0, x1, y1] == pytest.approx(written[one.example.path], abs=1e-4)
        assert one.iou == pytest.approx(overlap(one.box, one.true[0]), abs=1e-3)


def test_training_images_come_without_their_true_boxes(lchp: RunSummary, tmp_path: Path) -> None:
    told = boxing_of(lchp)
    assert all(one.example.path.startswith("train/") for one in told.unsure)
    assert all((one.true, one.iou) == ([], None) for one in told.unsure)
    sure = [one.example.confidence for one in told.unsure]
    assert sure == sorted(sure)
    rows = [row if row.startswith("test") else f"{row.split(',')[0]},0,0,1,1" for row in scenes()[1]]
    assert boxing_of(run(tmp_path / "other", "lchp", rows)) == told


def test_every_run_shows_the_same_images(lchp: RunSummary, cam: RunSummary) -> None:
    ours, theirs = ([(one.example.path, one.true) for one in boxing_of(summary).images] for summary in (lchp, cam))
    assert ours == theirs


def test_boxes_of_a_map_are_shown_beside_those_of_the_map_that_was_not_chosen(tmp_path: Path, cam: RunSummary) -> None:
    summary = run(tmp_path / "run", "map-probe", backbone="small_cnn", weights="none")
    boxing = boxing_of(summary)
    assert boxing.other_map == "median-distance"
    assert all(one.other is not None for one in boxing.images)
    assert any(one.other != one.box for one in boxing.images)
    assert "box by the map median-distance, which the model does not use" in text_of(summary)
    assert all(one.other is None for one in (*boxing.unsure, *boxing_of(cam).images))


def test_only_methods_that_train_with_pseudo_boxes_show_them(lchp: RunSummary, cam: RunSummary) -> None:
    for one in (*boxing_of(lchp).images, *boxing_of(lchp).unsure):
        assert one.pseudo is not None
    assert all(one.pseudo is None for one in boxing_of(cam).images)
    with_pseudo, without = text_of(lchp), text_of(cam)
    assert "pseudo box" in with_pseudo
    assert "pseudo box" not in without
    assert "predicted box" in without


def test_the_region_of_a_heat_map_gives_the_box_of_the_method(lchp: RunSummary, cam: RunSummary) -> None:
    for one in boxing_of(cam).images:
        assert one.region == one.box
    for one in boxing_of(lchp).images:
        # the pseudo box is drawn around this one and that of the second look
        assert one.region is not None
        assert one.pseudo is not None
        assert all(outer <= inner for outer, inner in zip(one.pseudo[:2], one.region[:2], strict=True))
        assert all(outer >= inner for outer, inner in zip(one.pseudo[2:], one.region[2:], strict=True))
        assert opened(one.overlay).size == opened(one.example.image).size
    assert "region above 70 % of the scaled map" in text_of(lchp)
    assert "region above 20 % of the scaled map" in text_of(cam)
    assert "70 % of the scaled map or region above 20 % of the scaled map" in text_of(lchp, cam)


def test_the_box_of_the_true_class_is_shown_where_it_is_known(tmp_path: Path) -> None:
    dataset, rows = scenes()
    (tmp_path / "boxes.csv").write_text("\n".join(["path,x0,y0,x1,y1", *rows]), encoding="utf-8")
    task = load_task("localize")
    options = tiny_options(tmp_path, "cam", tmp_path / "run", task="localize", num_labels=20, image_size=SIZE)
    prepared = tiny_experiment(options, dataset)
    model, plain = prepared.method.model, prepared.images.plain
    assert isinstance(model, Localizer)
    gallery = BoxesGallery(prepared, Outcome(model, plain, predict_all(task, prepared, model), task.answers))
    tested = torch.arange(TRAINED, TRAINED + TESTED)
    truth, given = torch.from_numpy(dataset.labels), torch.from_numpy(prepared.split.given)
    x = torch.cat(list(plain(tested)))
    guess = model.eval()(x).argmax(1)
    assert (guess != truth[tested]).any()
    assert torch.equal(gallery.boxes(tested), model.locate(x, truth[tested]).boxes)
    hidden = torch.from_numpy(np.setdiff1d(np.arange(TRAINED), prepared.split.labelled))
    assert (given[hidden] < 0).all()
    x = torch.cat(list(plain(hidden)))
    assert torch.equal(gallery.boxes(hidden), model.locate(x).boxes)


def test_without_true_boxes_there_are_no_figures_of_boxes(tmp_path: Path) -> None:
    blind = run(tmp_path / "blind", "cam", boxes=None)
    told, text = boxing_of(blind), text_of(blind)
    assert (told.ious, told.centred) == ([], None)
    assert all((one.true, one.iou) == ([], None) for one in told.images)
    assert "Accuracy" in text
    assert "the quality of the boxes is unknown" in text
    assert not [words for words in ("GT-Known", "IoU") if words in text]
    assert 'class="box-true"' not in page_of(blind)


def test_small_images_have_boxes_and_no_heat_maps(tmp_path: Path) -> None:
    told = boxing_of(run(tmp_path / "small", "lchp", image_size=16))
    assert len(told.images) == 12
    assert all((one.overlay, one.region) == (None, None) for one in told.images)


@pytest.mark.parametrize(
    "change",
    [
        {"ious": [1, 2]},
        {"ious": [-1] * BINS},
        {"centred": 1.5},
        {"images": [{"example": {"path": "a"}}]},
        {"images": "many"},
    ],
)
def test_damaged_boxes_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    damaged(tmp_path, invented().to_dict(), change)


@pytest.mark.parametrize(
    "change",
    [
        {"box": [0, 0, 1]},
        {"box": [0, 0, 1.2, 1]},
        {"box": [0.5, 0, 0.4, 1]},
        {"true": [[0, 0, 1, "a"]]},
        {"iou": 2},
        {"overlay": "https://example.org/a.png"},
    ],
)
def test_a_damaged_box_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    data = invented().to_dict()
    damaged(tmp_path, data, {"images": [data["own"]["boxing"]["images"][0] | change]})


def damaged(folder: Path, data: dict[str, Any], change: dict[str, Any]) -> None:
    refused(folder, data | {"own": data["own"] | {"boxing": data["own"]["boxing"] | change}})


def test_pages_of_other_tasks_have_no_boxes(summary: RunSummary) -> None:
    page = page_of(summary)
    assert 'class="framed' not in page
    assert "GT-Known" not in page


def test_the_headline_is_gt_known_and_a_correct_box_is_defined() -> None:
    text = text_of(invented())
    assert "Localization accuracy (GT-Known) 25.0 % on 100 test images" in text
    assert "A box is correct if its IoU with a true box is at least 0.5." in text
    assert "The same box at the centre of every image would reach 10.0 %." in text
    assert "Box and class are both correct for 20.0 % (Top-1 localization)" in text
    assert "The class alone is correct for 60.0 % (95 % interval 50.0–70.0 %)." in text
    assert "test images 100 25.0 % 20.0 % 24.0 % 0.300" in text
    assert "For 25.0 % of the 100 test images with a true box" in text


def test_boxes_no_better_than_a_centred_one_are_a_limitation() -> None:
    warning = "no better than the same box at the centre"
    assert warning not in text_of(invented())
    assert warning in text_of(invented(boxing=replace(boxing_of(invented()), centred=0.25)))


def test_boxes_that_cover_most_of_their_images_are_a_limitation_where_no_true_box_is_known() -> None:
    warning = "The boxes cover 77.0 % of their images on average."
    large, usual = {"boxes": {"mean_area": 0.77, "num_images": 100}}, {"boxes": {"mean_area": 0.5, "num_images": 100}}
    assert warning in text_of(invented(metrics=large))
    assert warning not in text_of(invented(metrics=large | invented().metrics))  # the true boxes say more
    assert "of their images on average" not in text_of(invented(metrics=usual))
    assert LocalizeFace.verdict(usual) == []
    (line,) = LocalizeFace.verdict(large)
    assert line.replace("\N{NO-BREAK SPACE}", " ").startswith(f"note: {warning}")


def test_boxes_that_are_less_stable_than_those_that_were_learned_are_a_limitation() -> None:
    figures = {
        "run": "found", "method": "map-probe", "mean_iou": 0.8123, "num_images": 100, "flip_iou": 0.85,
        "generator_flip_iou": 0.9, "num_mirrored": 64,
    }  # fmt: skip
    line = "The boxes of training images have a mean IoU of 0.81 with those of the run 'found' (map-probe)"
    warning = "The boxes of this run are less stable than those that it learned: in 64 mirrored training images"
    worse, better = {"generator": figures}, {"generator": figures | {"flip_iou": 0.9}}
    for metrics in (worse, better):
        text = text_of(invented(metrics=invented().metrics | metrics))
        assert line in text
        assert (warning in text) == (metrics is worse)
        lines = LocalizeFace.verdict(metrics)
        assert lines[0].startswith(line)
        assert [each.startswith(f"note: {warning}") for each in lines[1:]] == [True] * (metrics is worse)
    for damaged in ({}, figures | {"flip_iou": None}, {k: v for k, v in figures.items() if k != "run"}):
        assert line not in text_of(invented(metrics=invented().metrics | {"generator": damaged}))


def test_the_mean_area_of_all_predicted_boxes_is_in_the_metrics(out: Path, lchp: RunSummary) -> None:
    with (out / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    areas = [(float(r["x1"]) - float(r["x0"])) * (float(r["y1"]) - float(r["y0"])) / SIZE**2 for r in rows]
    assert lchp.metrics["boxes"]["num_images"] == len(rows) == TRAINED + TESTED
    assert lchp.metrics["boxes"]["mean_area"] == pytest.approx(np.mean(areas), abs=1e-3)


def test_boxes_of_validation_images_are_named_as_such() -> None:
    figures = invented().metrics["test"]
    text = text_of(invented(metrics={"val": figures}))
    assert "25.0 % on 100 validation images" in text
    assert "may have been used to choose settings" in text


def test_a_wrong_class_and_a_wrong_box_have_a_frame() -> None:
    box: Corners = (0.1, 0.1, 0.5, 0.5)
    good, far = Boxed(example(), box, true=[box], iou=1.0), Boxed(example(), WHOLE, true=[box], iou=0.16)
    other, unknown = Boxed(example(truth="dog"), box, true=[box], iou=1.0), Boxed(example(truth=None), box)
    page = Page(page_of(invented(boxing=Boxing("test images", [good, far, other, unknown]))))
    classes = [figure["class"] for figure in page.all("figure") if (figure.get("class") or "").startswith("framed")]
    assert classes == ["framed", "framed wrong", "framed wrong", "framed"]
    assert "cat, 90 %, IoU 1.00" in page.text
    assert "cat, 90 %, is dog, IoU 1.00" in page.text


def test_outlines_are_drawn_over_the_image_and_differ_in_their_dashes() -> None:
    drawn = Boxed(example(), WHOLE, true=[(0.25, 0.5, 1.0, 1.0)], iou=0.375)
    page = page_of(invented(boxing=Boxing("test images", [drawn])))
    picture = page.split('<figure class="framed')[1].split("</figure>")[0]
    assert re.findall(r'class="box-(\w+)" d="([^"]*)"', picture) == [
        ("true", "M25.00 50.00H100.00V100.00H25.00Z"),
        ("model", "M0.00 0.00H100.00V100.00H0.00Z"),
    ]
    style = page.split("<style>")[1].split("</style>")[0]
    styles = ("true", "model", "pseudo", "region")
    rules = {name: re.findall(rf"^\.box-{name} {{([^}}]*)}}", style, re.MULTILINE) for name in styles}
    dashes = [re.findall(r"stroke-dasharray: ([\d ]+);", rule) for (rule,) in rules.values()]
    assert len({tuple(one) for one in dashes}) == len(styles)


def test_the_histogram_marks_the_correct_half() -> None:
    counts = [0] * BINS
    counts[9], counts[10], counts[19] = 2, 1, 1
    drawn = iou_histogram(counts, "test images")
    assert "IoU of 4\u00a0boxes: 50.0\u00a0% of them 0.5 or more" in drawn
    line = float(re.findall(r'<line x1="([\d.]+)"', drawn)[0])
    bars = [
        (float(x), float(width)) for x, width in re.findall(r'<rect[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"', drawn)
    ]
    assert [x + width < line for x, width in bars] == [True, False, False]
    assert iou_histogram([0] * BINS, "test images") == ""


def test_the_share_kept_is_drawn_once_together_with_gt_known() -> None:
    history: list[dict[str, float | None]] = [
        {"step": step, "loss": 1.0, "share_kept": kept, "test_gt_known": 0.1, "test_pseudo_gt_known": 0.05,
         "test_top1_loc": 0.01} for step, kept in ((1, None), (2, 0.25), (3, 0.5))
    ]  # fmt: skip
    page = Page(page_of(invented(history=history)))
    (chart,) = [label for svg in page.all("svg") if "kept" in (label := svg.get("aria-label") or "")]
    assert "share of boxes kept from 25.0\u00a0% to 50.0\u00a0%" in chart
    assert "GT-Known from 10.0\u00a0%" in chart
    assert "GT-Known of the pseudo boxes from 5.0\u00a0%" in chart
    assert "Top-1 localization from 1.0\u00a0%" in chart


@pytest.mark.parametrize("judged", [True, False])
def test_curves_of_true_boxes_are_explained_if_there_are_any(judged: bool) -> None:
    figures = {"test_gt_known": 0.1} if judged else {}
    history: list[dict[str, float | None]] = [{"step": step, "share_kept": 0.5, **figures} for step in (1, 2)]
    text = text_of(invented(history=history))
    assert "The share kept is the share of training images" in text
    assert ("curves of true boxes" in text) == judged


def test_runs_are_ranked_by_gt_known_and_compared_on_the_same_images(lchp: RunSummary, cam: RunSummary) -> None:
    figures = invented().metrics["test"] | {"gt_known": 0.1, "accuracy": 0.9}
    text = text_of(invented(), invented(name="worse", metrics={"test": figures}))
    assert "made has the highest GT-Known, 25.0 %" in text
    assert "labels accuracy 95 % interval GT-Known Top-1 loc. evaluated on" in text
    assert "40 images 60.0 % 50.0–70.0 % 25.0 % 20.0 % 120 test images" in text
    page = page_of(lchp, cam)
    (table,) = re.findall(r'<table class="compared">.*?</table>', page, re.DOTALL)
    assert table.count("<tr>") == 1 + 12
    shown = [one.overlay for pair in zip(boxing_of(lchp).images, boxing_of(cam).images, strict=True) for one in pair]
    assert re.findall(r'href="([^"]*)"', table)[1::2] == shown
    assert "GT-Known on the test images" in page


def test_runs_with_and_without_boxes_are_not_ranked(summary: RunSummary) -> None:
    text = text_of(invented(), summary)
    assert "The runs are of different tasks, so they can't be ranked." in text
    assert f"40 images {100 * summary.metrics['test']['accuracy']:.1f} %" in text


def test_all_pictures_are_in_the_page_and_names_are_text(lchp: RunSummary) -> None:
    told = boxing_of(lchp)
    hostile = Example(HOSTILE, told.images[0].example.image, HOSTILE, 0.5, None, HOSTILE)
    images = [replace(one, example=hostile) for one in told.images]
    boxing = replace(told, images=images, unsure=images, shows=HOSTILE, kind=HOSTILE)
    for runs in ([with_own(lchp, boxing=boxing)], [with_own(lchp, boxing=boxing)] * 2):
        page = Page(page_of(*runs))
        assert {script["type"] for script in page.all("script")} == {"application/json"}
        assert all((image["href"] or "").startswith("data:image/png;base64,") for image in page.all("image"))
