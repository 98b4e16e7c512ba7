// Numbers and names as people read them.

/** Four significant digits at the most, or more: 0.05591, 122.8, 1.2e-7. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "none";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-4)) {
    return minus(value.toExponential(digits > 4 ? digits - 1 : 2));
  }
  return minus(String(Number(value.toPrecision(digits))));
}

/** A distance with two significant digits: "0.36 standard deviations". */
export function deviations(value) {
  if (value > 0 && value < 0.001) return "under 0.001 standard deviations";
  const rounded = Number(value.toPrecision(2));
  return `${number(rounded)} standard deviation${rounded === 1 ? "" : "s"}`;
}

/** Two numbers in as many digits as it takes to see that they differ, up to nine. */
export function apart(a, b) {
  const digits = [4, 5, 6, 7, 8].find((n) => number(a, n) !== number(b, n)) ?? 9;
  return [a, b].map((value) => number(value, digits));
}

/** With its sign, for differences. */
export function signed(value) {
  return (value > 0 ? "+" : "") + number(value);
}

function minus(text) {
  return text.replace(/^-/, "\u2212");
}

/** A share in percent; never a rounded 0 or 100 that is not one. */
export function percent(share) {
  if (share > 0.999 && share < 1) return "over 99.9\u00a0%";
  if (share > 0 && share < 0.001) return "under 0.1\u00a0%";
  return `${Number((100 * share).toFixed(1))}\u00a0%`;
}

/** "97.2 % (95 % interval 93 to 99.5 %)". */
export function share(value, low, high) {
  const digits = (bound) => (bound > 0.999 && bound < 1 ? 2 : 1);
  const bounds = [low, high].map((bound) => Number((100 * bound).toFixed(digits(bound))));
  return `${percent(value)} (95\u00a0% interval ${bounds[0]} to ${bounds[1]}\u00a0%)`;
}

/** "a", "a and b", "a, b and c". */
export function list(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

/** "1 leaf", "6 leaves". */
export function count(n, one, many) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** "integrated_gradients" -> "Integrated gradients". */
export function title(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

const NAMES = {
  grad_cam: "Grad-CAM",
  hires_cam: "HiResCAM",
  input_x_gradient: "Input \u00d7 gradient",
  layer_cam: "LayerCAM",
  lime: "LIME",
  smoothgrad: "SmoothGrad",
  tree_shap: "Tree SHAP",
};

/** A method's name as its paper writes it. */
export function methodName(name) {
  return NAMES[name] ?? title(name);
}

const NAMED = new RegExp(`\\b(${Object.keys(NAMES).join("|")}|integrated_gradients)\\b`, "g");

/** What a method says of itself, with other methods named as their papers write them. */
export function summaryOf(method) {
  return method.summary.replaceAll("`", "").replace(NAMED, methodName);
}

/** "worst radius <= 16.79999923706" -> "worst radius \u2264 16.8": thresholds are single
 * precision, which seven digits tell apart. */
export function pretty(condition) {
  const short = condition.replace(/\d+\.\d{6,}/g, (text) => String(Number(Number(text).toPrecision(7))));
  return short.replaceAll("<=", "\u2264").replaceAll("!=", "\u2260").replace(/ -(?=\d)/g, " \u2212");
}

/** Cut to so many letters; whoever shows it says the whole elsewhere. */
export function shortened(text, letters) {
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}\u2026`;
}
