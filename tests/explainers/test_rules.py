"""Rules must say what routing does; Graphviz itself reads the drawing."""

import subprocess

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from explainers.manifest import TreeFeature
from explainers.rules import (
    condition,
    format_number,
    rule,
    rules_as_text,
    tree_as_graphviz,
    tree_as_text,
)


def _columns(n: int) -> list[TreeFeature]:
    return [
        TreeFeature(name=f"x{i}", source=i, mean=0, spread=1, minimum=0, maximum=1)
        for i in range(n)
    ]


def _holds(text: str, row: np.ndarray) -> bool:
    """Evaluate a rule as Python would: it is one, but for 'always'."""
    values = {f"x{i}": float(value) for i, value in enumerate(row)}
    return text == "always" or bool(eval(text, {}, values))


def test_exactly_the_rule_of_the_reached_leaf_holds(to_tree):
    rng = np.random.default_rng(0)
    rows = (rng.integers(0, 32, size=(500, 4)) / 32).astype(np.float32)
    labels = ((rows[:, 0] > 0.3) ^ (rows[:, 1] > 0.6) ^ (rows[:, 2] > 0.5)).astype(int)
    classifier = DecisionTreeClassifier(max_leaf_nodes=12, random_state=0)
    tree = to_tree(classifier.fit(rows, labels))
    rules = {leaf.id: rule(tree, _columns(4), leaf.id) for leaf in tree.leaves}
    for row, leaf in zip(rows, classifier.apply(rows), strict=True):
        assert [i for i, text in rules.items() if _holds(text, row)] == [leaf]


def test_repeated_decisions_become_one_interval(to_tree):
    values = (np.arange(8) / 8).astype(np.float32)[:, None]
    labels = [0, 0, 1, 1, 0, 0, 1, 1]
    tree = to_tree(DecisionTreeClassifier(random_state=0).fit(values, labels))
    rules = [rule(tree, _columns(1), leaf.id) for leaf in tree.leaves]
    assert sorted(rules) == [
        "0.1875 < x0 <= 0.4375",
        "0.4375 < x0 <= 0.6875",
        "x0 <= 0.1875",
        "x0 > 0.6875",
    ]


def test_indicator_columns_read_as_categories_and_missing_values():
    colour = TreeFeature(
        name="colour = red", source=0, kind="category", category="red",
        mean=0, spread=1, minimum=0, maximum=1,
    )  # fmt: skip
    age = TreeFeature(
        name="age is missing", source=1, kind="missing",
        mean=0, spread=1, minimum=0, maximum=1,
    )  # fmt: skip
    assert condition(colour, 0.5, left=False) == "colour = red"
    assert condition(colour, 0.5, left=True) == "colour != red"
    assert condition(age, 0.5, left=False) == "age is missing"
    assert condition(age, 0.5, left=True) == "age is known"


def test_a_column_named_like_an_indicator_is_negated_at_its_end():
    odd = TreeFeature(
        name="x = y = z", source=0, kind="category", category="z",
        mean=0, spread=1, minimum=0, maximum=1,
    )  # fmt: skip
    lab = TreeFeature(
        name="BP is missing is missing", source=0, kind="missing",
        mean=0, spread=1, minimum=0, maximum=1,
    )  # fmt: skip
    assert condition(odd, 0.5, left=True) == "x = y != z"
    assert condition(lab, 0.5, left=True) == "BP is missing is known"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (16.8, "16.8"),
        (3.0, "3"),
        (-1.5, "-1.5"),
        (1e-7, "1e-07"),
        (1 / 3, "0.3333333333333333"),
    ],
)
def test_numbers_are_short_and_read_back(value, text):
    assert format_number(value) == text
    assert float(text) == value


def test_text_names_every_leaf_with_support_and_fidelity(linear_model):
    columns, classes = linear_model.manifest.tree_features, linear_model.classes
    text = rules_as_text(linear_model.tree, columns, classes)
    assert text.splitlines() == [
        "leaf 1: if a <= 0.5 then no  (support 6, fidelity 0.500)",
        "leaf 3: if a > 0.5 and b <= -1.5 then yes  (support 1, fidelity 0.500)",
        "leaf 4: if a > 0.5 and b > -1.5 then no  (support 3, fidelity 0.500)",
    ]
    assert "|   b <= -1.5 ?" in tree_as_text(linear_model.tree, columns, classes)


def test_graphviz_accepts_the_drawing_with_awkward_names(linear_model):
    columns = [
        TreeFeature(
            name=name, source=i, mean=0, spread=1, minimum=0, maximum=1
        )
        for i, name in enumerate(['a "quoted"\\', "b\nc", "ünïcode <&>"])
    ]  # fmt: skip
    drawing = tree_as_graphviz(linear_model.tree, columns, ("no", "yes"))
    done = subprocess.run(
        ["dot", "-Tplain"], input=drawing.encode(), capture_output=True, check=True
    )
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert sum(line.startswith("node ") for line in lines) == 5
    assert sum(line.startswith("edge ") for line in lines) == 4
