"""Pictures of a classify run: features in the plane, class activation maps, adversarial perturbations."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from math import sqrt
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from tests.report.pages import Page, page_of, read, refused, with_own, written
from tests.tiny import tiny_experiment, tiny_options, write_tiny
from torch import nn

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, ArrayImages, Dataset
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.read import read as read_data
from fewlabels.evaluation.outcome import Outcome
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Ensemble
from fewlabels.models.heads.attention import AttentionClassifier
from fewlabels.report.content.classify import ClassifyContent, Mapped, Perturbed
from fewlabels.report.content.features import Embedding
from fewlabels.report.draw.chart import WIDTH
from fewlabels.report.draw.heat import colours, overlay
from fewlabels.report.draw.scatter import Point, scatter
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.report.pick.features import embedding, project
from fewlabels.report.pick.gallery import ImagePicker
from fewlabels.report.pick.maps import evidence_map, mapped
from fewlabels.report.summary import RunSummary
from fewlabels.run.train import train
from fewlabels.tasks.task import load_task, predict_all

HOSTILE = '<script>alert("1")</script>'
CPU = torch.device("cpu")
SPEC = ModelSpec("small_cnn", 3, 1, 32, "linear", None, (0.5,), (0.5,))


def opened(uri: str | None) -> Image.Image:
    assert uri is not None
    return Image.open(BytesIO(b64decode(uri.removeprefix("data:image/png;base64,"))))


def grey_noise(labels: np.ndarray, splits: np.ndarray, side: int = 24) -> Dataset:
    """Noise around mid-grey, far from black and white."""
    pixels = np.random.default_rng(0).integers(68, 188, (len(labels), side, side, 1)).astype(np.uint8)
    paths = tuple(f"{row:03d}.png" for row in range(len(labels)))
    return Dataset("noise", ("a", "b"), paths, splits.astype(np.int8), labels, ArrayImages(pixels), "none")


def run(root: Path, out: Path, method: str, dataset: Dataset | None = None, **changes: object) -> RunSummary:
    options = tiny_options(root, method, out, **({"image_size": 24} | changes))
    return read(train(options, say=lambda _: None, dataset=dataset) / "report.html")


def own(run: RunSummary) -> ClassifyContent:
    assert isinstance(run.own, ClassifyContent)
    return run.own


def embedded(shown: ImagePicker) -> Embedding | None:
    """The features of an untrained model."""
    experiment, task = shown.experiment, load_task("classify")
    model = experiment.method.model
    predictions = predict_all(task, experiment, model)
    return embedding(shown, Outcome(model, experiment.images.plain, predictions, task.answers))


def gallery(folder: Path, dataset: Dataset, **changes: object) -> ImagePicker:
    options = tiny_options(folder, "supervised", folder / "run", **({"image_size": 24} | changes))
    experiment = tiny_experiment(options, dataset)
    predictions = predict_all(load_task("classify"), experiment, experiment.method.model)
    return ImagePicker(experiment, predictions)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def vat(root: Path, tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    return run(root, tmp_path_factory.mktemp("runs") / "vat", "vat")


@pytest.fixture(scope="module")
def other(root: Path, tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """Another method, seed, share of validation images and number of labels."""
    out = tmp_path_factory.mktemp("runs") / "other"
    return run(root, out, "supervised", seed=7, num_labels=12, val_fraction=0.3)


@pytest.fixture(scope="module")
def small(root: Path, tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """Images of 8 pixels."""
    return run(root, tmp_path_factory.mktemp("runs") / "small", "supervised", image_size=8)


def test_every_run_on_the_same_data_shows_the_same_images(vat: RunSummary, other: RunSummary) -> None:
    paths = [one.example.path for one in own(vat).maps]
    assert len(set(paths)) == 8
    assert all(path.startswith("test/") for path in paths)
    assert [one.example.path for one in own(other).maps] == paths
    assert [one.example.image for one in own(other).maps] == [one.example.image for one in own(vat).maps]
    assert [one.overlay for one in own(other).maps] != [one.overlay for one in own(vat).maps]


def test_several_runs_have_a_table_of_the_same_images(vat: RunSummary, other: RunSummary) -> None:
    page = page_of(vat, other)
    table = ElementTree.fromstring(
        re.sub(r"(<img[^>]*)>", r"\1/>", re.findall(r'<table class="compared">.*?</table>', page, re.DOTALL)[0])
    )
    assert [cell.text for cell in table.iterfind("thead/tr/th")] == ["image", "vat", "other"]
    rows = [[image.attrib["src"] for image in row.iter("img")] for row in table.iterfind("tbody/tr")]
    together = zip(own(vat).maps, own(other).maps, strict=True)
    assert rows == [[a.example.image, a.overlay, b.overlay] for a, b in together]
    assert "The same images in 2 runs" in page


def test_runs_on_other_data_or_without_maps_are_not_in_the_table(vat: RunSummary, other: RunSummary) -> None:
    elsewhere = replace(other, config=other.config | {"data": "usps"})
    bare = with_own(other, maps=[])
    for runs in ([vat, elsewhere], [vat, bare], [vat]):
        assert "The same images in" not in page_of(*runs)


def test_images_of_few_pixels_have_no_maps(small: RunSummary) -> None:
    assert own(small).maps == []
    assert "Class activation maps" not in page_of(small)


def test_a_network_without_maps_has_no_maps_section(tmp_path: Path, root: Path) -> None:
    shown = gallery(tmp_path, read_data(CLASSES, "mnist", root=root))
    model = shown.experiment.method.model
    assert len(mapped(shown, model)) == 8
    model.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
    assert mapped(shown, model) == []


@pytest.mark.usefixtures("in_float64")
def test_the_mean_of_the_map_and_the_bias_are_the_logit() -> None:
    """With mean pooling a logit is the mean of its class's map and the bias."""
    model, x, classes = build(SPEC).eval(), torch.randn(3, 1, 32, 32), torch.tensor([2, 0, 1])
    heat, shows = evidence_map(model, x, classes)
    assert isinstance(model.head, nn.Linear)
    expected = model(x).gather(1, classes[:, None])[:, 0] - model.head.bias[classes]
    torch.testing.assert_close(heat.mean((1, 2)), expected.detach())
    assert shows == "evidence for the predicted class"


