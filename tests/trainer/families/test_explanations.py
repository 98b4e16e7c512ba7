"""Every method on trained networks of every family, against captum and lime."""

import captum.attr
import msgspec
import numpy as np
import pytest
import shap
import torch
from lime.discretize import QuartileDiscretizer
from lime.lime_base import LimeBase
from sklearn.neighbors import NearestNeighbors

from explainers.errors import ParameterError
from explainers.methods.lime.method import (
    LimeParameters,
    divide,
    kernel_width,
    neighbourhood,
)
from explainers.methods.lime.surrogate import fit_surrogate, sum_moments
from explainers.methods.smoothgrad import Noise
from explainers.reading import read_instances, write_instance
from explainers.registry import EXPLAINERS, available, parse_parameters
from tests.explainers.answers import all_finite, as_bytes

EXPORTED = ["gru", "lstm", "cnn", "own"]
SEQUENCES = ["gru", "lstm"]
BATCHES = [1, 7, 64]


def explain(case, name, arrays, **values):
    method = EXPLAINERS[name]
    parameters = parse_parameters(method, values)
    return method.explain(case.model, case.model.predict(*arrays), parameters)


def attributions(case, name, arrays, **values):
    """Stack the answers; of sequences, padded with zero as their inputs are."""
    results = explain(case, name, arrays, **values)
    stacked = np.zeros(arrays[0].shape, dtype=np.float64)
    for row, result in zip(stacked, results, strict=True):
        row[: len(result.attributions)] = result.attributions
    return stacked


def tensors(arrays):
    return tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)


def assert_close(ours, oracle):
    expected = oracle.detach().numpy()
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(ours, expected, atol=1e-5 * scale, rtol=0)


def first(case, n):
    return tuple(array[:n] for array in case.rows)


@pytest.mark.parametrize("name", EXPORTED)
@pytest.mark.parametrize("n", BATCHES)
def test_gradient_and_input_x_gradient_are_captums(case_of, name, n):
    case = case_of(name)
    arrays = first(case, n)
    x, *rest = tensors(arrays)
    network, more = case.trained.network, tuple(rest) or None
    for method, oracle in (
        ("gradient", captum.attr.Saliency(network)),
        ("input_x_gradient", captum.attr.InputXGradient(network)),
    ):
        options = {"abs": False} if method == "gradient" else {}
        expected = oracle.attribute(
            x.requires_grad_(), target=1, additional_forward_args=more, **options
        )
        assert_close(attributions(case, method, arrays, target=1), expected)


@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_noise_is_in_units_of_each_channel_s_spread(case_of, name):
    case = case_of(name)
    parameters = parse_parameters(EXPLAINERS["smoothgrad"], {"noise": 0.4})
    shape = case.rows[0].shape[1:]
    drawn = Noise(case.model, parameters, shape[0]).draw(5000, shape)
    scaled = drawn / case.model.spread
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(scaled.std(axis=0), 0.4, rtol=0.06)


@pytest.mark.parametrize("name", EXPORTED)
@pytest.mark.parametrize("n", BATCHES)
def test_smoothgrad_is_captums_saliency_over_the_same_noise(case_of, name, n):
    case = case_of(name)
    arrays = first(case, n)
    parameters = parse_parameters(EXPLAINERS["smoothgrad"], {"seed": 3, "samples": 9})
    lengths = arrays[1] if len(arrays) > 1 else np.ones(n, dtype=int)
    noise = np.stack(
        [
            Noise(case.model, parameters, int(length)).draw(9, arrays[0].shape[1:])
            for length in lengths
        ]
    )
    noisy, *rest = tensors((arrays[0][:, None] + noise, *arrays[1:]))
    oracle = captum.attr.Saliency(case.trained.network).attribute(
        noisy.flatten(0, 1).requires_grad_(), target=1, abs=False,
        additional_forward_args=tuple(r.repeat_interleave(9) for r in rest) or None,
    )  # fmt: skip
    ours = attributions(case, "smoothgrad", arrays, target=1, seed=3, samples=9)
    assert_close(ours, oracle.reshape(noisy.shape).mean(dim=1))


def beside(case, row, length, shape, count):
    """An input of the background as a baseline of ``count`` steps, by hand."""
    model = case.model
    steps = int(model.background_lengths[row])
    aligned = np.broadcast_to(model.mean, shape).astype(np.float32).copy()
    if model.manifest.family == "image":
        return model.background[row]
    for back in range(1, min(steps, length) + 1):
        aligned[length - back] = model.background[row, steps - back]
    return aligned


