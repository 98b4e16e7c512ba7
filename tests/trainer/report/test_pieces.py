"""A tree too large for one drawing, in pieces."""

import re

import msgspec
import pytest

from explainers.tree import DistilledTree
from trainer.config import parse_config
from trainer.pipeline import train
from trainer.report.pieces import MOST_LEAVES, cut_into_pieces
from trainer.report.write import write_report

BOX = re.compile(r'<g id="node-(\d+)">')
LINK = re.compile(r'<a href="#node-(\d+)">')


@pytest.fixture(scope="module")
def digits():
    config = parse_config(
        {
            "name": "digits",
            "data": {
                "named": "digits",
                "drop": ["pixel_0_0", "pixel_4_0", "pixel_4_7"],  # never vary
            },
            "train": {"epochs": 3},
            "regularizer": {"name": "none"},
            "tree": {"strength": 1e-4, "min_samples_leaf": 2},
        }
    )
    return train(config, controls=False)


def test_every_node_is_drawn_once_and_no_drawing_is_large(digits):
    tree = digits.tree
    assert len(tree.leaves) > 4 * MOST_LEAVES
    pieces = cut_into_pieces(tree)
    assert pieces[0].root == 0
    _check(tree, pieces)


def _check(tree, pieces):
    drawn = []
    for piece in pieces:
        ends, stack = 0, [piece.root]
        while stack:
            node = tree.nodes[stack.pop()]
            if node.id not in piece.cut:
                drawn.append(node.id)
            if node.is_leaf or node.id in piece.cut:
                ends += 1
            else:
                stack += [node.left, node.right]
        assert ends <= MOST_LEAVES
        below = [n for n in tree.preorder(piece.root) if n.is_leaf]
        assert piece.leaves == len(below)
    assert sorted(drawn) == list(range(len(tree.nodes)))
    assert {end for piece in pieces for end in piece.cut} == {
        piece.root for piece in pieces[1:]
    }


def chain(template, links):
    """Decisions one below another, three leaves beside each, and one below them all."""
    below = {}
    for i in range(0, 6 * links, 6):
        below |= {i: (i + 1, i + 6), i + 1: (i + 2, i + 3), i + 3: (i + 4, i + 5)}
    decision = template.nodes[0]
    leaf = next(node for node in template.nodes if node.is_leaf)
    nothing = (0,) * template.n_classes
    nodes = []
    for i in range(6 * links + 1):
        left, right = below.get(i, (None, None))
        like = decision if i in below else leaf
        counts = {"n": 0, "class_counts": nothing, "label_counts": nothing}
        nodes.append(
            msgspec.structs.replace(like, id=i, left=left, right=right, **counts)
        )
    return DistilledTree(tuple(nodes), template.n_features, template.n_classes)


def test_branches_too_small_to_be_cut_off_count_with_all_their_leaves(cancer_trained):
    tree = chain(cancer_trained.tree, 40)
    assert len(tree.leaves) == 121
    pieces = cut_into_pieces(tree)
    _check(tree, pieces)
    assert [piece.leaves for piece in pieces] == [121, 106, 91, 76, 61, 46, 31, 16]


def test_a_small_tree_is_one_piece(cancer_trained):
    (piece,) = cut_into_pieces(cancer_trained.tree)
    assert (piece.root, piece.cut) == (0, frozenset())


def test_a_link_opens_what_hangs_below(digits, browser):
    text = write_report(digits).decode()
    boxes, links = BOX.findall(text), LINK.findall(text)
    assert sorted(map(int, boxes)) == list(range(len(digits.tree.nodes)))
    assert set(links) <= set(boxes)
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.set_content(text)
    assert page.evaluate("document.documentElement.scrollWidth") == 1100
    assert page.locator("details[open]").count() == 0
    below = page.locator(f"#node-{links[0]}")
    assert not below.is_visible()
    page.locator(f'a[href="#node-{links[0]}"]').click()
    below.wait_for(state="visible", timeout=2000)
    assert page.locator("details[open]").count() == 1
    page.close()