@pytest.mark.usefixtures("in_float64")
def test_attention_pooling_shows_its_attention_and_an_ensemble_its_first_member() -> None:
    x, classes = torch.randn(2, 1, 32, 32), torch.tensor([2, 0])
    attentive = build(replace(SPEC, attention_maps=2)).eval()
    assert isinstance(attentive, AttentionClassifier)
    heat, shows = evidence_map(attentive, x, classes)
    torch.testing.assert_close(heat, attentive.attended(x).attention.detach())
    assert shows == "the network's attention"
    pair = build(replace(SPEC, members=2))
    assert isinstance(pair, Ensemble)
    torch.testing.assert_close(evidence_map(pair, x, classes)[0], evidence_map(pair.networks()[0], x, classes)[0])


def test_the_overlay_is_as_large_as_the_thumbnail_and_bright_where_the_map_is_large() -> None:
    for shape in ((32, 32, 1), (300, 200, 3)):
        pixels = np.full(shape, 90, np.uint8)
        heat = np.array([[-3.0, -3.0], [-3.0, 5.0]])
        shown = opened(overlay(pixels, heat))
        assert shown.size == opened(thumbnail(pixels)).size
        light = np.asarray(shown.convert("L"), float)
        assert light[-1, -1] == light.max() > light[0, 0] + 60
        assert light[0, 0] == light.min()


def test_a_constant_map_is_dark() -> None:
    light = np.asarray(opened(overlay(np.full((32, 32, 3), 90, np.uint8), np.full((2, 2), 7.0))).convert("L"))
    assert light.max() < 60


def test_higher_values_are_lighter() -> None:
    red, green, blue = colours(np.linspace(0, 1, 50)).astype(float).T
    assert (np.diff(0.299 * red + 0.587 * green + 0.114 * blue) > 0).all()


