"""``fewlabels doubt RUN``."""

from pathlib import Path

from fewlabels.cli.output import check_place, write_result
from fewlabels.cli.parser import Parser
from fewlabels.cli.places import add_places, moved


def arguments(parser: Parser) -> None:
    """Add the run, where to write, and where the data are now."""
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--out", metavar="CSV", help="file to write (default: the terminal)")
    add_places(parser)


def run(parser: Parser, argv: list[str]) -> None:
    """Write the given labels that the other labels contradict, the largest doubt first."""
    args = parser.parse(argv)
    check_place(args.out)
    from fewlabels.exports.csv_table import csv_text
    from fewlabels.exports.run_labels import read_run_labels
    from fewlabels.review.doubted_run import COLUMNS, doubt_run

    found = read_run_labels(Path(args.run))
    rows, checked = doubt_run(found, moved(args, found.options))
    what = f"{len(rows)} of {checked} given labels may be wrong; the largest doubt comes first"
    write_result(csv_text(COLUMNS, rows), args.out, what)
