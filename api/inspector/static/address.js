// What the inspector shows, in the part of its address that is never sent to a server:
// inputs may be about a person.

const LONGEST_INPUT = 8000; // characters; longer links get cut by mail and chat

/** {model, view, region, example, instance, method, parameters, counterfactual, prototypes}. */
export function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  return {
    model: words.get("model"),
    view: words.get("view") || "explain",
    region: words.get("region"),
    example: /^\d+$/.test(words.get("example") ?? "") ? Number(words.get("example")) : null,
    instance: json(words.get("input")),
    method: words.get("method"),
    parameters: json(words.get("parameters")) || {},
    counterfactual: json(words.get("counterfactual")) || {},
    prototypes: json(words.get("prototypes")) || {},
  };
}

/** The address of a state; what is usual or empty is left out. */
export function address(state) {
  const words = new URLSearchParams();
  if (state.model) words.set("model", state.model);
  if (state.view && state.view !== "explain") words.set("view", state.view);
  if (state.region) words.set("region", state.region);
  if (hasExample(state)) words.set("example", state.example);
  else if (state.instance && fitsLink(state)) words.set("input", JSON.stringify(state.instance));
  if (state.method) words.set("method", state.method);
  for (const name of ["parameters", "counterfactual", "prototypes"]) {
    if (Object.keys(state[name] || {}).length) words.set(name, JSON.stringify(state[name]));
  }
  return `#${words}`;
}

/** Whether a link can hold the input: a picture of somebody's own is too long. */
export function fitsLink(state) {
  return hasExample(state) || JSON.stringify(state.instance).length <= LONGEST_INPUT;
}

const hasExample = ({example}) => example !== null && example !== undefined;

/** Show a state in the address bar without a step in the history. */
export function writeAddress(state) {
  history.replaceState(null, "", address(state));
}

function json(text) {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