def baselines(case, baseline, arrays):
    """One array [n, *shape] for each reference of a baseline."""
    model, (inputs, *rest) = case.model, arrays
    if baseline in ("zero", "training_mean"):
        value = model.mean if baseline == "training_mean" else 0.0
        return [np.broadcast_to(value, inputs.shape).astype(np.float32)]
    lengths = rest[0] if rest else np.ones(len(inputs), dtype=int)
    rows = np.linspace(0, len(model.background) - 1, 4).round().astype(int)
    return [
        np.stack(
            [beside(case, row, int(length), inputs.shape[1:], 4) for length in lengths]
        )
        for row in (rows if baseline == "background" else [5])
    ]


@pytest.mark.parametrize(
    "baseline", ["zero", "training_mean", "instance", "background"]
)
@pytest.mark.parametrize("name", EXPORTED)
@pytest.mark.parametrize("n", BATCHES)
def test_integrated_gradients_are_captums_for_each_baseline(case_of, name, n, baseline):
    case = case_of(name)
    arrays = first(case, n)
    x, *rest = tensors(arrays)
    method = captum.attr.IntegratedGradients(case.trained.network)
    starts = baselines(case, baseline, arrays)
    oracles = [
        method.attribute(
            x, torch.from_numpy(start), target=1, n_steps=20,
            additional_forward_args=tuple(rest) or None,
        )
        for start in starts
    ]  # fmt: skip
    model = case.model
    given = baseline
    if baseline == "instance":
        row, steps = model.background[5], int(model.background_lengths[5])
        given = write_instance(model.manifest.input, row, steps)
    values = {"steps": 20, "max_steps": 20, "references": 4, "target": 1}
    ours = attributions(case, "integrated_gradients", arrays, baseline=given, **values)
    assert_close(ours, sum(oracles) / len(oracles))
    network = case.trained.network
    with torch.no_grad():
        end = network(x, *rest)[:, 1]
        begin = sum(network(torch.from_numpy(s), *rest)[:, 1] for s in starts)
    change = (end - begin / len(starts)).numpy()
    results = explain(case, "integrated_gradients", arrays, baseline=given, **values)
    for result, expected in zip(results, change, strict=True):
        gap = abs(float(result.attributions.sum(dtype=np.float64)) - float(expected))
        assert result.completeness.absolute == pytest.approx(gap, abs=1e-4)
        assert result.parameters["references"] == len(starts)
        assert result.parameters["baseline"] == given


@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_a_baseline_that_is_no_instance_says_where(case_of, name):
    case = case_of(name)
    with pytest.raises(ParameterError) as caught:
        explain(case, "integrated_gradients", first(case, 1), baseline=[[1.0, "x"]])
    assert caught.value.path.startswith("$.baseline")
    assert "[0][0]" not in caught.value.path


