// The editor of a sequence: one line a step, as a spreadsheet copies it, and its chart.

import {parseCsv, toInstances} from "./csv.js";
import {h, s} from "./dom.js";
import {shortened} from "./words.js";

/** An editor as table_input.js says; a step's values are separated by commas or tabs. */
export function createSequenceInput(schema) {
  const features = schema.features;
  const names = features.map((feature) => feature.name);
  const error = h("p", {id: "steps-error", class: "error"});
  const hint = h("small", {id: "steps-hint", class: "hint"});
  const chart = h("div");
  const area = h("textarea", {
    id: "steps",
    rows: 7,
    spellcheck: "false",
    autocomplete: "off",
    "aria-describedby": "steps-hint steps-error",
  });
  hint.textContent = `One line a step, the oldest first, at most ${schema.shape[0]}. Columns: ${names.join(", ")}.`;
  // While typing and not on leaving: what moves then would slip from under a click.
  area.addEventListener("input", draw);

  function say(text) {
    error.textContent = text;
    area.toggleAttribute("aria-invalid", text !== "");
  }

  function steps() {
    return toInstances(parseCsv(area.value), features);
  }

  function draw() {
    const {instances} = steps();
    chart.replaceChildren(instances ? drawChannels(instances, names) : "");
    say("");
  }

  return {
    element: h(
      "div",
      {class: "field whole"},
      h("label", {for: "steps"}, "Steps"),
      area,
      hint,
      error,
      chart,
    ),
    read() {
      say("");
      const {instances, problem} = steps();
      const faults = problem ? [{path: "$.instances[0]", problem}] : [];
      return {instance: instances, faults};
    },
    write(instance) {
      if (!Array.isArray(instance)) return "A sequence is a list of steps.";
      area.value = instance.map((step) => line(step, names)).join("\n");
      draw();
      return null;
    },
    fault(path, text) {
      const [, step] = /^\$\.instances\[0\]\[(\d+)\]/.exec(path) || [];
      say(step === undefined ? text : `Step ${Number(step) + 1}: ${text}`);
      return path.startsWith("$.instances[0]");
    },
  };
}

function line(step, names) {
  const values = Array.isArray(step) ? step : names.map((name) => step?.[name]);
  return values.map((value) => value ?? "").join(", ");
}

const WIDTH = 320;
const ROW = 30;

/** Small lines, one a channel, each on its own scale. */
function drawChannels(steps, names) {
  const height = names.length * ROW;
  const summary = `${steps.length} steps of ${names.length} channels`;
  return s(
    "svg",
    {viewBox: `0 0 ${WIDTH} ${height}`, class: "channels", role: "img", "aria-label": summary},
    names.map((name, channel) => {
      const values = steps.map((step) => Number(step[channel]) || 0);
      const top = channel * ROW;
      return [
        s("text", {x: 0, y: top + 19}, shortened(name, 14)),
        s("polyline", {points: points(values, top).join(" ")}),
      ];
    }),
  );
}

function points(values, top) {
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const width = WIDTH - 100;
  return values.map((value, i) => {
    const x = 96 + (width * i) / Math.max(1, values.length - 1);
    const y = top + 4 + (ROW - 8) * (1 - (value - low) / range);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
}
