// The network's answer, and whether the tree speaks for it.

import {h, s} from "./dom.js";
import {paint} from "./image_input.js";
import {regionPicker} from "./region_picker.js";
import {columnOf} from "./tree_columns.js";
import {treeOf} from "./tree_layout.js";
import {createTreeView} from "./tree_view.js";
import {apart, deviations, list, number, percent, pretty, share} from "./words.js";

const MOST_CLASSES = 8; // bars; of more, all but the first are summed
const CLOSE = 0.1; // standard deviations: a margin that a small change crosses

/** The answer with the probability of each class, and what to know before using it. */
export function predictionView(prediction, model, warnings) {
  const ranked = model.classes
    .map((name, i) => ({name, probability: prediction.probabilities[i]}))
    .sort((a, b) => b.probability - a.probability);
  const cut = ranked.length > MOST_CLASSES ? MOST_CLASSES - 1 : MOST_CLASSES;
  const shown = ranked.slice(0, cut);
  const others = ranked.slice(cut);
  if (others.length) {
    const probability = others.reduce((sum, each) => sum + each.probability, 0);
    shown.push({name: `${others.length} others`, probability});
  }
  return h(
    "div",
    {},
    h("p", {class: "answer"}, h("strong", {}, prediction.label), ` ${percent(ranked[0].probability)}`),
    h("table", {class: "classes"}, h("tbody", {}, shown.map(classRow))),
    extrapolation(warnings),
    h("p", {class: "note"}, calibration(model.metrics.network.calibration_error)),
  );
}

function extrapolation(warnings) {
  if (!warnings.length) return null;
  const named = warnings.map(({feature, value}) => `${feature} (${number(value)})`);
  return h("p", {class: "warning"}, `Training never saw values like this of ${list(named)}: the answer is an extrapolation.`);
}

function classRow({name, probability}) {
  return h(
    "tr",
    {},
    h("th", {scope: "row"}, name),
    h("td", {}, bar(probability)),
    h("td", {class: "number"}, percent(probability)),
  );
}