@pytest.mark.parametrize("name", EXPORTED)
@pytest.mark.parametrize(
    ("n", "window", "stride"),
    [(1, None, None), (7, 3, 2), (7, 2, 1), (64, None, None)],
)
def test_occlusion_is_captums(case_of, name, n, window, stride):
    case = case_of(name)
    arrays = first(case, n)
    values = {"window": window, "stride": stride, "target": 1}
    results = explain(case, "occlusion", arrays, **values)
    method = captum.attr.Occlusion(case.trained.network)
    x, *rest = tensors(arrays)
    for row, result in enumerate(results):
        one = x[row : row + 1]
        side = window or result.parameters["window"]
        step = stride or side
        if name in SEQUENCES:
            one = one[:, : int(rest[0][row])]
            if side > one.shape[1]:
                continue  # captum refuses a window longer than the sequence
            windows, strides = (side, 1), (step, 1)
        else:
            windows, strides = (one.shape[1], side, side), (one.shape[1], step, step)
        mean = np.broadcast_to(case.model.mean, one.shape[1:]).astype(np.float32)
        oracle = method.attribute(
            one, sliding_window_shapes=windows, strides=strides, target=1,
            baselines=torch.from_numpy(mean.copy())[None],
            additional_forward_args=tuple(r[row : row + 1] for r in rest) or None,
        )  # fmt: skip
        assert_close(result.attributions[None], oracle)


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_window_longer_than_the_sequence_takes_it_whole(case_of, name):
    case = case_of(name)
    inputs, lengths = first(case, 1)
    (result,) = explain(case, "occlusion", (inputs, lengths), window=500, target=1)
    length = int(lengths[0])
    without = inputs[:, :length].copy()
    without[:, :, 0] = np.broadcast_to(case.model.mean, without[0].shape)[:, 0]
    whole, _ = case.model.forward(inputs[:, :length], lengths)
    less, _ = case.model.forward(without, lengths)
    expected = whole[0, 1] - less[0, 1]
    np.testing.assert_allclose(result.attributions[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "values"),
    [("gru", {}), ("lstm", {"segments": 3}), ("own", {}),
     ("cnn", {"segmentation": "slic", "segments": 12}), ("cnn", {"width": 0.5})],
)  # fmt: skip
@pytest.mark.parametrize("row", [0, 5])
def test_lime_is_limes_on_the_same_neighbourhood(case_of, name, values, row):
    case = case_of(name)
    model, n = case.model, 1500
    arrays = tuple(array[row : row + 1] for array in case.rows)
    parameters = LimeParameters(samples=n, **values)
    x = arrays[0][0]
    if name in SEQUENCES:
        x = x[: int(arrays[1][0])]
    segments = divide(model, x, parameters)
    near = neighbourhood(model, x, segments, parameters, seed=7)
    samples = near.samples(slice(0, n))
    there = near.origin + samples.offsets
    assert set(np.unique(there)) <= {0.0, 1.0}
    assert there[0].all()
    assert there[1:].mean() == pytest.approx(0.5, abs=0.05)  # a random half
    k = there.shape[1]
    # The kernel sees cosine distances, as in lime_image.
    norms = np.sqrt(there.sum(axis=1))
    cosines = there.sum(axis=1) / np.where(norms > 0, norms, 1) / np.sqrt(k)
    width = kernel_width(model, parameters)
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)))
    intercept, weights, score, local = base.explain_instance_with_data(
        there, samples.probabilities.astype(float), 1 - cosines, 1, k,
        feature_selection="none",
    )  # fmt: skip
    expected = np.zeros(k)
    for feature, weight in weights:
        expected[feature] = weight
    here = float(samples.probabilities[0, 1])
    fit = fit_surrogate(sum_moments(near, slice(0, n), 1, here), here)
    np.testing.assert_allclose(fit.coefficients, expected, atol=1e-9)
    (result,) = explain(
        case, "lime", arrays, samples=n, seed=7, target=1, repeats=2, **values
    )
    assert result.attributions.shape == x.shape
    np.testing.assert_allclose(
        result.attributions, np.broadcast_to(expected[result.segments], x.shape),
        atol=1e-9,
    )  # fmt: skip
    assert result.intercept == pytest.approx(intercept, abs=1e-9)
    assert result.r2 == pytest.approx(score, abs=1e-9)
    assert result.local_prediction == pytest.approx(local[0], abs=1e-9)
    assert 0 <= result.stability <= 1


@pytest.mark.parametrize("name", ["gru", "cnn"])
def test_limes_copies_lack_the_segments_that_they_say(case_of, name):
    """The probabilities of the neighbourhood are those of copies made by hand."""
    case = case_of(name)
    arrays = tuple(array[3:4] for array in case.rows)
    model, x = case.model, arrays[0][0]
    x = x[: int(arrays[1][0])] if name in SEQUENCES else x
    parameters = LimeParameters(samples=60)
    segments = divide(model, x, parameters)
    near = neighbourhood(model, x, segments, parameters, seed=1)
    samples = near.samples(slice(0, 20))
    for there, answer in zip(
        near.origin + samples.offsets, samples.probabilities, strict=True
    ):
        copy = x.copy()
        for number in np.flatnonzero(there == 0):
            at = np.broadcast_to(segments == number, x.shape)
            usual = np.broadcast_to(model.mean, x.shape)[at]
            if name == "cnn":  # in its mean colour, as lime_image does by default
                usual = np.full(at.sum(), x[at].mean(dtype=np.float64))
            copy[at] = usual
        lengths = [np.array([len(copy)])] * (name in SEQUENCES)
        _, expected = model.forward(copy[None], *lengths)
        np.testing.assert_allclose(answer, expected[0], atol=1e-6)


