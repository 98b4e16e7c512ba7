"""Steps and pixels that training never saw: the farthest is named, padding is not."""

import numpy as np


def test_of_a_sequence_the_farthest_step_is_named_and_padding_is_none(client, trained):
    features = trained["visits"].model.manifest.input.features
    low = [feature.minimum for feature in features]
    high = [feature.maximum for feature in features]
    assert min(low) > 0  # so that padding with zeros lies outside the range
    far = [[*low], [high[0] + 5, high[1]], [high[0] + 9, high[1] + 1], [*high]]
    body = {"instances": [[low, high, low], [low], far]}
    reply = client.post("/v1/models/visits:predict", json=body)
    first, second = reply.json["warnings"]
    assert (first["path"], first["feature"]) == ("$.instances[2][2][0]", "pulse")
    assert np.float32(first["value"]) == np.float32(high[0] + 9)
    bounds = np.float32([first["minimum"], first["maximum"]])
    assert bounds.tolist() == [low[0], high[0]]
    assert (second["path"], second["value"]) == ("$.instances[2][2][1]", high[1] + 1)
    assert first["instances"] == second["instances"] == [2]


def test_of_a_picture_the_farthest_pixel_is_named(client, trained):
    case = trained["patches"]
    (instance,) = case.instances([0])
    fine = client.post("/v1/models/patches:predict", json={"instances": [instance]})
    features = case.model.manifest.input.features
    pixels = np.array(instance, dtype=float)
    pixels[1, 2] = features[0].maximum + 3
    body = {"instances": [instance, pixels.tolist()]}
    reply = client.post("/v1/models/patches:predict", json=body)
    assert fine.json["warnings"] == []
    warning = reply.json["warnings"][0]
    assert warning["path"].startswith("$.instances[1][1][2]")
    assert warning["instances"] == [1]