function bar(share) {
  return s(
    "svg",
    {viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true"},
    s("rect", {class: "whole", width: 100, height: 12, rx: 1}),
    s("rect", {class: "part", width: 100 * share, height: 12, rx: 1}),
  );
}

function calibration(error) {
  if (!error) return "How well these probabilities are calibrated was not measured.";
  const points = (value) => Number((100 * value).toFixed(1));
  return (
    `Calibration: on ${error.n} unseen cases, stated probability and observed frequency differed by ` +
    `${points(error.value)} points on average (95\u00a0% interval ${points(error.low)} to ${points(error.high)}).`
  );
}

/**
 * What the tree says here, how far it speaks for the network, and its drawing: that of all
 * regions or of `region`, where it has any; `keepRegion(region)` keeps another choice.
 */
export function treeView(path, prediction, {model, tree, region, keepRegion}) {
  const {features} = model.inputs;
  return h(
    "div",
    {},
    verdict(path, prediction),
    h("p", {}, "The tree says ", h("strong", {}, path.label), rule(path)),
    h("p", {}, fidelity(path)),
    h("p", {}, margin(path, features)),
    path.path.length > 1 && decisions(path, features),
    tree ? drawing(path, {tree, region, keepRegion}) : hidden(),
  );
}

function drawing(path, {tree, region, keepRegion}) {
  const place = h("div");
  const show = (name) =>
    place.replaceChildren(createTreeView(treeOf(tree, name), {leaf: path.leaf, steps: path.path}));
  const choose = (name) => {
    keepRegion(name);
    show(name);
  };
  show(region);
  return h("div", {}, regionPicker(tree, region, choose, path.region), place);
}

function verdict(path, prediction) {
  if (path.agrees) {
    return h("p", {class: "verdict agrees"}, "✓ The tree gives the same answer as the network here.");
  }
  return h(
    "p",
    {class: "verdict disagrees", role: "alert"},
    h("strong", {}, "⚠ The tree disagrees with the network here. "),
    `The network says ${prediction.label}, the tree ${path.label}. `,
    "The path below explains the tree, not the network: do not give it as the reason.",
  );
}

function rule(path) {
  const region = path.region ? ` in the region “${pretty(path.region)}”` : "";
  if (!path.path.length) return `${region}, whatever the input.`;
  return [`${region} because `, h("span", {class: "rule"}, pretty(path.rule)), "."];
}

function fidelity(path) {
  const here = share(path.fidelity, ...path.fidelity_interval);
  const all = path.global_fidelity;
  return (
    `Of unseen cases that end in this leaf, tree and network gave the same answer in ${here}; ` +
    `of all ${all.n} test cases in ${percent(all.value)}. ` +
    `${path.support.toLocaleString("en")} training rows ended here.`
  );
}

/** How far the nearest threshold is; a yes-or-no question has no near and far. */
function margin(path, features) {
  const numeric = path.path.filter((step) => !columnOf(step.name, features).isQuestion);
  if (!numeric.length) return "";
  const nearest = numeric.reduce((a, b) => (b.margin < a.margin ? b : a));
  const warning =
    nearest.margin < CLOSE ? " A small change of the input would take another path." : "";
  const [value, threshold] = apart(nearest.value, nearest.threshold);
  return (
    `The closest decision is ${nearest.name}: ${value} against ${threshold}, ${deviations(nearest.margin)} apart.${warning}`
  );
}

function decisions(path, features) {
  const steps = path.path.map((step) => {
    const {isQuestion} = columnOf(step.name, features);
    if (isQuestion) return h("li", {}, `${step.name}: ${step.value > step.threshold ? "yes" : "no"}`);
    const [value, threshold] = apart(step.value, step.threshold);
    const condition = `${pretty(`${step.name} ${step.operator}`)} ${threshold}`; // not in fewer digits again
    return h("li", {}, condition, h("span", {class: "note"}, ` here ${value}`));
  });
  return h("details", {}, h("summary", {}, `The ${path.path.length} decisions in order`), h("ol", {}, steps));
}

function hidden() {
  return h("p", {class: "note"}, "The publisher of this model does not show the whole tree.");
}

/** What would lead to another answer; `tryIt(instance)` fills the form with it. */
export function counterfactualView(explanation, context) {
  const {nearest, nearest_that_holds: holding} = explanation;
  if (!nearest) return h("p", {}, "No leaf with another answer can be reached under these conditions.");
  const found = holding ?? nearest;
  if (!found.changes.length) return h("p", {}, alreadyThere(found));
  return h("div", {}, candidate(found, context), !holding && doubt(nearest));
}

function candidate(found, {model, instance, tryIt}) {
  const features = model.inputs.features;
  const changed = [...instance];
  found.changes.forEach((change) => {
    changed[features.findIndex(({name}) => name === change.feature)] = change.after;
  });
  return [
    h("p", {}, "Would change to ", h("strong", {}, found.label), " if"),
    h("ul", {}, found.changes.map((change) => h("li", {}, changeText(change, features)))),
    h("p", {}, networkText(found)),
    h("button", {type: "button", onclick: () => tryIt(changed)}, "Try this input"),
  ];
}

/** Where tree and network disagree, the tree needs no change. */
function alreadyThere({label, network_label: network}) {
  return `The tree says ${label} as it is, the network ${network}: no change that the tree suggests would mean anything here.`;
}

function changeText({feature, before, after, distance}, features) {
  const unit = features.find(({name}) => name === feature)?.unit;
  const numeric = typeof after === "number";
  const by = numeric ? `, ${deviations(distance)}` : "";
  return `${feature} went from ${number(before)} to ${number(after)}${unit ? ` ${unit}` : ""}${by}`;
}

function networkText(found) {
  const probability = percent(found.network_probability);
  if (found.holds) return `The network agrees: it gives ${found.label} a probability of ${probability} there.`;
  return `The network does not follow: it still says ${found.network_label} there, and gives ${found.label} a probability of ${probability}.`;
}

function doubt() {
  return h("p", {class: "warning"}, "No change that the tree suggests convinces the network. Do not offer this as advice.");
}

/** Real rows like this one; `tryIt(instance)` fills the form with one. */
export function prototypesView(explanation, context) {
  if (!explanation.prototypes.length) return h("p", {}, "No row of the background sample ends in this leaf.");
  return h("ol", {class: "prototypes"}, explanation.prototypes.map((each) => prototype(each, context)));
}

function prototype(each, {model, instance, tryIt}) {
  const isThis = isSame(each, instance, model);
  return h(
    "li",
    {},
    model.family === "image" && thumbnail(each, model),
    h("strong", {}, each.label),
    ` ${percent(each.probability)}, ${isThis ? "this very input" : away(each.distance)}. `,
    differences(each.instance, instance, model),
    " ",
    !isThis && h("button", {type: "button", onclick: () => tryIt(each.instance)}, "Look at it"),
  );
}

/** The distance is one of what the tree looks at: of pictures and sequences, not all. */
function isSame({instance: theirs, distance}, ours, {family}) {
  return distance === 0 && (family === "tabular" || JSON.stringify(theirs) === JSON.stringify(ours));
}

function away(distance) {
  return distance === 0 ? "the same to the tree" : `${deviations(distance)} away`;
}

function thumbnail({instance, label}, {inputs}) {
  const [, height, width] = inputs.shape;
  const canvas = h("canvas", {width, height, class: "pixels", role: "img", "aria-label": `a picture that is ${label}`});
  paint(canvas, instance, inputs);
  return canvas;
}

function differences(theirs, ours, model) {
  const others = model.inputs.features.filter(
    (feature, i) => feature.kind === "categorical" && theirs[i] !== ours[i],
  );
  if (!others.length) return null;
  return `Differs in ${list(others.map(({name}) => name))}.`;
}
