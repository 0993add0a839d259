"""``fewlabels label RUN``."""

import csv
import io
from pathlib import Path

from fewlabels.cli.output import check_place, write_result
from fewlabels.cli.parser import Parser

COLUMNS = ("path", "label", "confidence", "accepted")
"""Of an empty ledger."""


def arguments(parser: Parser) -> None:
    """The run, and where to write."""
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--format", choices=["csv"], default="csv", help="the file's format")
    parser.add_argument("--out", metavar="PATH", help="the file to write (default: to the terminal)")


def run(parser: Parser, argv: list[str]) -> None:
    """Write the label, its confidence and whether the method trusts it, for all that was not given."""
    args = parser.parse(argv)
    check_place(args.out)
    from fewlabels.errors import UserError
    from fewlabels.report.ledger import read_ledger

    ledger = read_ledger(Path(args.run) / "labels.csv")
    rows = [r for r in ledger if r["split"] == "train" and not r["given"]]
    if any(not row["label"] for row in rows):
        raise UserError(f"{args.run} is not finished; go on with `fewlabels train ... --resume`")
    buffer = io.StringIO()
    columns = [name for name in ledger[0] if name not in ("split", "given")] if ledger else COLUMNS
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_result(buffer.getvalue(), args.out, f"{len({row['path'] for row in rows})} images")
