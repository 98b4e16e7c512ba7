// Which region's tree is looked at, where each region of the inputs has a tree of its own.

import {h, labelled, select} from "./dom.js";
import {count, pretty, share} from "./words.js";

const WHOLE = ""; // all regions

/**
 * A choice among the regions of a tree document, with a line about the one that is chosen;
 * null where there are none. `choose(region)` gets a name, or null for all; `own` is the
 * region of the input at hand.
 */
export function regionPicker(tree, chosen, choose, own = null) {
  if (!tree.regions) return null;
  const options = [
    [WHOLE, `All regions (${leaves(tree)})`],
    ...tree.regions.map((each) => [each.name, `${pretty(each.name)} (${leaves(each)})`]),
  ];
  const find = (name) => tree.regions.find((each) => each.name === name);
  const control = select({id: "region"}, options, find(chosen)?.name ?? WHOLE);
  const about = h("p", {class: "note", "aria-live": "polite"});
  const say = () => (about.textContent = describe(find(control.value), own));
  control.addEventListener("change", () => {
    say();
    choose(control.value || null);
  });
  say();
  return [labelled("Region", control), about];
}

const leaves = (part) => count(part.leaves, "leaf", "leaves");

function describe(region, own) {
  if (!region) return "Each region of the inputs has a tree of its own; the first decisions tell the regions apart.";
  const {n, fidelity} = region;
  const figures = `${count(n, "training row", "training rows")}. Here tree and network agree on ${share(fidelity.value, fidelity.low, fidelity.high)} of unseen cases.`;
  if (own === null || own === region.name) return figures;
  return `${figures} This input lies in another region, “${pretty(own)}”.`;
}
