// The tree as a drawing that can be read, folded, zoomed and walked with the arrow keys.

import {h, s} from "./dom.js";
import {foldsFor, indexTree, pathTo, place, rootOf} from "./tree_layout.js";
import {count, number, percent, pretty, shortened} from "./words.js";

const WIDTH = 188;
const HEIGHT = 46;
const GAP = 36;
const ROW = 60;
const EDGE = 10; // around the drawing
const ROOMY = 25; // letters that fit; more are squeezed, up to
const LETTERS = 34; // of a name; its title and the screen reader's label have the rest
const MOST_LEAVES = 12; // a tree with more is folded at first
const SCALES = [0.5, 0.65, 0.8, 1, 1.25, 1.6];
const LEGIBLE = 0.75; // a drawing shrinks to fit its card, but not further
const COLOURS = 7; // classes told apart by colour, in inspector.css

/**
 * Draw a tree document; `steps` are those of a tree_path explanation, whose way is lit
 * where it leads through this tree. Returns an element.
 */
export function createTreeView(document, {leaf = null, steps = []} = {}) {
  const nodes = indexTree(document);
  const path = nodes.has(leaf) ? pathTo(nodes, leaf) : [];
  const state = {
    nodes,
    path: new Set(path),
    steps: new Map(steps.map((step) => [step.node, step])),
    classes: document.classes,
    folds: foldsFor(nodes, path, MOST_LEAVES),
    scale: null, // an index of SCALES once someone zooms
    focus: path.at(-1) ?? rootOf(nodes).id,
  };
  const drawing = h("div", {class: "drawing"});
  const update = (focus) => draw(drawing, state, update, focus);
  const buttons = createButtons(state, update, drawing);
  update();
  requestAnimationFrame(() => showLeaf(drawing));
  return h("div", {class: "tree"}, buttons, drawing);
}

/** Scroll a drawing that does not fit, so that the answer is in sight, or else the root. */
function showLeaf(drawing) {
  const leaf = drawing.querySelector(".leaf.taken");
  const box = (leaf ?? drawing.querySelector("[aria-level='1']")).getBoundingClientRect();
  const frame = drawing.getBoundingClientRect();
  drawing.scrollLeft += leaf ? Math.max(0, box.right - frame.right + EDGE) : box.left - frame.left - EDGE;
  drawing.scrollTop += (box.top + box.bottom - frame.top - frame.bottom) / 2;
}

function createButtons(state, update, drawing) {
  const zoom = (step) => {
    const from = state.scale ?? SCALES.indexOf(1);
    state.scale = Math.min(SCALES.length - 1, Math.max(0, from + step));
    update();
  };
  const fold = (folds) => {
    state.folds = folds;
    update();
    showLeaf(drawing);
  };
  const large = rootOf(state.nodes).leaves > MOST_LEAVES;
  return h(
    "div",
    {class: "buttons"},
    h("button", {type: "button", onclick: () => zoom(-1), "aria-label": "Smaller"}, "\u2212"),
    h("button", {type: "button", onclick: () => zoom(1), "aria-label": "Larger"}, "+"),
    large && h("button", {type: "button", onclick: () => fold(new Set())}, "Unfold all"),
    large &&
      h(
        "button",
        {type: "button", onclick: () => fold(foldsFor(state.nodes, [...state.path], MOST_LEAVES))},
        "Fold",
      ),
    h("small", {}, "Arrow keys walk, Enter folds."),
  );
}

function draw(drawing, state, update, focus) {
  const {placed, rows, columns} = place(state.nodes, state.folds);
  const spots = new Map(placed.map((spot) => [spot.node.id, spot]));
  if (!spots.has(state.focus)) state.focus = rootOf(state.nodes).id;
  const width = columns * (WIDTH + GAP) - GAP + 2 * EDGE;
  const height = rows * ROW + 2 * EDGE;
  const svg = s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "tree",
      "aria-label": "Decision tree",
    },
    placed.map((spot) => edges(spot, spots, state)),
    placed.map((spot) => box(spot, state)),
  );
  svg.addEventListener("keydown", (event) => walk(event, spots, state, update));
  svg.addEventListener("click", (event) => {
    const id = nodeOf(event.target);
    if (id !== null) toggle(id, state, update);
  });
  resize(svg, width, state.scale);
  const {scrollLeft, scrollTop} = drawing;
  drawing.replaceChildren(svg);
  drawing.scrollTo(scrollLeft, scrollTop);
  if (focus !== undefined) focusOn(svg, focus, state);
}

function resize(svg, width, scale) {
  const fixed = scale === null ? null : `${width * SCALES[scale]}px`;
  svg.style.width = fixed ?? `min(${width}px, 100%)`;
  svg.style.minWidth = fixed ?? `${width * LEGIBLE}px`;
}

const left = (spot) => EDGE + spot.column * (WIDTH + GAP);
const middle = (spot) => EDGE + (spot.row + 0.5) * ROW;