def test_the_images_of_a_pair_differ_by_the_stated_length(tmp_path: Path) -> None:
    labels, splits = np.arange(40) % 2, np.where(np.arange(40) < 24, TRAIN, TEST)
    out = tmp_path / "run"
    pairs = own(run(tmp_path, out, "vat", grey_noise(labels, splits))).perturbed
    (std,) = json.loads((out / "model.json").read_text())["std"]
    assert len(pairs) == 6
    for pair in pairs:
        before, after = (np.asarray(opened(one.image), float)[::3, ::3] for one in (pair.before, pair.after))
        assert before.shape == (24, 24)
        assert np.linalg.norm(after - before) / (255 * std) == pytest.approx(pair.length, rel=0.02)
        # docs/papers/student-report.md, S11: 10 at 3 x 32 x 32 values, the same change per value elsewhere
        assert pair.length == pytest.approx(10 * sqrt(24 * 24 / 3072), rel=1e-4)
        assert (pair.before.path, pair.before.truth) == (pair.after.path, pair.after.truth)


def test_both_predictions_of_a_pair_are_shown(vat: RunSummary) -> None:
    page = Page(page_of(vat))
    pair = own(vat).perturbed[0]
    alts = [image["alt"] or "" for image in page.all("img")]
    assert any(alt.startswith(f"{pair.before.path}: predicted {pair.before.label}") for alt in alts)
    assert any(alt.startswith(f"{pair.before.path}, perturbed: predicted {pair.after.label}") for alt in alts)
    assert f"length {pair.length:.2f}" in page.text


def test_a_method_without_an_adversary_has_no_pairs(other: RunSummary) -> None:
    assert own(other).perturbed == []
    assert "Adversarial perturbations" not in page_of(other)


def test_perturbed_features_of_a_frozen_trunk_are_no_pictures(root: Path, tmp_path: Path) -> None:
    frozen = own(run(root, tmp_path / "run", "vat", freeze=True))
    assert frozen.perturbed == []
    assert len(frozen.maps) == 8


def test_the_projection_separates_separate_groups_and_is_reproducible() -> None:
    group = np.arange(60) % 3
    found = (np.eye(16)[group] * 20 + np.random.default_rng(0).normal(size=(60, 16))).astype(np.float32)
    plane = project(found)
    assert plane is not None
    assert plane.min() >= 0
    assert plane.max() <= 1
    distance = np.linalg.norm(plane[:, None] - plane[None], axis=2) + 9 * np.eye(60)
    assert (group[distance.argmin(1)] == group).all()
    assert np.array_equal(plane, project(found))  # pyright: ignore


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_constant_or_infinite_features_have_no_projection(value: float) -> None:
    assert project(np.full((20, 4), value, np.float32)) is None


def test_test_images_are_coloured_by_their_true_class(vat: RunSummary) -> None:
    seen = own(vat).embedding
    assert seen is not None
    assert (seen.images, seen.colours, len(seen.points)) == ("test images", "true class", 24)
    right = round(vat.metrics["test"]["accuracy"] * 24)
    assert [point.right for point in seen.points].count(True) == right


@pytest.mark.parametrize(
    ("known", "colours", "judged"),
    [(40, "true class", True), (8, "class in labels.csv (given, else predicted)", False)],
)
def test_without_test_images_the_training_images_are_shown(
    tmp_path: Path, known: int, colours: str, judged: bool
) -> None:
    labels = np.where(np.arange(40) < known, np.arange(40) % 2, UNLABELLED)
    shown = gallery(tmp_path, grey_noise(labels, np.full(40, TRAIN)))
    seen = embedded(shown)
    assert seen is not None
    assert (seen.images, seen.colours, len(seen.points)) == ("training images", colours, 40)
    assert all((point.right is not None) == judged for point in seen.points)


def test_fewer_than_ten_images_are_not_shown(tmp_path: Path) -> None:
    labels = np.arange(9) % 2
    shown = gallery(tmp_path, grey_noise(labels, np.full(9, TRAIN)), num_labels=4)
    assert embedded(shown) is None


def test_at_most_400_images_are_shown(tmp_path: Path) -> None:
    labels, splits = np.arange(460) % 2, np.where(np.arange(460) < 20, TRAIN, TEST)
    shown = gallery(tmp_path, grey_noise(labels, splits, 8), image_size=8)
    seen = embedded(shown)
    assert seen is not None
    assert len(seen.points) == 400


