"""Print the SHA-256 of model and ledger of a short run of every method, to compare two commits of a refactor.

Run it from the root of each checkout, on one machine, and compare the two outputs::

    PYTHONPATH=src:. python benchmarks/fingerprints.py > before.txt

Every run is in fp32 with one thread. A second block has the backbone fixed (``--freeze``). The hash of the weights
leaves out the header of the file, which holds no numbers of the run.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from tests.tiny import CASES, TRAINING, Case, case_options, sha256, tiny_dataset, write_tiny

from fewlabels import train


def fingerprint(root: Path, case: Case, out: Path, **changes: object) -> str:
    """Train and return the first 16 digits of both hashes."""
    options = case_options(root, case, out, precision="fp32", layout="channels_last", **changes)
    run = train(options, say=lambda _: None, dataset=tiny_dataset(case.task))
    weights = (run / "model.safetensors").read_bytes()
    header = 8 + int.from_bytes(weights[:8], "little")
    return f"{hashlib.sha256(weights[header:]).hexdigest()[:16]} {sha256(run / 'labels.csv')[:16]}"


def main() -> None:
    """One line a run: case, trunk, hash of the weights, hash of the ledger."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_tiny(Path(folder))
        for name, cases, changes in (("moving", CASES, {}), ("frozen", TRAINING, {"freeze": True, "ema": 0.0})):
            for case in cases:
                out = root / f"{case}-{name}"
                print(case, name, fingerprint(root, case, out, **changes), flush=True)


if __name__ == "__main__":
    sys.exit(main())
