"""Counts are read before or after those of the dead are added up, never in between."""

import fcntl
import os
import threading

from api.metric_files import AllWorkers


def test_nobody_reads_while_counts_are_added_up(tmp_path):
    read = threading.Event()

    def collect():
        list(AllWorkers(tmp_path).collect())
        read.set()

    adding = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(adding, fcntl.LOCK_EX)  # as whoever adds does
    reader = threading.Thread(target=collect)
    reader.start()
    try:
        assert not read.wait(0.2)
    finally:
        os.close(adding)
        reader.join()
    assert read.is_set()
