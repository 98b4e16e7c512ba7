// What a method found: signed bars for a table, a heat map for a sequence, an overlay
// for a picture.

import {paint} from "./image_input.js";
import {h, s} from "./dom.js";
import {list, methodName, number, percent, shortened, signed, title} from "./words.js";

const SHOWN = 10; // bars before "show all"

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

function meaning({method, target}) {
  const unit = UNITS[method] || "contribution to the logit";
  return `Positive speaks for ${target ?? "the answer"}, negative against it (${unit}).`;
}

function drawing(values, explanation, context) {
  const family = context.model.family;
  if (family === "sequence") return heatMap(values, context);
  if (family === "image") return overlay(values, explanation, context);
  return bars(values, context);
}

function bars(values, {model, instance, steps}) {
  const onPath = new Set(steps.map((step) => step.name.replace(/ (?:= .*|is missing)$/, "")));
  const rows = model.inputs.features
    .map((feature, i) => ({feature, value: values[i], input: instance[i]}))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const largest = Math.abs(rows[0]?.value) || 1;
  const body = h("tbody");
  const show = (many) =>
    body.replaceChildren(...rows.slice(0, many).map((row) => bar(row, largest, onPath)));
  show(SHOWN);
  const more = h(
    "button",
    {
      type: "button",
      onclick: () => {
        show(rows.length);
        more.remove();
      },
    },
    `Show all ${rows.length}`,
  );
  const head = ["Input", "Against, for", "Value"].map((text) => h("th", {scope: "col"}, text));
  return [
    h("table", {class: "bars"}, h("thead", {}, h("tr", {}, head)), body),
    rows.length > SHOWN && more,
  ];
}

function bar({feature, value, input}, largest, onPath) {
  const half = 50 * (Math.abs(value) / largest);
  const marked = onPath.has(feature.name);
  const unit = feature.unit ? ` ${feature.unit}` : "";
  return h(
    "tr",
    {},
    h(
      "th",
      {scope: "row"},
      feature.name,
      h("small", {}, ` ${input === null ? "missing" : number(input)}${unit}`),
      marked && h("small", {class: "on-path"}, " on the path"),
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

const CELL = 26;
const NAMES = 130;

function heatMap(values, {model, instance}) {
  const names = model.inputs.features.map((feature) => feature.name);
  const largest = Math.max(...values.flat().map(Math.abs)) || 1;
  const steps = values.length;
  const wide = Math.max(6, Math.min(CELL, 620 / steps));
  const cells = values.flatMap((step, i) =>
    step.map((value, channel) =>
      s(
        "rect",
        {
          x: NAMES + i * wide,
          y: channel * CELL,
          width: wide,
          height: CELL,
          class: value < 0 ? "against" : "for",
          "fill-opacity": (Math.abs(value) / largest).toFixed(3),
        },
        s("title", {}, `step ${i + 1}, ${names[channel]} = ${number(at(instance, i, channel, names))}: ${signed(value)}`),
      ),
    ),
  );
  const height = names.length * CELL;
  const rows = names.map((name, i) =>
    s("text", {x: NAMES - 8, y: (i + 0.68) * CELL, "text-anchor": "end"}, shortened(name, 18)),
  );
  const marks = [0, steps - 1].map((step) =>
    s("text", {x: NAMES + (step + 0.5) * wide, y: height + 16, "text-anchor": "middle"}, `${step + 1}`),
  );
  const width = NAMES + steps * wide + 8;
  const label = `Heat map of ${steps} steps by ${names.length} channels. ${strongest(values, names)}`;
  return [
    h(
      "div",
      {class: "scroll", tabindex: 0, role: "region", "aria-label": "Heat map over the steps"},
      s("svg", {width, height: height + 22, class: "heat", role: "img", "aria-label": label}, cells, rows, marks),
    ),
    h("p", {}, strongest(values, names)),
  ];
}

const at = (instance, i, channel, names) => instance[i]?.[channel] ?? instance[i]?.[names[channel]];

function strongest(values, names) {
  const all = values.flatMap((step, i) => step.map((value, channel) => ({value, i, channel})));
  all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const words = all
    .slice(0, 3)
    .map(({value, i, channel}) => `${names[channel]} at step ${i + 1} (${signed(value)})`);
  return `Strongest: ${list(words)}.`;
}

function overlay(values, explanation, {model, instance}) {
  const map = Array.isArray(values[0][0]) ? sumChannels(values) : values;
  const [, height, width] = model.inputs.shape;
  const side = 288;
  const canvas = h("canvas", {
    width: side,
    height: Math.round((side * height) / width),
    class: "overlay",
    role: "img",
    "aria-label": `${methodName(explanation.method)} drawn over the picture. ${centre(map)}`,
  });
  const picture = h("canvas", {width, height});
  paint(picture, instance, model.inputs);
  const heat = colourMap(map);
  const strength = h("input", {type: "range", min: 0, max: 100, value: 70});
  const draw = () => {
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = width > side / 2;
    context.globalAlpha = 1;
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    context.globalAlpha = strength.value / 100;
    context.imageSmoothingEnabled = map.length < height; // a coarse map, as in Grad-CAM
    context.drawImage(heat, 0, 0, canvas.width, canvas.height);
  };
  strength.addEventListener("input", draw);
  draw();
  return [
    canvas,
    h("label", {class: "range"}, "Strength of the overlay ", strength),
    explanation.degenerate && h("p", {class: "warning"}, "This map points nowhere: draw no conclusion from it."),
    h("p", {}, centre(map)),
  ];
}

function sumChannels(values) {
  return values[0].map((line, y) =>
    line.map((_, x) => values.reduce((sum, channel) => sum + channel[y][x], 0)),
  );
}

/** Orange for, blue against; the more, the less transparent. */
function colourMap(map) {
  const [height, width] = [map.length, map[0].length];
  const canvas = h("canvas", {width, height});
  const context = canvas.getContext("2d");
  const drawn = context.createImageData(width, height);
  const largest = Math.max(...map.flat().map(Math.abs)) || 1;
  map.flat().forEach((value, i) => {
    drawn.data.set(value < 0 ? [33, 102, 220] : [235, 110, 20], 4 * i);
    drawn.data[4 * i + 3] = 255 * (Math.abs(value) / largest);
  });
  context.putImageData(drawn, 0, 0);
  return canvas;
}

function centre(map) {
  const flat = map.flat();
  const largest = flat.reduce((best, value, i) => (Math.abs(value) > Math.abs(flat[best]) ? i : best), 0);
  const [y, x] = [Math.floor(largest / map[0].length), largest % map[0].length];
  const third = (part, whole, words) => words[Math.min(2, Math.floor((3 * part) / whole))];
  const vertical = third(y, map.length, ["upper", "middle", "lower"]);
  const horizontal = third(x, map[0].length, ["left", "centre", "right"]);
  return `The strongest point lies in the ${vertical} ${horizontal}.`;
}

function offPath(explanation) {
  const off = explanation.off_path_share;
  if (typeof off !== "number") return null;
  const doubt = off > 0.5 ? " So the network decides largely on other grounds than the tree states." : "";
  return h("p", {}, `${percent(off)} of this lies on inputs that the tree's path does not look at.${doubt}`);
}

const SAID = new Set([
  "method", "target", "attributions", "encoded_attributions", "off_path_share", "map",
  "normalised", "degenerate", "overlay", "parameters",
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

function said(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return shortened(JSON.stringify(value), 200);
  return typeof value === "string" ? title(value) : number(value);
}
