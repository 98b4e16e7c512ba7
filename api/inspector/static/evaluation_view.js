// How well each explanation method explains, as `leafpath evaluate` measured it.

import {h, s, table} from "./dom.js";
import {count, methodName, number} from "./words.js";

const [WIDTH, HEIGHT] = [110, 36];
const CONTROL = "random"; // its name among the methods

/** What the figures mean, and one row of them a method. */
export function evaluationView(evaluation) {
  const {methods, rows, radius, layers} = evaluation;
  const head = [
    "Method",
    "Taken away first (lower is better)",
    "Put in first (higher is better)",
    "Change that it misses",
    "Change among like cases",
    `Likeness after shuffling ${layers.join(", ")} layers`,
  ];
  const lines = Object.entries(methods).map(([name, record]) => line(name, record, evaluation));
  return [
    h(
      "p",
      {},
      `Measured on ${count(rows, "unseen case", "unseen cases")}, for the class that the network answers. `,
      "An explanation is a claim about the network; this is how the claims held up.",
    ),
    table("Each method in figures", head, lines, {class: "evaluation"}),
    h("details", {}, h("summary", {}, "What the columns say"), meanings(radius)),
  ];
}

function meanings(radius) {
  const entries = [
    ["Taken away first", "deletion: the probability of the class while inputs are replaced by usual ones, those that the method calls most important first. If it is right, the line falls early. The number is the area under it; the dashed line is a random order."],
    ["Put in first", "insertion: the same the other way round, from a usual case. If the method is right, the line rises early."],
    ["Change that it misses", "infidelity: the share of the network’s changes, as random inputs are taken away, that the explanation does not account for. 0 is perfect; 1 is what an explanation of zeros would do."],
    ["Change among like cases", `max-sensitivity: how much the explanation changes, relative to its size, among cases within ${number(radius)} standard deviations. Small is steady.`],
    ["Likeness after shuffling", "rank correlation with the explanation of a network whose last layers hold shuffled weights. It should fall: a method that stays near 1 does not look at what the network has learned."],
  ];
  return h("dl", {}, entries.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));
}

function line(name, record, {methods, fractions}) {
  const random = methods[CONTROL];
  const isControl = name === CONTROL;
  const cell = (figure) =>
    figure && [figure.value, figure.low, figure.high].map((value) => number(Number(value.toPrecision(3))));
  const text = (figure) => {
    const found = cell(figure);
    return found ? `${found[0]} (${found[1]} to ${found[2]})` : "not measured";
  };
  const drawn = (figure, curve, control, what) =>
    h("div", {}, spark(fractions, curve, isControl ? null : control, `${what}, ${methodName(name)}`), h("br"), text(figure));
  return [
    isControl ? "Random order, to compare with" : methodName(name),
    drawn(record.deletion, record.deletion_curve, random?.deletion_curve, "Taken away"),
    drawn(record.insertion, record.insertion_curve, random?.insertion_curve, "Put in"),
    isControl ? "" : text(record.infidelity),
    isControl ? "" : text(record.max_sensitivity),
    record.randomised.map((value) => number(value === null ? null : Number(value.toFixed(2)))).join(", "),
  ];
}

/** A curve of probabilities over shares of the input, with the control dashed. */
function spark(shares, curve, control, what) {
  const points = (values) =>
    values.map((value, i) => `${(shares[i] * WIDTH).toFixed(1)},${((1 - value) * (HEIGHT - 4) + 2).toFixed(1)}`).join(" ");
  const percents = [0, (curve.length - 1) >> 1, curve.length - 1].map((i) => Math.round(100 * curve[i]));
  return s(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      class: "spark",
      role: "img",
      "aria-label": `${what}: probability ${percents[0]} % at first, ${percents[1]} % half-way, ${percents[2]} % at the end`,
    },
    s("line", {x1: 0, x2: WIDTH, y1: HEIGHT - 2, y2: HEIGHT - 2}),
    control && s("polyline", {points: points(control), class: "control"}),
    s("polyline", {points: points(curve)}),
  );
}
