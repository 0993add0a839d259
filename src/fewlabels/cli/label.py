"""``fewlabels label RUN``."""

from argparse import Namespace
from pathlib import Path

from fewlabels.cli.output import check_place, write_result
from fewlabels.cli.parser import Parser

FORMATS = {
    "csv": ("classify", "multilabel", "localize"),
    "label-studio": ("classify", "multilabel", "localize"),
    "coco": ("localize",),
    "folder": ("classify", "localize"),
}
"""The tasks whose answers each can hold: COCO is of boxes, and an image lies in one folder."""
PLACES = ("data", "labels", "root")
"""Options that say where the data of the run lie now."""


def arguments(parser: Parser) -> None:
    """The run, the format, where to write, and where the data lie now."""
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--format", choices=list(FORMATS), default="csv", help="of the file (default: csv)")
    parser.add_argument("--out", metavar="PATH", help="the file or folder to write (default: to the terminal)")
    parser.add_argument("--data", metavar="FOLDER", help="where the images lie now (default: as in the run)")
    parser.add_argument("--labels", metavar="CSV", help="where their labels lie now (default: as in the run)")
    parser.add_argument("--root", metavar="PATH", help="where known data sets lie now (default: as in the run)")


def run(parser: Parser, argv: list[str]) -> None:
    """Write the label and its confidence for all that was not given, and every box."""
    args = parser.parse(argv)
    _check(args)
    from fewlabels.exports.run_labels import read_run_labels
    from fewlabels.exports.table import table

    found = read_run_labels(Path(args.run))
    if args.format == "csv":
        write_result(table(found), args.out, f"{len(found.paths)} images")
        return
    from fewlabels.exports.class_folders import check_new, copy_images
    from fewlabels.exports.coco import coco
    from fewlabels.exports.label_studio import label_studio
    from fewlabels.exports.run_labels import read_images, stored_options

    options = stored_options(found.run, **{name: getattr(args, name) for name in PLACES})
    _check_task(args, options.task or "classify")
    if args.format == "folder":
        check_new(Path(args.out), Path(options.data))
        copy_images(found, read_images(found, options), Path(args.out))
        print(f"{args.out}: {len(found.paths)} images")
        return
    write = {"coco": coco, "label-studio": label_studio}[args.format]
    write_result(write(found, read_images(found, options)), args.out, f"{len(found.paths)} images")


def _check(args: Namespace) -> None:
    """Refuse what the format has no use for, and a place that can't be written."""
    from fewlabels.errors import UserError

    for name in PLACES:
        if args.format == "csv" and getattr(args, name) is not None:
            raise UserError(f"--{name} is for the other formats, csv needs the ledger alone; leave it out")
    if args.format != "folder":
        check_place(args.out)
    elif args.out is None:
        raise UserError("--format folder needs --out; name the folder to make")


def _check_task(args: Namespace, task: str) -> None:
    from fewlabels.errors import UserError

    if task not in FORMATS[args.format]:
        owners = " or ".join(FORMATS[args.format])
        others = " or ".join(name for name, tasks in FORMATS.items() if task in tasks)
        raise UserError(f"--format {args.format} is for --task {owners}, and {args.run} is of {task}; give {others}")
