"""Repeat the tests that compute something under other instruction sets and thread counts (``make test-portable``).

A processor runs all of its own instruction sets, so one machine shows what most others would: the kernels are chosen
as on an older or a simpler one. Sums are then taken in another order, and a test that hangs on rounding fails.
"""

import os
import subprocess
import sys
import time

TESTS = ["augment", "evaluation", "methods", "models", "sampling", "training", "test_randomness.py"]
"""Equations, the battery of every method, one process and two; nothing that only reads, writes or draws."""

OLDEST = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SETTINGS = {
    "oldest instructions, 1 thread": OLDEST | {"OMP_NUM_THREADS": "1"},
    "oldest instructions, 2 threads": OLDEST | {"OMP_NUM_THREADS": "2"},
    "AVX2, 1 thread": AVX2 | {"OMP_NUM_THREADS": "1"},
    "every instruction, 2 threads": {"OMP_NUM_THREADS": "2"},
}
"""Environment variables of torch's own kernels, oneDNN and MKL, which are read once, when a process starts."""


def run(environment: dict[str, str], arguments: list[str]) -> int:
    """Run the tests in two processes; threads that wait must not spin, because they share the cores."""
    chosen = {name: value for name, value in os.environ.items() if name not in {*OLDEST, "OMP_NUM_THREADS"}}
    paths = [f"tests/{name}" for name in TESTS]
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-m", "not slow", *paths, *arguments]
    return subprocess.run(command, env=chosen | environment | {"OMP_WAIT_POLICY": "PASSIVE"}, check=False).returncode


def main(arguments: list[str]) -> int:
    """Run under every setting, whatever fails; further arguments go to pytest."""
    failed = []
    for name, environment in SETTINGS.items():
        print(f"\n{name}: {' '.join(f'{key}={value}' for key, value in environment.items())}", flush=True)
        begun = time.monotonic()
        if run(environment, arguments):
            failed.append(name)
        print(f"{name}: {'failed' if name in failed else 'passed'} in {(time.monotonic() - begun) / 60:.1f} minutes")
    print("\nfailed: " + "; ".join(failed) if failed else "\npassed under every setting")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
