// The tree of a model and its leaves; of a regional tree, one region at a time.

import {firstFew, h, table} from "./dom.js";
import {regionPicker} from "./region_picker.js";
import {treeOf} from "./tree_layout.js";
import {createTreeView} from "./tree_view.js";
import {pretty, share} from "./words.js";

/**
 * Two cards: the tree, with a choice of its regions where it has any, and its leaves.
 * `remember(region)` keeps the choice; null is all.
 */
export function treeCards({tree, region, card, remember}) {
  const drawing = h("div");
  const leaves = h("div");
  const show = (name) => {
    const document = treeOf(tree, name);
    drawing.replaceChildren(createTreeView(document));
    leaves.replaceChildren(leafTable(document));
  };
  const choose = (name) => {
    remember(name);
    show(name);
  };
  show(region);
  return [
    card("The tree", regionPicker(tree, region, choose), drawing),
    card("Leaf by leaf, the least faithful first", leaves),
  ];
}

const SHOWN = 20; // leaves before "show all"

function leafTable(tree) {
  return firstFew(leafRows(tree), SHOWN, (rows) => table("Leaves", HEAD, rows, {class: "leaves"}));
}

const HEAD = ["Rule", "Tree says", "Training rows", "Agreement on unseen cases", "Network said", "True labels"];

function leafRows(tree) {
  return tree.nodes
    .filter((node) => node.leaf)
    .sort((a, b) => a.fidelity - b.fidelity)
    .map((node) => [
      pretty(node.rule),
      node.label,
      node.n.toLocaleString("en"),
      share(node.fidelity, ...node.fidelity_interval),
      decided(node.class_counts, tree.classes),
      decided(node.label_counts, tree.classes),
    ]);
}

function decided(counts, classes) {
  const found = counts.map((n, i) => [n, classes[i]]).filter(([n]) => n > 0);
  return found.sort((a, b) => b[0] - a[0]).map(([n, name]) => `${n} ${name}`).join(", ") || "none";
}
