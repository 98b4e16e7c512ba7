// Attributions of a table: a bar an input, to the left against the class, to the right for it.

import {firstFew, h, s} from "./dom.js";
import {magnitude} from "./magnitude.js";
import {columnOf} from "./tree_columns.js";
import {number, signed} from "./words.js";

const SHOWN = 10; // bars before "show all"

/** `values` one an input; `context` is {model, instance, steps}. */
export function signedBars(values, {model, instance, steps}) {
  const {features} = model.inputs;
  const onPath = new Set(steps.map((step) => columnOf(step.name, features).feature));
  const rows = features
    .map((feature, i) => ({feature, value: values[i], input: instance[i]}))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const largest = magnitude(values);
  const head = ["Input", "Against, for", "Value"].map((text) => h("th", {scope: "col"}, text));
  const draw = (shown) =>
    h(
      "table",
      {class: "bars"},
      h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, shown.map((row) => bar(row, largest, onPath))),
    );
  return firstFew(rows, SHOWN, draw);
}

function bar({feature, value, input}, largest, onPath) {
  const half = 50 * (Math.abs(value) / largest);
  const unit = feature.unit ? ` ${feature.unit}` : "";
  const given = input === null ? "missing" : `${number(input)}${unit}`;
  return h(
    "tr",
    {},
    h(
      "th",
      {scope: "row"},
      feature.name,
      h("small", {}, ` ${given}`),
      onPath.has(feature) && h("small", {class: "on-path"}, " on the path"),
    ),
    h(
      "td",
      {},
      s(
        "svg",
        {viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true"},
        s("rect", {
          class: value < 0 ? "against" : "for",
          x: value < 0 ? 50 - half : 50,
          y: 1,
          width: half,
          height: 10,
        }),
        s("line", {x1: 50, x2: 50, y1: 0, y2: 12}),
      ),
    ),
    h("td", {class: "number"}, signed(value)),
  );
}