def test_each_class_has_its_own_shape_and_colour_and_each_error_a_cross() -> None:
    points = [Point(k / 60, 0.5, k % 30, k % 3 > 0) for k in range(60)]
    drawing = scatter("Features", "60 test images", points, [f"c{k}" for k in range(30)])
    assert drawing.count('class="cross"') == 2
    [crosses] = [path for path in ElementTree.fromstring(drawing).iter("path") if path.get("class") == "cross"][:1]
    assert crosses.attrib["d"].count("M") == 20
    assert "20 of them misclassified" in drawing
    assert "and 10\u00a0more classes" in drawing
    groups = [path for path in ElementTree.fromstring(drawing).iter("path") if path.find("title") is not None]
    looks = {(path.attrib["style"], re.sub(r"M[\d.,]+", "", path.attrib["d"])[:12]) for path in groups}
    assert len(groups) == 30
    assert len(looks) == 28  # 7 colours of 4 shapes
    for text in ElementTree.fromstring(drawing).iter("text"):
        assert 0 <= float(text.attrib["x"]) <= WIDTH


def test_the_page_makes_no_request_and_needs_no_javascript(vat: RunSummary, other: RunSummary) -> None:
    for runs in ([vat], [vat, other]):
        text, page = page_of(*runs), Page(page_of(*runs))
        for part in ("Feature space (t-SNE)", "Class activation maps", "Adversarial perturbations"):
            assert part in page.text
        links = [value for _, attrs in page.tags for key, value in attrs.items() if key in ("src", "href", "action")]
        assert all(link and link.startswith(("data:", "#")) for link in links)
        assert not re.search(r"https?:|url\(|@import", text.split("<script")[0])
        assert {script["type"] for script in page.all("script")} == {"application/json"}
        assert all(image["alt"] for image in page.all("img"))
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_names_in_pictures_are_text(vat: RunSummary) -> None:
    example = replace(own(vat).maps[0].example, path=HOSTILE, label=HOSTILE, truth=HOSTILE)
    hostile = with_own(
        replace(vat, name=HOSTILE, classes=[HOSTILE, *vat.classes[1:]]),
        embedding=Embedding(HOSTILE, HOSTILE, [Point(0, 0, 0, False)]),
        maps=[Mapped(example, own(vat).maps[0].overlay, HOSTILE)],
        perturbed=[Perturbed(example, example, 1.0)],
    )
    for runs in ([hostile], [hostile, hostile]):
        page = Page(page_of(*runs))
        assert {script["type"] for script in page.all("script")} == {"application/json"}
        assert HOSTILE in page.text


def test_pictures_are_read_back_from_the_page(vat: RunSummary, tmp_path: Path) -> None:
    assert read(written(tmp_path / "report.html", vat)) == vat


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("embedding", {"images": "i", "colours": "c", "points": [[0.5, float("nan"), 0, True]]}),
        ("embedding", {"images": "i", "colours": "c", "points": [[0.5, 0.5, 10, True]]}),
        ("embedding", {"images": "i", "colours": "c", "points": [[0.5, 0.5]]}),
        ("embedding", [1]),
        ("maps", [{"overlay": "a"}]),
        ("maps", 3),
        ("perturbed", [[]]),
    ],
)
def test_damaged_data_are_refused(vat: RunSummary, tmp_path: Path, key: str, value: object) -> None:
    data = vat.to_dict()
    refused(tmp_path, data | {"own": data["own"] | {key: value}})


def test_a_map_from_elsewhere_is_refused(vat: RunSummary) -> None:
    with pytest.raises(ValueError, match="PNG data URI"):
        replace(own(vat).maps[0], overlay="https://example.org/a.png")


def test_runs_of_different_length_share_the_step_axis(vat: RunSummary) -> None:
    def ran(name: str, steps: int) -> RunSummary:
        rows = [{"step": float(s), "test_accuracy": 0.5} for s in range(0, steps + 1, 100)]
        return replace(vat, name=name, history=rows)  # pyright: ignore

    page = page_of(ran("long", 1000), ran("short", 500))
    svg = ElementTree.fromstring(re.findall(r"<svg.*?</svg>", page.split("Learning curves")[1])[0])
    long, short = ([float(p.split(",")[0]) for p in line.attrib["points"].split()] for line in svg.iter("polyline"))
    assert short[0] == long[0]
    assert short[-1] - short[0] == pytest.approx((long[-1] - long[0]) / 2, abs=0.2)
