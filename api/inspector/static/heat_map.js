// Attributions of a sequence: a cell a step and channel.

import {h, s} from "./dom.js";
import {magnitude} from "./magnitude.js";
import {list, number, shortened, signed} from "./words.js";

const CELL = 26;
const LETTERS = 18; // of a channel's name

/** `values` [steps][channels]; `context` is {model, instance}. */
export function heatMap(values, {model, instance}) {
  const names = model.inputs.features.map((feature) => feature.name);
  const before = 16 + 7 * Math.min(LETTERS, Math.max(...names.map((name) => name.length)));
  const largest = magnitude(values);
  const steps = values.length;
  const wide = Math.max(6, Math.min(CELL, 620 / steps));
  const cells = values.flatMap((step, i) =>
    step.map((value, channel) =>
      s(
        "rect",
        {
          x: before + i * wide,
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
    s("text", {x: before - 8, y: (i + 0.68) * CELL, "text-anchor": "end"}, shortened(name, LETTERS)),
  );
  const marks = [0, steps - 1].map((step) =>
    s("text", {x: before + (step + 0.5) * wide, y: height + 16, "text-anchor": "middle"}, `${step + 1}`),
  );
  const width = before + steps * wide + 8;
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
