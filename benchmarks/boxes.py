"""Compare maps of a fixed network as sources of boxes, and the choice that `auto` makes without boxes.

Every cell is a data set and a draw of images with one true box; cells that are in the file are skipped::

    python benchmarks/boxes.py --root DATA --out boxes.jsonl [--sets cub50 voc2007_sub] [--draws 3] [--images 150]
    python benchmarks/boxes.py --out boxes.jsonl --table                   # a table in Markdown

DATA has the folders cub50, tiny_imagenet20 and voc2007_sub, each with annotations.csv. True boxes are read only to
judge the maps; for the choice they are not read.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from fewlabels.auto.box_maps import choose_box_map
from fewlabels.data.true_boxes import read_boxes
from fewlabels.evaluation.localization import CORRECT_IOU, iou, mean_area
from fewlabels.models.maps.regions import boxes_of
from fewlabels.models.maps.stage_maps import STAGE_MAPS, last_stage
from fewlabels.options import TrainOptions
from fewlabels.run.plan import make_plan
from fewlabels.run.prepare import prepare
from fewlabels.tasks.task import load_task
from fewlabels.training.machine import make_deterministic, pick_device

SIZES = (224, 320, 448)
THRESHOLDS = (0.25, 0.35, 0.4, 0.45, 0.55)
SETS: dict[str, dict[str, Any]] = {
    "cub50": {"task": "localize"},
    "tiny_imagenet20": {"task": "localize", "skip_bad": True},
    "voc2007_sub": {"task": "multilabel"},
    "digit-scenes": {"task": "localize"},
}
"""Options of each data set."""


class Images(NamedTuple):
    """Maps of the last stage of some images, by the side of the images, and their true boxes."""

    stages: dict[int, Tensor]
    """(n, D, h, w)."""
    boxes: Tensor
    """(n, 4) as fractions of the image."""


def read(name: str, root: Path, draws: Sequence[int], count: int) -> Iterator[Images]:
    """Compute the maps of all draws of images with one true box, and give them draw by draw."""
    folder = root / name
    own = {"data": str(folder), "labels": str(folder / "annotations.csv")} if folder.is_dir() else {"data": name}
    options = TrainOptions(
        method="linear-probe" if SETS[name]["task"] == "multilabel" else "map-probe", out="-", root=str(root),
        weights="imagenet", precision="fp32", layout="channels_last", memory=0.01,
    ).replaced(own | SETS[name])  # fmt: skip
    task, device = load_task(SETS[name]["task"]), pick_device("cpu")
    dataset = task.read(options)
    true = read_boxes(dataset, options)
    assert true is not None
    single = np.flatnonzero(np.bincount(true.row, minlength=len(dataset)) == 1)
    drawn = [np.sort(np.random.default_rng(draw).permutation(single)[:count]) for draw in draws]
    rows = np.unique(np.concatenate(drawn))

    def maps(size: int) -> Tensor:
        plan = make_plan(replace(options, image_size=size), task, dataset, device, torch.get_num_threads(), print)
        experiment = prepare(plan, dataset, device)
        images = experiment.images.plain(torch.from_numpy(rows))
        return torch.cat([last_stage(experiment.method.model, x) for x in images])

    stages = {size: maps(size) for size in SIZES}
    for some in drawn:
        places = torch.from_numpy(np.searchsorted(rows, some))
        yield Images({size: stage[places] for size, stage in stages.items()}, torch.from_numpy(true.of(some).corners))


def gt_known(boxes: Tensor, true: Tensor) -> float:
    """Return the fraction of boxes that are correct."""
    return float((iou(boxes, true) >= CORRECT_IOU).double().mean())


def measure(images: Images) -> Iterator[dict[str, Any]]:
    """Judge a centred box of the best size, every map at every size and threshold, and the choice without boxes."""
    yield {"row": "centred box", "gt_known": best_centred(images.boxes)}
    found: dict[str, dict[str, Any]] = {}
    for size, stage in images.stages.items():
        for name, compute in STAGE_MAPS.items():
            for threshold in THRESHOLDS:
                boxes = boxes_of(compute(stage), threshold, "largest", side=size)
                row = f"{name} {threshold:g}, {size} px"
                found[row] = {"row": row, "gt_known": gt_known(boxes, images.boxes), "area": mean_area(boxes)}
    yield from found.values()
    size = max(SIZES)
    choice = choose_box_map([images.stages[size]], size)
    picked = found[f"{choice.map} {choice.threshold:g}, {size} px"]
    yield {**picked, "row": "auto", "map": choice.map, "agreement": choice.agreement, "contrast": choice.contrast}


def best_centred(true: Tensor) -> float:
    """Return GT-Known of a centred box whose width and height are chosen by the true boxes."""
    sides = torch.arange(4, 21).double() / 20
    return max(
        gt_known(torch.tensor([[0.5 - w / 2, 0.5 - h / 2, 0.5 + w / 2, 0.5 + h / 2]]).expand(len(true), 4), true)
        for w in sides.tolist()
        for h in sides.tolist()
    )


def load(out: Path) -> list[dict[str, Any]]:
    """Read the records of a file."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def run(args: argparse.Namespace) -> None:
    """Measure every missing cell."""
    done = {(record["set"], record["draw"]) for record in load(args.out)}
    for name in args.sets:
        missing = [draw for draw in range(args.draws) if (name, draw) not in done]
        found = read(name, args.root, missing, args.images) if missing else ()
        for draw, images in zip(missing, found, strict=True):
            records = [{"set": name, "draw": draw, **record} for record in measure(images)]
            with args.out.open("a") as file:
                file.writelines(json.dumps(record) + "\n" for record in records)
            print(records[0], max(records, key=lambda record: record["gt_known"]), records[-1], sep="\n", flush=True)


def table(records: list[dict[str, Any]]) -> str:
    """Return GT-Known in percent, mean and deviation over the draws, as Markdown: the rows that matter somewhere."""
    cells = defaultdict(list)
    for record in records:
        cells[record["set"], record["row"]].append(100 * record["gt_known"])
    sets, rows = list(dict.fromkeys(name for name, _ in cells)), list(dict.fromkeys(row for _, row in cells))
    best = {max((row for row in rows if row != "auto"), key=lambda row: np.mean(cells[name, row])) for name in sets}
    shown = [row for row in rows if row in best or row in ("centred box", "auto") or "0.4, 448" in row]
    lines = ["| | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
    for row in shown:
        text = [f"{np.mean(cells[name, row]):.1f} +- {np.std(cells[name, row]):.1f}" for name in sets]
        lines.append(f"| {row} | " + " | ".join(text) + " |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table:
        print(table(load(args.out)))
        return
    make_deterministic(torch.get_num_threads())
    run(args)


if __name__ == "__main__":
    main()
