"""Another package on ``sys.path``, with entry points and without installing anything."""

from collections.abc import Mapping
from pathlib import Path


def write_package(folder: Path, name: str, code: str, entry_points: Mapping[str, Mapping[str, str]]) -> Path:
    """Write a package of one module, and the metadata that an installer would write.

    Args:
        folder: to be put on ``sys.path``.
        name: of the package and of its module.
        code: of the module.
        entry_points: for each group, the name and the value of its entry points.

    Returns:
        the folder.
    """
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, entries in entry_points.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (folder / f"{name}.py").write_text(code)
    return folder
