// Fidelity or accuracy against the length of explanations: this model, its rivals, and
// the other strengths that were tried.

import {h, s, table} from "./dom.js";
import {number, percent, title} from "./words.js";

const [WIDTH, HEIGHT] = [560, 300];
const EDGE = {left: 58, right: 16, top: 14, bottom: 44};

/** A chart and the same as a table. */
export function frontierView(model) {
  const points = gather(model);
  const charts = [
    ["Agreement of tree and network", (point) => point.tree.fidelity],
    ["Accuracy of what is served", (point) => point.served],
  ];
  return h(
    "div",
    {},
    h("div", {class: "charts"}, charts.map(([name, estimate]) => chart(name, points, estimate))),
    h("p", {class: "legend"}, Object.entries(KINDS).filter(([kind]) => points.some((p) => p.kind === kind)).map(legend)),
    h("details", {}, h("summary", {}, "As a table"), asTable(points)),
  );
}

const KINDS = {
  model: "this model",
  regularized: "other strengths",
  posthoc: "same network without regularization, distilled afterwards",
  projected: "projected onto the tree",
  cart: "a tree fitted to the labels, no network",
};

function gather({metrics}) {
  const here = {kind: "model", name: "this model", tree: metrics.tree, served: metrics.network.accuracy};
  const rivals = Object.entries(metrics.controls)
    .filter(([, control]) => control.tree)
    .map(([name, control]) => ({
      kind: name.startsWith("cart") ? "cart" : "posthoc",
      name: control.description,
      tree: control.tree,
      served: control.network.accuracy ?? control.tree.accuracy,
    }));
  const swept = metrics.frontier.map((point) => ({
    kind: point.kind,
    name: `strength ${number(point.strength)}, seed ${point.seed}`,
    tree: point.tree,
    served: point.network.accuracy ?? point.tree.accuracy,
  }));
  return [...swept, ...rivals, here];
}

const length = (point) => point.tree.average_path_length.value;

function chart(name, points, estimate) {
  const drawn = points.filter((point) => estimate(point));
  const xs = scale([0, ...drawn.map(length)], EDGE.left, WIDTH - EDGE.right);
  const bounds = drawn.flatMap((point) => [estimate(point).low, estimate(point).high]);
  const ys = scale(bounds, HEIGHT - EDGE.bottom, EDGE.top);
  const marks = drawn.map((point) => mark(point, estimate(point), xs, ys));
  return h(
    "figure",
    {},
    h("figcaption", {}, name),
    s(
      "svg",
      {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": `${name} against decisions per answer; the table below has the figures`},
      ys.ticks.map((tick) => [
        s("line", {class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: ys(tick), y2: ys(tick)}),
        s("text", {x: EDGE.left - 8, y: ys(tick) + 4, "text-anchor": "end"}, percent(tick)),
      ]),
      xs.ticks.map((tick) => s("text", {x: xs(tick), y: HEIGHT - EDGE.bottom + 18, "text-anchor": "middle"}, number(tick))),
      s("text", {x: (EDGE.left + WIDTH - EDGE.right) / 2, y: HEIGHT - 6, "text-anchor": "middle"}, "decisions per answer (average path length)"),
      marks,
    ),
  );
}

function mark(point, {value, low, high}, xs, ys) {
  const [x, y] = [xs(length(point)), ys(value)];
  return s(
    "g",
    {class: `point ${point.kind}`},
    s("title", {}, `${point.name}: ${percent(value)}, ${number(length(point))} decisions`),
    s("line", {x1: x, x2: x, y1: ys(low), y2: ys(high)}),
    shape(point.kind, x, y),
  );
}

/** Kinds differ in shape as well as colour. */
function shape(kind, x, y) {
  if (kind === "cart") return s("rect", {x: x - 5, y: y - 5, width: 10, height: 10});
  if (kind === "posthoc") return s("path", {d: `M${x} ${y - 7}L${x + 7} ${y + 5}H${x - 7}Z`});
  if (kind === "projected") return s("path", {d: `M${x} ${y + 7}L${x + 7} ${y - 5}H${x - 7}Z`});
  return s("circle", {cx: x, cy: y, r: kind === "model" ? 7 : 4});
}

function legend([kind, words]) {
  return h(
    "span",
    {},
    s("svg", {viewBox: "0 0 18 18", class: "chart key", "aria-hidden": "true"}, s("g", {class: `point ${kind}`}, shape(kind, 9, 9))),
    ` ${words}`,
  );
}

/** A linear scale over round numbers around the values; `ticks` are these. */
function scale(values, start, end) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const rough = (most - least || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const low = Math.floor(least / step) * step;
  const high = Math.ceil(most / step) * step || step;
  const at = (value) => start + ((end - start) * (value - low)) / (high - low);
  at.ticks = Array.from({length: Math.round((high - low) / step) + 1}, (_, i) => low + i * step);
  return at;
}

function asTable(points) {
  const head = ["Model", "Kind", "Decisions", "Leaves", "Agreement", "Accuracy"];
  const rows = points.map((point) => [
    title(point.name),
    KINDS[point.kind],
    number(length(point)),
    String(point.tree.leaves),
    percent(point.tree.fidelity.value),
    point.served ? percent(point.served.value) : "not measured",
  ]);
  return table("The frontier in figures", head, rows);
}
