// What the trainer put into a bundle for people; it arrives after the page stands.

import {h} from "./dom.js";
import {evaluationView} from "./evaluation_view.js";
import {fileDigests} from "./file_digests.js";
import {number} from "./words.js";

/** [heading, content] of each document that the model has. */
export function documentParts(client, model) {
  const has = (name) => model.documents.includes(name);
  const get = (name) => client.get(pathOf(model, name));
  const found = [];
  if (has("evaluation")) {
    const build = (evaluation) => evaluationView(evaluation);
    found.push(["How good the explanations are", later(get("evaluation"), build), "evaluation.json"]);
  }
  if (has("gallery")) {
    const build = ({pictures}) => pictures.map((each) => figure(client, model, each));
    found.push(["Gallery", later(get("gallery"), build, "gallery"), "gallery/"]);
  }
  if (has("landscape")) found.push(["Loss landscape", landscape(client, model), "landscape"]);
  if (has("report")) found.push(["Report", reportLink(client, model), "report.html"]);
  return found.map(([heading, content, start]) => {
    const files = filesOf(model, start);
    return [heading, [content, files.length ? fileDigests(files) : []].flat()];
  });
}

/** Of this bundle alone: of another one, served meanwhile, nothing comes. */
function pathOf(model, document) {
  return `v1/models/${model.name}/${document}?digest=${encodeURIComponent(model.digest)}`;
}

/** None of a model that a server of the version before describes. */
function filesOf(model, start) {
  return Object.entries(model.files ?? {}).filter(([path]) => path.startsWith(start));
}

function failure(problem) {
  const isReplaced = problem.status === 404;
  return isReplaced ? "The server has another version of this model by now. Load this page anew." : problem.message;
}

/** An element that is filled once the answer is there, or says why it is not. */
function later(answer, build, name = null) {
  const place = h("div", {class: name, "aria-busy": "true"});
  const fill = (...content) => {
    place.replaceChildren(...content.flat());
    place.removeAttribute("aria-busy");
  };
  answer.then((found) => fill(build(found)), (problem) => fill(h("p", {class: "error"}, failure(problem))));
  return place;
}

function figure(client, model, {file, kind, name, activation, best_real: best, worst_real: worst}) {
  const what = `What ${kind === "unit" ? kind : `the ${kind}`} ${name} looks for`;
  const answers = `answers ${number(activation)}; real rows ${number(worst)} to ${number(best)}`;
  return h(
    "figure",
    {},
    picture(client, pathOf(model, `gallery/${file}`), what, "image/*"),
    h("figcaption", {}, `${what}: ${answers}.`),
  );
}

const VIEWS = {
  "landscape/surface.png": "The same plane in relief: the loss beside the length of explanations, which changes in steps.",
  "landscape/trajectory.svg": "The way that training took, in the two directions in which the weights moved most.",
  "landscape/line.svg": "Along one direction through the trained network.",
  "landscape/strengths.svg": "Networks of other strengths side by side: loss, agreement and length of explanations.",
};

function landscape(client, model) {
  const what = "Loss, accuracy, agreement of tree and network, and decisions an answer around the trained network";
  const views = Object.entries(VIEWS).filter(([file]) => model.documents.includes(file));
  return h(
    "div",
    {},
    h("p", {}, `${what}: each point is a network with other weights, the middle is this one.`),
    picture(client, pathOf(model, "landscape"), what, "image/svg+xml, image/png;q=0.5"),
    views.length > 0 && moreViews(client, model, views),
  );
}

/** Asked for when somebody looks: they are large. */
function moreViews(client, model, views) {
  const place = h("div", {class: "views"});
  const details = h("details", {}, h("summary", {}, "More views of the landscape"), place);
  const show = () =>
    place.append(
      ...views.map(([file, caption]) =>
        h("figure", {}, picture(client, pathOf(model, file), caption, "image/*"), h("figcaption", {}, caption)),
      ),
    );
  details.addEventListener("toggle", show, {once: true});
  return details;
}

/** A picture, or why it does not come. */
function picture(client, path, alt, accept) {
  const image = h("img", {alt});
  client.fetchUrl(path, accept).then(
    (url) => image.setAttribute("src", url),
    (problem) => image.replaceWith(h("p", {class: "error"}, failure(problem))),
  );
  return image;
}

/** Fetched with the key and offered as a file: a link alone could not carry the key. */
function reportLink(client, model) {
  const button = h("button", {type: "button"}, "Save the report");
  const error = h("p", {class: "error", role: "alert"});
  const save = (url) => {
    h("a", {href: url, download: `${model.name}-report.html`}).click();
    URL.revokeObjectURL(url);
  };
  button.addEventListener("click", () => {
    error.textContent = "";
    client.fetchUrl(pathOf(model, "report")).then(save, (problem) => (error.textContent = failure(problem)));
  });
  return [h("p", {}, "Everything above and more, as one page that needs no server. ", button), error];
}
