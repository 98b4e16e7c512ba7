// Attributions of a picture, or a map of where the evidence lies, drawn over it.

import {h} from "./dom.js";
import {paint} from "./image_input.js";
import {magnitude} from "./magnitude.js";
import {methodName} from "./words.js";

/** `values` [channels][height][width] or a map [height][width] of any size. */
export function overlay(values, explanation, {model, instance}) {
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
  const strength = h("input", {id: "strength", type: "range", min: 0, max: 100, value: 70});
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
    h("div", {class: "range"}, h("label", {for: "strength"}, "Strength of the overlay"), strength),
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
  const largest = magnitude(map);
  map.flat().forEach((value, i) => {
    drawn.data.set(value < 0 ? [33, 102, 220] : [235, 110, 20], 4 * i);
    drawn.data[4 * i + 3] = 255 * (Math.abs(value) / largest);
  });
  context.putImageData(drawn, 0, 0);
  return canvas;
}

function centre(map) {
  const largest = magnitude(map);
  const y = map.findIndex((line) => line.some((value) => Math.abs(value) === largest));
  if (y < 0) return "It is zero everywhere.";
  const x = map[y].findIndex((value) => Math.abs(value) === largest);
  const third = (part, whole, words) => words[Math.min(2, Math.floor((3 * part) / whole))];
  const vertical = third(y, map.length, ["upper", "middle", "lower"]);
  const horizontal = third(x, map[0].length, ["left", "centre", "right"]);
  return `The strongest point lies in the ${vertical} ${horizontal}.`;
}