@pytest.mark.parametrize("name", [*EXPORTED, "flat"])
def test_an_answer_does_not_depend_on_its_batch(case_of, name):
    case = case_of(name)
    arrays = first(case, 9)
    for method in available(case.model):
        together, again = (explain(case, method, arrays) for _ in range(2))
        assert as_bytes(again) == as_bytes(together), method
        for row in (0, 4, 8):
            alone = tuple(array[row : row + 1] for array in arrays)
            if name in SEQUENCES:
                alone = (alone[0][:, : int(alone[1][0])], alone[1])
            (single,) = explain(case, method, alone)
            assert as_bytes(single) == as_bytes(together[row]), method


@pytest.mark.parametrize("name", [*EXPORTED, "flat", "resized"])
@pytest.mark.parametrize("value", [0.0, 1.0, -1e4, 1e4])
def test_no_method_answers_nan_for_a_constant_input(case_of, name, value):
    case = case_of(name)
    arrays = first(case, 2)
    arrays = (np.full_like(arrays[0], value), *arrays[1:])
    for method in available(case.model):
        assert all_finite(explain(case, method, arrays)), method


@pytest.mark.parametrize("baseline", ["zero", "background"])
def test_no_baseline_answers_nan_for_a_constant_input(case_of, baseline):
    for name in ("gru", "cnn"):
        case = case_of(name)
        arrays = first(case, 2)
        zeros = (np.zeros_like(arrays[0]), *arrays[1:])
        for result in explain(case, "integrated_gradients", zeros, baseline=baseline):
            assert np.isfinite(result.attributions).all()
            assert np.isfinite(result.completeness.absolute)


@pytest.mark.parametrize(("name", "part"), [("gru", "abc"), ("cnn", "mean of rows")])
def test_a_disagreement_names_channels_or_patches(case_of, name, part):
    case = case_of(name)
    model, method = case.model, EXPLAINERS["gradient"]
    prediction = model.predict(*first(case, 8))
    other = (prediction.labels + 1) % len(model.classes)
    apart = msgspec.structs.replace(prediction, tree_labels=other)
    for result in method.explain(model, apart, parse_parameters(method, {})):
        found = result.disagreement
        shares = [ignored.share for ignored in found.off_path]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) <= result.off_path_share + 1e-6
        assert f"; {result.off_path_share:.0%} of the attribution" in found.summary
        for ignored in found.off_path:
            assert part in ignored.name or ignored.name in part


@pytest.mark.parametrize("name", ["mixed", "gru", "cnn"])
def test_the_share_off_the_path_is_of_what_its_nodes_do_not_name(
    case_of, mixed_model, name
):
    if name == "mixed":
        model, arrays = mixed_model, (mixed_model.background[:20],)
    else:
        model, arrays = case_of(name).model, first(case_of(name), 20)
    prediction, method = model.predict(*arrays), EXPLAINERS["gradient"]
    results = method.explain(model, prediction, parse_parameters(method, {}))
    shares = set()
    for result, leaf in zip(results, prediction.leaves.tolist(), strict=True):
        rest = np.abs(result.attributions).astype(np.float64)
        total = rest.sum()
        for node in map(model.tree.nodes.__getitem__, model.tree.path_to(leaf)):
            if node.feature is None:
                continue
            column = model.manifest.tree_features[node.feature]
            if column.patch is None:
                rest[..., column.source] = 0
            else:
                top, left, height, width = column.patch
                for row, at in np.ndindex(height, width):
                    rest[column.source, top + row, left + at] = 0
        assert result.off_path_share == pytest.approx(rest.sum() / total, abs=1e-6)
        shares.add(round(result.off_path_share, 3))
    assert len(shares) > 1


