// What to know before trusting a model: measures, rivals, tree, methods, documents.

import {address} from "./address.js";
import {documentParts} from "./documents_view.js";
import {h, table} from "./dom.js";
import {fileDigests} from "./file_digests.js";
import {frontierView} from "./frontier.js";
import {treeCards} from "./tree_cards.js";
import {count, methodName, number, percent, share, summaryOf, title} from "./words.js";

/** The page of a model; `loaded` is {model, methods, tree, examples}. */
export function createModelView({client, loaded, region, remember}) {
  const {model, methods, tree, examples} = loaded;
  const part = (heading, ...content) =>
    h("section", {class: "card wide"}, h("h2", {}, heading), content);
  return h(
    "div",
    {class: "about"},
    h("h2", {class: "title"}, model.name),
    part("At a glance", facts(model), measures(model)),
    part("Short explanations against faithful ones", frontierView(model), frontierNote(model), manifestDigest(model)),
    tree && treeCards({tree, region, card: part, remember}),
    examples && part("Where tree and network disagree", disagreements(model, examples)),
    part("Methods", methodTable(methods)),
    documentParts(client, model).map(([heading, content]) => part(heading, content)),
  );
}

function facts(model) {
  const {tree} = model.metrics;
  const entries = [
    ["Version", `${model.version}, ${model.digest}`],
    ["Task", `${title(model.task)}, ${model.family} input`],
    ["Classes", model.classes.join(", ")],
    ["Inputs", count(model.inputs.features.length, "feature", "features")],
    ["Tree", `${count(tree.leaves, "leaf", "leaves")}, depth ${tree.depth}, ${number(tree.average_path_length.value)} decisions on average`],
    ["Agreement of tree and network", share(tree.fidelity.value, tree.fidelity.low, tree.fidelity.high)],
    ["Shown to clients", {tree: "everything", path: "paths, not the whole tree", prediction: "predictions only"}[model.expose]],
  ];
  return h("dl", {}, entries.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

const SHARES = /accuracy|fidelity|rate|calibration_error|auc/;

function measures({metrics}) {
  const {tree} = metrics;
  const ofTree = Object.fromEntries(
    ["accuracy", "fidelity", "balanced_fidelity", "average_path_length"].map((name) => [name, tree[name]]),
  );
  const groups = [
    ["Network", metrics.network],
    ["Tree", ofTree],
    ["Always the most frequent class", metrics.constant_class],
    ...Object.values(metrics.controls).map((control) => [control.description, control.network]),
  ];
  const rows = groups.flatMap(([who, estimates]) =>
    Object.entries(estimates).map(([name, {value, low, high, n}]) => {
      const say = SHARES.test(name) ? percent : number;
      return [who, title(name), say(value), `${say(low)} to ${say(high)}`, String(n)];
    }),
  );
  const head = ["Of", "Measure", "Value", "95\u00a0% interval", "Cases"];
  return h("details", {}, h("summary", {}, "All measures, on unseen cases"), table("All measures", head, rows));
}

function frontierNote(model) {
  if (model.metrics.frontier.length) return null;
  return h("p", {class: "note"}, "Only this strength was trained; “leafpath sweep” tries others and draws the whole frontier.");
}

/** Measures and frontier stand in the manifest, whose SHA-256 is the bundle's digest. */
function manifestDigest({digest}) {
  return fileDigests([["manifest.json", digest.replace("sha256:", "")]]);
}

function disagreements(model, examples) {
  const apart = examples.filter((each) => !each.agrees);
  if (!apart.length) return h("p", {}, `On none of the ${examples.length} example rows.`);
  const links = apart.map((each) =>
    h(
      "li",
      {},
      h("a", {href: address({model: model.name, example: each.row})}, `Row ${each.row + 1}`),
      `: the network says ${each.label} (${percent(each.probability)}), the tree ${each.tree_label}`,
    ),
  );
  return [h("p", {}, `On ${apart.length} of ${examples.length} example rows:`), h("ul", {}, links)];
}

function methodTable(methods) {
  const rows = methods.map((method) => [
    methodName(method.name),
    method.available ? "yes" : `no: ${method.reason}`,
    summaryOf(method),
    method.source,
  ]);
  return table("Methods of explanation", ["Method", "Offered", "What it says", "Source"], rows);
}
