"""Where tree and network differ: a network that is known looks at what a path ignores.

logits = input @ WEIGHTS + BIAS; the tree asks for a and, where a > 0.5, for b.
"""

import numpy as np
import pytest

from explainers.registry import EXPLAINERS, parse_parameters

# a <= 0.5: the path to "no" looks at a alone. Evidence for "yes":
# -a + 2b - c/2 - 1/4 = 3.35 at (0.4, 2, 0), so that the network says "yes".
DIFFER = [0.4, 2.0, 0.0]
# The same leaf, and the network says "no" as the tree does.
AGREE = [0.4, -2.0, 0.0]


def explain(model, row, name, **values):
    method = EXPLAINERS[name]
    rows = np.array([row], dtype=np.float32)
    parameters = parse_parameters(method, values)
    return method.explain(model, model.predict(rows), parameters)[0]


def test_it_names_what_the_path_ignores_by_its_share(linear_model):
    result = explain(linear_model, DIFFER, "gradient")
    found = result.disagreement
    assert (found.network, found.tree) == ("yes", "no")
    # The gradient of "yes" is (-1, 2, -0.5): of 3.5 in all, b has 2 and c 0.5.
    assert [part.name for part in found.off_path] == ["b", "c"]
    assert [part.share for part in found.off_path] == pytest.approx(
        [2 / 3.5, 0.5 / 3.5]
    )
    assert result.off_path_share == pytest.approx(2.5 / 3.5)
    assert found.summary == (
        "the network answers 'yes', the tree 'no'; 71% of the attribution is on inputs "
        "that the tree's path does not look at: b (57%), c (14%)"
    )


def test_contributions_tell_what_made_the_difference(linear_model):
    # From the mean (0.5 each): a gives 0.1, b 3, c 0.25, as logit weights times steps.
    result = explain(linear_model, DIFFER, "integrated_gradients")
    shares = [(part.name, part.share) for part in result.disagreement.off_path]
    assert shares == [
        ("b", pytest.approx(3 / 3.35, abs=1e-5)),
        ("c", pytest.approx(0.25 / 3.35, abs=1e-5)),
    ]


def test_an_input_without_attribution_is_not_named(linear_model):
    # c is where the mean is: it contributes nothing.
    result = explain(linear_model, [0.4, 2.0, 0.5], "occlusion")
    assert [part.name for part in result.disagreement.off_path] == ["b"]


def test_there_is_nothing_to_say_where_they_agree(linear_model):
    result = explain(linear_model, AGREE, "gradient")
    assert result.disagreement is None
    assert result.off_path_share == pytest.approx(2.5 / 3.5)


def test_no_attribution_at_all_names_nothing(linear_model):
    # The baseline is the input itself: nothing is attributed to anything.
    result = explain(linear_model, DIFFER, "integrated_gradients", baseline=DIFFER)
    assert result.off_path_share is None
    assert result.disagreement.off_path == []
    assert "0% of the attribution" in result.disagreement.summary
