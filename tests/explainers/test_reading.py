"""Instances of each family go to the code that reads them, and come back as sent."""

import msgspec
import numpy as np
import pytest

from explainers.errors import InstanceError
from explainers.manifest import InputFeature, InputSchema
from explainers.reading import read_instances, write_instance

FEATURES = (
    InputFeature(name="a", kind="numeric"),
    InputFeature(name="b", kind="numeric"),
)
CASES = {
    "tabular": (InputSchema(shape=(2,), features=FEATURES), [0.1, -2.0]),
    "sequence": (
        InputSchema(shape=(5, 2), features=FEATURES),
        [[0.1, 1], [2, 3], [4, 5]],
    ),
    "image": (
        InputSchema(shape=(2, 1, 3), features=FEATURES),
        [[[0.1, 1], [2, 3], [4, 5]]],
    ),
}


@pytest.fixture(params=CASES)
def case(request, linear_manifest):
    """A manifest of each family with one instance of it."""
    schema, instance = CASES[request.param]
    manifest = msgspec.structs.replace(
        linear_manifest, family=request.param, input=schema
    )
    return manifest, instance


def test_an_instance_is_read_and_written_back_as_it_was_sent(case):
    manifest, instance = case
    inputs, lengths = read_instances(manifest, [instance])
    assert inputs.dtype == np.float32
    assert (lengths is not None) == (manifest.family == "sequence")
    steps = len(instance) if lengths is not None else 1
    assert write_instance(manifest.input, inputs[0], steps) == instance


def test_only_sequences_may_differ_in_length(case):
    manifest, instance = case
    if manifest.family == "sequence":
        inputs, lengths = read_instances(manifest, [instance, instance[:1]])
        assert inputs.shape == (2, 3, 2)
        assert lengths.tolist() == [3, 1]
        return
    with pytest.raises(InstanceError) as caught:
        read_instances(manifest, [instance, instance[:-1]])
    assert caught.value.path == "$.instances[1]"


def test_the_path_starts_where_the_caller_says(case):
    manifest, _ = case
    for instances, path in (([], "$.rows"), (["x"], "$.rows[0]")):
        with pytest.raises(InstanceError) as caught:
            read_instances(manifest, instances, "$.rows")
        assert caught.value.path == path
