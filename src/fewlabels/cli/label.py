"""``fewlabels label RUN``."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabels.cli.output import check_place, write_result
from fewlabels.cli.parser import Parser
from fewlabels.cli.places import PLACES, add_places, moved

if TYPE_CHECKING:
    from fewlabels.exports.run_labels import RunLabels

FORMATS = ("csv", "label-studio", "coco", "folder")


def arguments(parser: Parser) -> None:
    """Add the run, the format, where to write, and where the data are now."""
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--accepted", action="store_true", help="only labels that the method accepts")
    parser.add_argument(
        "--min-confidence", type=float, default=0.0, metavar="P", help="only labels with at least this confidence"
    )
    parser.add_argument("--format", choices=FORMATS, default="csv", help="format of the file (default: csv)")
    parser.add_argument("--out", metavar="PATH", help="file or folder to write (default: the terminal)")
    add_places(parser)


def run(parser: Parser, argv: list[str]) -> None:
    """Write every label and box that no person gave, with its confidence."""
    args = parser.parse(argv)
    _check(args)
    from fewlabels.exports.run_labels import read_run_labels

    found = read_run_labels(Path(args.run), args.accepted, args.min_confidence)
    found.check_format(args.format)
    if args.format == "folder":
        _write_folder(args, found)
    else:
        write_result(_text(args, found), args.out, f"{len(found.paths)} images")


def _text(args: Namespace, found: "RunLabels") -> str:
    """Return the content of the file in the format that was asked for."""
    if args.format == "csv":
        from fewlabels.exports.csv_table import csv_table

        return csv_table(found)
    from fewlabels.exports.coco import coco
    from fewlabels.exports.label_studio import label_studio
    from fewlabels.exports.source_images import read_images

    options = moved(args, found.options)
    write = {"coco": coco, "label-studio": label_studio}[args.format]
    return write(found, read_images(found, options))


def _write_folder(args: Namespace, found: "RunLabels") -> None:
    from fewlabels.exports.class_folders import check_new, copy_images
    from fewlabels.exports.source_images import read_images

    options = moved(args, found.options)
    check_new(Path(args.out), Path(options.data))
    copy_images(found, read_images(found, options), Path(args.out))
    print(f"{args.out}: {len(found.paths)} images")


def _check(args: Namespace) -> None:
    """Raise UserError for an option that the format does not use, and a place that can't be written."""
    from fewlabels.errors import UserError

    if not 0 <= args.min_confidence <= 1:
        raise UserError(f"--min-confidence must be from 0 to 1, and this is {args.min_confidence:g}")
    for name in PLACES:
        if args.format == "csv" and getattr(args, name) is not None:
            raise UserError(f"--{name} is for the other formats: csv needs only the ledger; leave it out")
    if args.format != "folder":
        check_place(args.out)
    elif args.out is None:
        raise UserError("--format folder needs --out; name the folder to create")
