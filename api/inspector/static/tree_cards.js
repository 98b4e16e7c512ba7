// The tree of a model and its leaves; of a regional tree, one region at a time.

import {h, labelled, select, table} from "./dom.js";
import {createTreeView} from "./tree_view.js";
import {count, pretty, share} from "./words.js";

const WHOLE = ""; // all regions

/**
 * Two cards: the tree, with a choice of its regions where it has any, and its leaves.
 * `fetchTree(region)` asks for one region's; `remember(region)` keeps the choice.
 */
export function treeCards({tree, region, card, fetchTree, remember}) {
  const drawing = h("div");
  const leaves = h("div");
  const show = (document) => {
    drawing.replaceChildren(createTreeView(document));
    leaves.replaceChildren(leafTable(document));
  };
  let wanted = null;
  const choose = async (name) => {
    wanted = name;
    remember(name || null);
    drawing.setAttribute("aria-busy", "true");
    try {
      const found = name ? await fetchTree(name) : tree;
      if (name === wanted) show(found); // and nobody has chosen another meanwhile
    } catch (problem) {
      if (name !== wanted) return;
      drawing.replaceChildren(h("p", {class: "error", role: "alert"}, problem.message));
      leaves.replaceChildren();
    }
    if (name === wanted) drawing.removeAttribute("aria-busy");
  };
  const names = (tree.regions ?? []).map((each) => each.name);
  const start = names.includes(region) ? region : WHOLE;
  if (start) choose(start);
  else show(tree);
  return [
    card("The tree", tree.regions && picker(tree, start, choose), drawing),
    card("Leaf by leaf, the least faithful first", leaves),
  ];
}

function picker(tree, start, choose) {
  const options = [
    [WHOLE, `All regions (${count(tree.leaves, "leaf", "leaves")})`],
    ...tree.regions.map((each) => [each.name, `${pretty(each.name)} (${count(each.leaves, "leaf", "leaves")})`]),
  ];
  const control = select({id: "region"}, options, start);
  const about = h("p", {class: "note", "aria-live": "polite"});
  const say = () => {
    const chosen = tree.regions.find((each) => each.name === control.value);
    about.textContent = chosen
      ? `${count(chosen.n, "training row", "training rows")}. Here tree and network agree on ${share(chosen.fidelity.value, chosen.fidelity.low, chosen.fidelity.high)} of unseen cases.`
      : "Each region of the inputs has a tree of its own; the first decisions tell the regions apart.";
  };
  control.addEventListener("change", () => {
    say();
    choose(control.value);
  });
  say();
  return [labelled("Region", control), about];
}

function leafTable(tree) {
  const rows = tree.nodes
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
  const head = ["Rule", "Tree says", "Training rows", "Agreement on unseen cases", "Network said", "True labels"];
  return table("Leaves", head, rows, {class: "leaves"});
}

function decided(counts, classes) {
  const found = counts.map((n, i) => [n, classes[i]]).filter(([n]) => n > 0);
  return found.sort((a, b) => b[0] - a[0]).map(([n, name]) => `${n} ${name}`).join(", ") || "none";
}
