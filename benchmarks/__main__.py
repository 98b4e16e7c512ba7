"""`python -m benchmarks NAME`: run one measurement; without a name, list them.

BLAS and OpenMP are held to one thread here, before numpy is imported: the figures
compare implementations, not thread pools.
"""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

BENCHMARKS = {
    "explainers": "explanation methods beside torch, captum, lime and shap",
    "service": "the server beside a floor, a bare server and its peers",
    "hot_path": "what a prediction costs without HTTP, layer by layer",
    "bulk": "a file explained on one machine: rows a second and memory",
    "growth": "how cost grows with rows, features, leaves, steps and samples",
    "tree_regularization": "tree regularization beside its rivals, on all data sets",
    "times": "CPU time of the pull and of a tree that decides, beside neither",
    "regression": "the pull carried over to regression, on the diabetes data",
    "seeds": "breast cancer over 5 seeds: network, tree and controls",
    "channels": "feature visualization against the best real example, at random",
    "visualization": "feature visualization and landscape beside their references",
}


def main() -> None:
    """Run the benchmark that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        for name, what in BENCHMARKS.items():
            print(f"python -m benchmarks {name:<12} {what}")
        raise SystemExit(0 if len(sys.argv) == 1 else 2)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    load(sys.argv[1]).main()


def load(name: str) -> ModuleType:
    """Import one benchmark; some measure what an example of examples/ builds."""
    examples = str(Path(__file__).parents[1] / "examples")
    if examples not in sys.path:
        sys.path.append(examples)
    return importlib.import_module(f"benchmarks.{name}")


if __name__ == "__main__":
    main()
