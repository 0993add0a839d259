"""The cells of a CSV of marks."""

from fewlabels.data.dataset import ABSENT, PRESENT, UNKNOWN

WIDE_COLUMNS, LONG_HEADER = "path and one per class", "path,label,present"
"""What the first line must name, for messages."""
LONG_COLUMNS = ("path", "label", "present")
CELL_MARKS = {"1": PRESENT, "0": ABSENT, "-1": UNKNOWN, "": UNKNOWN}
"""The mark that a cell states. Decimals such as 1.0 are how pandas writes a column with gaps."""
CELL_MARKS |= {f"{number}.0": mark for number, mark in CELL_MARKS.items() if number}
MARK_NAMES = {PRESENT: "present", ABSENT: "absent", UNKNOWN: "unknown"}
CELL_REMEDY = "write 1 for present, 0 for absent, nothing or -1 for unknown"
