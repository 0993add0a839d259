"""``fewlabels next RUN|DATA``."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabels.cli.output import check_place, write_result
from fewlabels.cli.parser import Parser
from fewlabels.cli.places import PLACES, add_places, moved

if TYPE_CHECKING:
    from fewlabels.review.collection import Collection

FORMATS = ("csv", "label-studio")
MOST = 5000


def arguments(parser: Parser) -> None:
    """Add where the images are, how many to choose, and where to write."""
    parser.add_argument("source", metavar="RUN|DATA", help="a run folder, or images as for train")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="number of images (default: 50)")
    parser.add_argument("--format", choices=FORMATS, default="csv", help="format of the file (default: csv)")
    parser.add_argument("--out", metavar="FILE", help="file to write (default: the terminal)")
    add_places(parser)
    parser.add_argument("--task", metavar="NAME", help="the task of DATA (default: what its labels suggest)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out faulty files and rows of DATA")
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:N or mps (default: cuda or mps where available)"
    )


def run(parser: Parser, argv: list[str]) -> None:
    """Write the paths of the images, the most valuable first, with an empty label to fill in."""
    from fewlabels.errors import UserError

    args = parser.parse(argv)
    check_place(args.out)
    if not 1 <= args.count <= MOST:
        raise UserError(f"--count must be from 1 to {MOST}, and this is {args.count}")
    found = _collect(args)
    left = len(found.candidates)
    if args.count > left:
        raise UserError(f"--count {args.count}: {_left(args.source, left)}")
    from fewlabels.review.next_images import choose_next

    rows = choose_next(found.features(), found.labelled, found.candidates, args.count, found.uncertainty)
    write_result(_text(args, found, rows.tolist()), args.out, f"{args.count} images to label")


def _left(source: str, count: int) -> str:
    """Say how many images are left to label."""
    if not count:
        return f"{source} has no training image without a label; add images without one"
    return f"{source} has {count} training image{'s' if count > 1 else ''} without a label; give a smaller number"


def _collect(args: Namespace) -> "Collection":
    """Return the images of a run, or of a folder or known data set."""
    from fewlabels.errors import UserError
    from fewlabels.review.collection import collect_data, collect_run

    if (Path(args.source) / "config.yaml").is_file():
        from fewlabels.exports.run_labels import read_run_labels

        if args.task is not None or args.skip_bad:
            raise UserError(f"{args.source} is a run, which has its task and its images; leave out --task, --skip-bad")
        found = read_run_labels(Path(args.source))
        return collect_run(found, moved(args, found.options), args.device)
    if args.data is not None:
        raise UserError(f"--data is for a run, and {args.source} is none; name the images in its place")
    from fewlabels.options import TrainOptions
    from fewlabels.tasks.choose import choose_task

    places = {name: place for name in PLACES if (place := getattr(args, name)) is not None}
    asked = TrainOptions(data=args.source, task=args.task, skip_bad=args.skip_bad, device=args.device, out="-")
    asked = asked.replaced(places)
    task = choose_task(asked)
    return collect_data(asked, task)


def _text(args: Namespace, found: "Collection", rows: list[int]) -> str:
    """Return the content of the file in the format that was asked for."""
    names = [found.dataset.paths[row] for row in rows]
    if args.format == "label-studio":
        from fewlabels.exports.label_studio import empty_tasks
        from fewlabels.exports.source_images import file_images

        files = file_images(found.dataset, "Label Studio opens files")
        return empty_tasks(files, [files.files[row] for row in rows])
    from fewlabels.exports.csv_table import csv_text

    classes = found.dataset.classes if found.task.name == "multilabel" else ("label",)
    return csv_text(("path", *classes), [(name, *[""] * len(classes)) for name in names])
