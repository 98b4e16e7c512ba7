// What a method found: signed bars for a table, a heat map for a sequence, an overlay
// for a picture; and what it takes to judge it.

import {h} from "./dom.js";
import {heatMap} from "./heat_map.js";
import {overlay} from "./overlay.js";
import {signedBars} from "./signed_bars.js";
import {list, number, percent, shortened, title} from "./words.js";

const UNITS = {
  gradient: "change of the logit per unit of the input",
  smoothgrad: "change of the logit per unit of the input, averaged",
  lime: "weight in a linear model around this input",
  tree_shap: "share in the tree's answer, not the network's",
};

/** Draw one explanation; `context` is {model, instance, steps}. */
export function attributionView(explanation, context) {
  const values = explanation.attributions ?? explanation.normalised;
  if (!Array.isArray(values)) return h("pre", {}, JSON.stringify(explanation, null, 1));
  return h(
    "div",
    {},
    h("p", {class: "meaning"}, meaning(explanation)),
    drawing(values, explanation, context),
    offPath(explanation),
    trust(explanation),
  );
}

function meaning({method, target, normalised}) {
  if (normalised) return `The stronger the colour, the more this place speaks for ${target}.`;
  const unit = UNITS[method] || "contribution to the logit";
  return `Positive speaks for ${target ?? "the answer"}, negative against it (${unit}).`;
}

function drawing(values, explanation, context) {
  const family = context.model.family;
  if (family === "sequence") return heatMap(values, context);
  if (family === "image") return overlay(values, explanation, context);
  return signedBars(values, context);
}

function offPath({off_path_share: off, disagreement}) {
  if (typeof off !== "number") return null;
  const named = (disagreement?.off_path ?? []).map(({name, share}) => `${name} (${percent(share)})`);
  const doubt = off > 0.5 ? " So the network decides largely on other grounds than the tree states." : "";
  const where = named.length ? `, most on ${list(named)}` : "";
  return h("p", {}, `${percent(off)} of this lies on inputs that the tree's path does not look at${where}.${doubt}`);
}

const SAID = new Set([
  "method", "target", "attributions", "encoded_attributions", "off_path_share",
  "disagreement", "map", "normalised", "degenerate", "overlay", "parameters",
]); // prettier-ignore

const NAMED = {
  r2: "R² on the samples fitted",
  held_out_r2: "R² on fresh samples",
  local_prediction_gap: "Distance to the network's probability here",
  "completeness absolute": "Error of the sum of contributions, in logits",
  "completeness relative": "The same, relative to the change of the logit",
  "completeness met": "Sum within the tolerance",
};

/** Everything else in the answer, and the parameters: what it takes to judge it. */
function trust(explanation) {
  const rest = Object.entries(explanation).filter(([name]) => !SAID.has(name));
  const entries = [...flatten(Object.fromEntries(rest)), ...flatten(explanation.parameters || {})];
  return h(
    "details",
    {class: "trust"},
    h("summary", {}, "How far to trust this"),
    h("dl", {}, entries.map(([name, value]) => [h("dt", {}, NAMED[name] || title(name)), h("dd", {}, said(value))])),
  );
}

function flatten(object, prefix = "") {
  return Object.entries(object).flatMap(([name, value]) => {
    const whole = `${prefix}${name}`;
    const isNested = value !== null && typeof value === "object" && !Array.isArray(value);
    return isNested ? flatten(value, `${whole} `) : [[whole, value]];
  });
}

const rounded = (_, value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);

function said(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return shortened(JSON.stringify(value, rounded), 200);
  return typeof value === "string" ? title(value) : number(value);
}