function edges(spot, spots, state) {
  if (spot.node.leaf || spot.folded) return null;
  return [
    ["yes", spot.node.left],
    ["no", spot.node.right],
  ].map(([answer, id]) => {
    const child = spots.get(id);
    const [x1, y1, x2, y2] = [left(spot) + WIDTH, middle(spot), left(child), middle(child)];
    const bend = (x1 + x2) / 2;
    const taken = state.path.has(id) && state.path.has(spot.node.id);
    return s(
      "g",
      {class: taken ? "edge taken" : "edge", "aria-hidden": "true"},
      s("path", {d: `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`}),
      s("text", {x: x2 - 26, y: answer === "yes" ? y2 - 5 : y2 + 15}, answer),
    );
  });
}

function box(spot, state) {
  const {node, folded} = spot;
  const taken = state.path.has(node.id);
  const [first, second] = lines(spot, state);
  const colour = node.leaf ? state.classes.indexOf(node.label) % COLOURS : null;
  const [x, y] = [left(spot), middle(spot) - HEIGHT / 2];
  const classes = ["node", node.leaf && "leaf", taken && "taken", folded && "folded"];
  return s(
    "g",
    {
      class: classes.filter(Boolean).join(" "),
      role: "treeitem",
      tabindex: node.id === state.focus ? 0 : -1,
      "data-node": node.id,
      "aria-level": node.depth + 1,
      "aria-expanded": node.leaf ? null : String(!folded),
      "aria-label": spoken(spot, state),
    },
    folded && s("rect", {x: x + 5, y: y + 5, width: WIDTH, height: HEIGHT, rx: 7}),
    s("rect", {x, y, width: WIDTH, height: HEIGHT, rx: 7}),
    colour !== null && s("rect", {class: `class-${colour}`, x, y, width: 7, height: HEIGHT, rx: 3}),
    s("title", {}, node.leaf ? node.label : pretty(node.condition)),
    s("text", {x: x + 15, y: y + 19, ...squeezed(first)}, first),
    s("text", {x: x + 15, y: y + 36, class: "note", ...squeezed(second)}, second),
  );
}

function squeezed(text) {
  return text.length > ROOMY ? {textLength: WIDTH - 22, lengthAdjust: "spacingAndGlyphs"} : {};
}

function lines({node, folded}, state) {
  const rows = `n = ${node.n.toLocaleString("en")}`;
  if (node.leaf) return [shortened(node.label, LETTERS), `${rows}, agree ${percent(node.fidelity)}`];
  // A long name must not hide the threshold: that gets the second line.
  const [name, threshold] = pretty(node.condition).split(" \u2264 ");
  const step = state.steps.get(node.id);
  const about = folded ? `${node.leaves} leaves folded` : rows;
  if (threshold === undefined) {
    return [`${shortened(name, LETTERS)} ?`, step ? `here ${step.operator === "<=" ? "yes" : "no"}` : about];
  }
  const here = step ? `here ${number(step.value)}` : about;
  return [shortened(name, LETTERS), `\u2264 ${threshold} ? \u00b7 ${here}`];
}

function spoken({node, folded}, state) {
  const here = state.path.has(node.id) ? ", on the path taken" : "";
  const rows = count(node.n, "training row", "training rows");
  if (node.leaf) return `${node.label}, ${rows}, tree and network agree in ${percent(node.fidelity)}${here}`;
  const folds = folded ? `, ${count(node.leaves, "leaf", "leaves")} folded` : "";
  return `${pretty(node.condition)}?, ${rows}${folds}${here}`;
}

function nodeOf(target) {
  const group = target.closest("[data-node]");
  return group && Number(group.dataset.node);
}

function toggle(id, state, update) {
  state.focus = id;
  if (!state.nodes.get(id).leaf && id !== rootOf(state.nodes).id) {
    state.folds.has(id) ? state.folds.delete(id) : state.folds.add(id);
  }
  update(id);
}

/** The keys of the tree pattern (ARIA practices); the drawing runs left to right. */
function walk(event, spots, state, update) {
  if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own, such as "back"
  const here = spots.get(state.focus);
  const order = [...spots.values()].sort((a, b) => a.row - b.row || a.column - b.column);
  const column = order.filter((spot) => spot.column === here.column);
  const at = column.indexOf(here);
  const moves = {
    ArrowLeft: here.node.parent,
    ArrowRight: here.node.left,
    ArrowUp: column[at - 1]?.node.id,
    ArrowDown: column[at + 1]?.node.id,
    Home: rootOf(state.nodes).id,
    End: order[order.length - 1].node.id,
  };
  const opens = event.key === "ArrowRight" && here.folded;
  if (opens || event.key === "Enter" || event.key === " ") toggle(state.focus, state, update);
  else if (event.key in moves) update(moves[event.key] ?? state.focus);
  else return;
  event.preventDefault();
}

function focusOn(svg, id, state) {
  state.focus = id;
  for (const group of svg.querySelectorAll("[data-node]")) {
    const isChosen = Number(group.dataset.node) === id;
    group.setAttribute("tabindex", isChosen ? 0 : -1);
    if (isChosen) group.focus();
  }
}