@pytest.mark.parametrize("n", BATCHES)
def test_gradients_of_a_mixed_table_are_captums_by_column(
    mixed_trained, mixed_model, n
):
    """Numbers with and without gaps, and a category: encoded columns, then inputs."""
    model, network = mixed_model, mixed_trained.network
    table, Z = mixed_trained.prepared.table.X[:n], mixed_trained.prepared.Z[:n]
    z = torch.from_numpy(Z.copy())
    parameters = {"target": 1, "samples": 9, "seed": 3}
    asked = parse_parameters(EXPLAINERS["smoothgrad"], parameters)
    noise = Noise(model, asked, 1).draw(9, Z.shape[1:])
    kinds = np.array([column.kind for column in model.manifest.tree_features])
    assert not noise[:, kinds != "value"].any()
    noisy = torch.from_numpy(Z[:, None] + noise).flatten(0, 1).requires_grad_()
    saliency = captum.attr.Saliency(network)
    smooth = saliency.attribute(noisy, target=1, abs=False).reshape(n, 9, -1).mean(1)
    slope = saliency.attribute(z.clone().requires_grad_(), target=1, abs=False)
    product = captum.attr.InputXGradient(network).attribute(
        z.clone().requires_grad_(), target=1
    )
    path = captum.attr.IntegratedGradients(network).attribute(
        z, torch.from_numpy(model.mean)[None], target=1, n_steps=20
    )
    steps = {"target": 1, "steps": 20, "max_steps": 20}
    for name, values, oracle in (
        ("gradient", {"target": 1}, slope),
        ("smoothgrad", parameters, smooth),
        ("input_x_gradient", {"target": 1}, product),
        ("integrated_gradients", steps, path),
    ):
        method = EXPLAINERS[name]
        answers = method.explain(
            model, model.predict(table), parse_parameters(method, values)
        )
        assert_close(np.stack([a.encoded_attributions for a in answers]), oracle)
        counted = oracle.detach().numpy().copy()
        if name in ("gradient", "smoothgrad"):  # no slope along a code that is off
            counted[(kinds != "value") & (Z == 0)] = 0
        by_input = torch.from_numpy(np.stack([
            counted[:, model.sources == i].sum(1) for i in range(table.shape[1])
        ], axis=1))  # fmt: skip
        assert_close(np.stack([answer.attributions for answer in answers]), by_input)


@pytest.mark.parametrize("n", BATCHES)
def test_occlusion_of_a_mixed_table_by_hand(mixed_trained, mixed_model, n):
    model, network = mixed_model, mixed_trained.network
    table, Z = mixed_trained.prepared.table.X[:n], mixed_trained.prepared.Z[:n]
    expected = []
    for i, feature in enumerate(model.manifest.input.features):
        without = Z.copy()
        codes, counts = np.unique(model.background[:, i], return_counts=True)
        for j in np.flatnonzero(model.sources == i):
            column = model.manifest.tree_features[j]
            if column.kind == "value":
                without[:, j] = column.mean
            elif column.kind == "missing":
                without[:, j] = 0
            else:
                usual = feature.categories[int(codes[counts.argmax()])]
                without[:, j] = column.category == usual
        with torch.no_grad():
            answers = [network(torch.from_numpy(part)) for part in (Z, without)]
        expected.append(answers[0][:, 1] - answers[1][:, 1])
    method = EXPLAINERS["occlusion"]
    found = method.explain(
        model, model.predict(table), parse_parameters(method, {"target": 1})
    )
    assert_close(np.stack([a.attributions for a in found]), torch.stack(expected, 1))


@pytest.mark.parametrize("discretize", [False, True])
@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_lime_of_a_mixed_table_is_limes(mixed_trained, mixed_model, row, discretize):
    model, n = mixed_model, 1500
    x = mixed_trained.prepared.table.X[row]
    parameters = LimeParameters(samples=n, discretize=discretize)
    samples = neighbourhood(model, x, None, parameters, seed=7).samples(slice(0, n))
    width = 0.75 * np.sqrt(len(x))
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)))
    _, weights, score, local = base.explain_instance_with_data(
        samples.offsets, samples.probabilities.astype(float),
        np.linalg.norm(samples.offsets, axis=1), 1, len(x), feature_selection="none",
    )  # fmt: skip
    method = EXPLAINERS["lime"]
    asked = {"samples": n, "discretize": discretize, "seed": 7, "target": 1}
    (result,) = method.explain(
        model, model.predict(x[None]), parse_parameters(method, asked)
    )
    expected = [weight for _, weight in sorted(weights)]
    np.testing.assert_allclose(result.attributions, expected, atol=1e-9)
    assert result.r2 == pytest.approx(score, abs=1e-9)
    assert result.local_prediction == pytest.approx(local[0], abs=1e-9)


