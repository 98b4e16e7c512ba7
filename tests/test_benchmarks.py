"""Every benchmark that is listed can be started."""

import pytest

from benchmarks.__main__ import BENCHMARKS, load


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_is_imported_with_all_it_measures(name):
    assert callable(load(name).main)
