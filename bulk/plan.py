"""What is asked of a file: what must be equal for its finished parts to count."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bulk.errors import BulkError
from bulk.files import write_whole
from explainers.manifest import Document
from explainers.methods.base import Explainer, Parameters, class_index
from explainers.model import Model
from explainers.registry import EXPLAINERS, find_method, parse_parameters

PLAN = "plan.json"
ROWS_PER_PART = 10_000
"""Rows of one part: what is computed again after a kill, and what is in memory."""


class Plan(Document, frozen=True, kw_only=True):
    """Everything that the answers depend on.

    ``bundle`` is the model's digest, ``data`` the SHA-256 of the Parquet file,
    ``methods`` names and complete parameters in the order of the columns, ``keep`` the
    file's columns that are copied.
    """

    bundle: str
    data: str
    methods: tuple[tuple[str, dict[str, Any]], ...]
    keep: tuple[str, ...]
    rows_per_part: int = ROWS_PER_PART

    def requests(self) -> list[tuple[Explainer, Parameters]]:
        """Return the methods with their parameters, ready to run."""
        return [
            (EXPLAINERS[name], msgspec.convert(values, EXPLAINERS[name].parameters))
            for name, values in self.methods
        ]


def read_methods(
    model: Model, text: str, path: str = "$.methods"
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Resolve names separated by commas, or a JSON array as in ``explanations``.

    Raises
    ------
    BulkError
        The array is not JSON, or a method is asked for twice.
    UnknownMethodError, UnsupportedMethodError, ParameterError
        As ``find_method`` and ``parse_parameters``.
    """
    methods = []
    for i, entry in enumerate(_entries(text)):
        values = dict(entry) if isinstance(entry, Mapping) else {"method": entry}
        name = str(values.pop("method", None))
        method = find_method(model, name, f"{path}[{i}]")
        parameters = parse_parameters(method, values, f"{path}[{i}]")
        if (target := getattr(parameters, "target", None)) is not None:
            class_index(model, target)
        methods.append((name, msgspec.to_builtins(parameters)))
    names = [name for name, _ in methods]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BulkError(f"{path}: {', '.join(twice)} is asked for twice")
    return tuple(methods)


def _entries(text: str) -> Sequence[Any]:
    if not text.lstrip().startswith("["):
        return [name.strip() for name in text.split(",") if name.strip()]
    try:
        return msgspec.json.decode(text, type=list[str | dict[str, Any]])
    except msgspec.MsgspecError as error:
        raise BulkError(
            f"$.methods: {error}; expected names separated by commas, or a JSON array "
            'such as ["tree_path", {"method": "integrated_gradients", "steps": 64}]'
        ) from error


def keep_plan(out: Path, plan: Plan) -> None:
    """Write the plan into the directory, or hold it against the one that is there.

    Raises
    ------
    BulkError
        The directory cannot be written, holds other files, or the answers to another
        plan; the message says what differs.
    """
    path = out / PLAN
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            if any(not found.name.startswith(".") for found in out.iterdir()):
                raise BulkError(
                    f"{out} holds files but no {PLAN}; choose another place"
                )
            write_whole(path, msgspec.json.encode(plan, order="sorted"))
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise BulkError(f"{path}: {error}") from error
    wanted = msgspec.json.decode(msgspec.json.encode(plan))  # tuples become lists
    names = sorted(wanted.keys() | found.keys())
    differing = [name for name in names if found.get(name) != wanted.get(name)]
    if differing:
        raise BulkError(
            f"{out} holds answers of another run (other {', '.join(differing)}; see "
            f"its {PLAN}); choose another place, or delete it to start anew"
        )
