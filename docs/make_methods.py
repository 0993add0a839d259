"""Writes docs/methods.md: a row per method, from the methods themselves."""

from pathlib import Path

from fewlabels.methods.catalogue import NOT_IMPLEMENTED, TASKS, load_method, method_names

HEAD = """# Methods

Made by `python docs/make_methods.py`. `fewlabels methods NAME` says more, parameters included.
"""


def text() -> str:
    """The page."""
    lines = [HEAD]
    for task in TASKS:
        lines += [f"## {task}", "", "| name | idea | paper |", "|---|---|---|"]
        for name in method_names(task):
            method = load_method(name, task)
            lines.append(f"| `{name}` | {method.idea} | {method.paper} |")
    lines += ["", "Not here, because neither their full definition nor their authors' code could be had, and a guess"]
    lines += ["would not be them: " + "; ".join(f"{name} ({paper})" for name, paper in NOT_IMPLEMENTED.items()) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("methods.md").write_text(text(), encoding="utf-8")