@pytest.mark.parametrize("at", [0, 25, 50])
def test_a_value_at_the_edge_of_a_quartile_is_in_the_one_below(mixed_model, at):
    model, x = mixed_model, mixed_model.background[0].copy()
    column = model.background[:, :1]
    x[0] = np.quantile(column, at / 100)
    oracle = QuartileDiscretizer(column, [], ["alcohol"])
    near = neighbourhood(model, x, None, LimeParameters(discretize=True), seed=0)
    ((_, part),) = near.parts
    inputs, offsets = part.take(slice(0, 500))
    here = oracle.discretize(x[None, :1])[0, 0]
    np.testing.assert_array_equal(
        offsets[:, 0] == 0, oracle.discretize(inputs[:, :1])[:, 0] == here
    )


def test_a_discretised_copy_stays_in_limes_quartile(mixed_trained, mixed_model):
    model, x = mixed_model, mixed_trained.prepared.table.X[1]
    near = neighbourhood(model, x, None, LimeParameters(discretize=True), seed=0)
    ((_, part),) = near.parts
    inputs, offsets = part.take(slice(0, 500))
    for i, feature in enumerate(model.manifest.input.features):
        if feature.kind == "numeric" and feature.missing == "refuse":
            column = model.background[:, i : i + 1]
            oracle = QuartileDiscretizer(column, [], [feature.name])
            there = oracle.discretize(inputs[:, i : i + 1])[:, 0]
            here = oracle.discretize(x[None, i : i + 1])[0, 0]
            assert len(set(there.tolist())) == 4
            np.testing.assert_array_equal(offsets[:, i] == 0, there == here)


@pytest.mark.parametrize("name", ["mixed", *EXPORTED])
def test_tree_shap_is_shaps_of_the_served_tree(case_of, mixed_model, name):
    model = mixed_model if name == "mixed" else case_of(name).model
    prediction = model.background_prediction
    method, nodes = EXPLAINERS["tree_shap"], model.tree.nodes
    assert len(model.tree.leaves) > 1
    for target in range(len(model.classes)):
        counts = np.array([node.class_counts for node in nodes], dtype=np.float64)
        oracle = shap.TreeExplainer(
            {
                "trees": [
                    {
                        "children_left": column(nodes, "left"),
                        "children_right": column(nodes, "right"),
                        "children_default": column(nodes, "left"),
                        "features": column(nodes, "feature"),
                        "thresholds": column(nodes, "threshold"),
                        "values": counts[:, target : target + 1]
                        / counts.sum(1)[:, None],
                        "node_sample_weight": counts.sum(1),
                    }
                ]
            },
            feature_perturbation="tree_path_dependent",
        )
        expected = oracle.shap_values(prediction.tree_features.astype(np.float64))
        parameters = parse_parameters(method, {"target": target})
        answers = method.explain(model, prediction, parameters)
        found = np.stack([answer.attributions for answer in answers])
        np.testing.assert_allclose(found, expected, atol=1e-9)


def column(nodes, name):
    """One field of all nodes, -1 where a leaf has none, as shap reads trees."""
    values = [getattr(node, name) for node in nodes]
    return np.array([-1 if value is None else value for value in values])


@pytest.mark.parametrize("name", ["mixed", "gru", "cnn"])
def test_prototypes_are_the_nearest_neighbours_in_the_leaf(case_of, mixed_model, name):
    model = mixed_model if name == "mixed" else case_of(name).model
    background, method = model.background_prediction, EXPLAINERS["prototypes"]
    spreads = [column.spread for column in model.manifest.tree_features]
    scaled = background.tree_features / np.float32(spreads)
    answers = method.explain(model, background, parse_parameters(method, {"count": 4}))
    for row, answer in enumerate(answers):
        leaf = background.leaves[row]
        (same,) = np.nonzero(background.leaves == leaf)
        assert (answer.leaf, answer.in_leaf) == (leaf, len(same))
        nearest = NearestNeighbors(n_neighbors=min(4, len(same))).fit(scaled[same])
        distances, _ = nearest.kneighbors(scaled[row : row + 1])
        found = [prototype.distance for prototype in answer.prototypes]
        np.testing.assert_allclose(found, distances[0], rtol=1e-4, atol=1e-5)
        assert {p.label for p in answer.prototypes} <= set(model.classes)
        there = [prototype.instance for prototype in answer.prototypes]
        inputs, lengths = read_instances(model.manifest, there)
        again = model.predict(inputs, lengths)
        assert (again.leaves == leaf).all()
        for i, prototype in enumerate(answer.prototypes):
            assert prototype.label == model.classes[again.labels[i]]
            assert prototype.probability == again.probabilities[i].max()
