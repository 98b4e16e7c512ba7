// What the trainer put into a bundle for people; it arrives after the page stands.

import {h} from "./dom.js";
import {evaluationView} from "./evaluation_view.js";
import {number} from "./words.js";

/** [heading, content] of each document that the model has. */
export function documentParts(client, model) {
  const path = `v1/models/${model.name}`;
  const has = (name) => model.documents.includes(name);
  const found = [];
  if (has("evaluation")) {
    const build = (evaluation) => evaluationView(evaluation);
    found.push(["How good the explanations are", later(client.get(`${path}/evaluation`), build)]);
  }
  if (has("gallery")) {
    const build = ({pictures}) => pictures.map((each) => figure(client, path, each));
    found.push(["Gallery", later(client.get(`${path}/gallery`), build, "gallery")]);
  }
  if (has("landscape")) found.push(["Loss landscape", landscape(client, model, path)]);
  if (has("report")) found.push(["Report", reportLink(client, model, path)]);
  return found;
}

/** An element that is filled once the answer is there, or says why it is not. */
function later(answer, build, name = null) {
  const place = h("div", {class: name, "aria-busy": "true"});
  const fill = (...content) => {
    place.replaceChildren(...content.flat());
    place.removeAttribute("aria-busy");
  };
  answer.then((found) => fill(build(found)), (problem) => fill(h("p", {class: "error"}, problem.message)));
  return place;
}

function figure(client, path, {file, kind, name, activation, best_real: best, worst_real: worst}) {
  const what = `What ${kind === "unit" ? kind : `the ${kind}`} ${name} looks for`;
  const answers = `answers ${number(activation)}; real rows ${number(worst)} to ${number(best)}`;
  return h(
    "figure",
    {},
    picture(client, `${path}/gallery/${file}`, what, "image/*"),
    h("figcaption", {}, `${what}: ${answers}.`),
  );
}

const VIEWS = {
  "landscape/surface.png": "The same plane in relief: the loss beside the length of explanations, which changes in steps.",
  "landscape/trajectory.svg": "The way that training took, in the two directions in which the weights moved most.",
  "landscape/line.svg": "Along one direction through the trained network.",
  "landscape/strengths.svg": "Networks of other strengths side by side: loss, agreement and length of explanations.",
};

function landscape(client, model, path) {
  const what = "Loss, accuracy, agreement of tree and network, and decisions an answer around the trained network";
  const views = Object.entries(VIEWS).filter(([file]) => model.documents.includes(file));
  return h(
    "div",
    {},
    h("p", {}, `${what}: each point is a network with other weights, the middle is this one.`),
    picture(client, `${path}/landscape`, what, "image/svg+xml, image/png;q=0.5"),
    views.length > 0 && moreViews(client, path, views),
  );
}

/** Asked for when somebody looks: they are large. */
function moreViews(client, path, views) {
  const place = h("div", {class: "views"});
  const details = h("details", {}, h("summary", {}, "More views of the landscape"), place);
  const show = () =>
    place.append(
      ...views.map(([file, caption]) =>
        h("figure", {}, picture(client, `${path}/${file}`, caption, "image/*"), h("figcaption", {}, caption)),
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
    (problem) => image.replaceWith(h("p", {class: "error"}, problem.message)),
  );
  return image;
}

/** Fetched with the key and offered as a file: a link alone could not carry the key. */
function reportLink(client, model, path) {
  const button = h("button", {type: "button"}, "Save the report");
  const error = h("p", {class: "error", role: "alert"});
  const save = (url) => {
    h("a", {href: url, download: `${model.name}-report.html`}).click();
    URL.revokeObjectURL(url);
  };
  button.addEventListener("click", () => {
    error.textContent = "";
    client.fetchUrl(`${path}/report`).then(save, (problem) => (error.textContent = problem.message));
  });
  return [h("p", {}, "Everything above and more, as one page that needs no server. ", button), error];
}
