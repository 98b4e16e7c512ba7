"""The only file that imports onnxruntime: settings, sessions, and nothing else."""

import os
import threading

import numpy as np
from numpy.typing import NDArray

from explainers.deadlines import Deadline, current_deadline
from explainers.errors import BundleError

# onnxruntime >= 1.29 starts a telemetry thread on import: it sends data unasked, and a
# process that forks after the import hangs at exit. The variable must be set before the
# import; the later call to disable it comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

MAX_ROWS_PER_RUN = 4096
MAX_BYTES_PER_RUN = 16 * 2**20
"""Larger batches are run in chunks, which bounds the memory of intermediate tensors."""

WATCHED_S = 5.0
"""A run that starts with more time left than this is not watched by a timer, whose
thread costs 60 us: no chunk takes so long."""


class Session:
    """One loaded graph with named inputs and outputs, batch axis first everywhere.

    Runs in the calling thread alone (intra = inter = 1): sessions with more threads
    hang when a forked child destroys them, and the service scales by workers.
    One session may be used from several threads at once.
    """

    def __init__(self, name: str, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises many types, Unicode among them
            raise BundleError(f"{name}: onnxruntime cannot load it: {error}") from error
        self.name = name
        self.inputs = tuple(value.name for value in self._session.get_inputs())
        self.outputs = tuple(value.name for value in self._session.get_outputs())

    def run(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """Return every output for the whole batch, in the order of ``outputs``."""
        first = next(iter(feeds.values()))
        n, row_bytes = len(first), first[:1].nbytes
        most = max(1, min(MAX_ROWS_PER_RUN, MAX_BYTES_PER_RUN // max(1, row_bytes)))
        if n <= most:
            return self._run(feeds)
        chunks = [
            self._run({name: values[i : i + most] for name, values in feeds.items()})
            for i in range(0, n, most)
        ]
        return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]

    def _run(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        deadline = current_deadline()
        if deadline is not None:
            deadline.check()
            if deadline.remaining_s < WATCHED_S:
                return self._run_watched(feeds, deadline)
        # With the outputs named, onnxruntime need not collect their names each time.
        outputs: list[NDArray[np.float32]] = self._session.run(self.outputs, feeds)
        return outputs

    def _run_watched(
        self, feeds: dict[str, NDArray[np.generic]], deadline: Deadline
    ) -> list[NDArray[np.float32]]:
        """Run, and have onnxruntime stop before its next operator at the deadline."""
        options = onnxruntime.RunOptions()
        timer = threading.Timer(
            deadline.remaining_s, setattr, (options, "terminate", True)
        )
        timer.daemon = True
        timer.start()
        try:
            outputs: list[NDArray[np.float32]] = self._session.run(
                self.outputs, feeds, options
            )
        except Exception:  # onnxruntime has no type of its own for a run cut short
            deadline.check()
            raise
        finally:
            timer.cancel()
        return outputs
