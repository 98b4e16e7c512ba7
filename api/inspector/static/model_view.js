// What to know before trusting a model: measures, rivals, leaves, pictures, report.

import {address} from "./address.js";
import {h, table} from "./dom.js";
import {frontierView} from "./frontier.js";
import {createTreeView} from "./tree_view.js";
import {count, methodName, number, percent, pretty, share, title} from "./words.js";

/** The page of a model; `loaded` is {model, methods, tree, examples}. */
export function createModelView({client, loaded}) {
  const {model, methods, tree, examples} = loaded;
  const part = (heading, ...content) =>
    h("section", {class: "card wide"}, h("h2", {}, heading), content);
  return h(
    "div",
    {class: "about"},
    h("h2", {class: "title"}, model.name),
    part("At a glance", facts(model), measures(model)),
    part("Short explanations against faithful ones", frontierView(model), frontierNote(model)),
    tree && part("The tree", createTreeView(tree)),
    tree && part("Leaf by leaf, the least faithful first", leaves(tree)),
    examples && part("Where tree and network disagree", disagreements(model, examples)),
    part("Methods", methodTable(methods)),
    documents(client, model).map(([heading, element]) => part(heading, element)),
  );
}

function facts(model) {
  const {tree} = model.metrics;
  const entries = [
    ["Version", `${model.version}, ${model.digest.slice(0, 19)}…`],
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

function leaves(tree) {
  const rows = tree.nodes
    .filter((node) => node.leaf)
    .sort((a, b) => a.fidelity - b.fidelity)
    .map((node) => [
      pretty(node.rule),
      node.label,
      node.n.toLocaleString("en"),
      share(node.fidelity, ...node.fidelity_interval),
      decided(node.class_counts, tree.classes),
      decided(node.label_counts, tree.classes),
    ]);
  const head = ["Rule", "Tree says", "Training rows", "Agreement on unseen cases", "Network said", "True labels"];
  return table("Leaves", head, rows, {class: "leaves"});
}

function decided(counts, classes) {
  const found = counts.map((n, i) => [n, classes[i]]).filter(([n]) => n > 0);
  return found.sort((a, b) => b[0] - a[0]).map(([n, name]) => `${n} ${name}`).join(", ") || "none";
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
    method.summary.replaceAll("`", ""),
    method.source,
  ]);
  return table("Methods of explanation", ["Method", "Offered", "What it says", "Source"], rows);
}

/** [heading, element] of what the bundle holds for people; pictures arrive later. */
function documents(client, model) {
  const path = `v1/models/${model.name}`;
  const has = (name) => model.documents.includes(name);
  const found = [];
  if (has("gallery")) found.push(["Gallery", gallery(client, path)]);
  if (has("landscape")) {
    const place = `${path}/landscape`;
    found.push(["Loss landscape", picture(client, place, "The loss around the trained network", "image/svg+xml, image/png;q=0.5")]);
  }
  if (has("report")) found.push(["Report", reportLink(client, model, path)]);
  return found;
}

function gallery(client, path) {
  const place = h("div", {class: "gallery"});
  client.get(`${path}/gallery`).then(({pictures}) => {
    place.append(...pictures.map((each) => figure(client, path, each)));
  });
  return place;
}

function figure(client, path, {file, kind, name, activation, best_real: best, worst_real: worst}) {
  const what = `What ${kind === "class" ? "the class" : "unit"} ${name} looks for`;
  const answers = `answers ${number(activation)}; real rows ${number(worst)} to ${number(best)}`;
  return h(
    "figure",
    {},
    picture(client, `${path}/gallery/${file}`, what, "image/*"),
    h("figcaption", {}, `${what}: ${answers}.`),
  );
}

function picture(client, path, alt, accept) {
  const image = h("img", {alt});
  client.fetchUrl(path, accept).then((url) => image.setAttribute("src", url));
  return image;
}

/** Fetched with the key and offered as a file: a link alone could not carry the key. */
function reportLink(client, model, path) {
  const button = h("button", {type: "button"}, "Save the report");
  button.addEventListener("click", async () => {
    const url = await client.fetchUrl(`${path}/report`);
    h("a", {href: url, download: `${model.name}-report.html`}).click();
    URL.revokeObjectURL(url);
  });
  return h("p", {}, "Everything above and more, as one page that needs no server. ", button);
}
