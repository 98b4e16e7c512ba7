// The inspector: reads its address, asks the API, and shows one model's view.

import {address, readAddress, writeAddress} from "./address.js";
import {createClient, Problem, SEVERAL} from "./client.js";
import {h} from "./dom.js";
import {createExplainView} from "./explain_view.js";
import {createModelView} from "./model_view.js";

const page = Object.fromEntries(
  ["model", "to-explain", "to-model", "key-form", "key", "key-error", "status", "main"].map((id) => [
    id,
    document.getElementById(id),
  ]),
);
const client = createClient(askForKey);
let latest = 0; // of what was begun; what is not the latest no longer counts

/** Say something to all; `quietly`, to screen readers alone. */
function tell(text, {quietly = false} = {}) {
  page.status.textContent = text;
  page.status.classList.toggle("unseen", quietly);
}

/** Everything about a model that does not depend on an input; the browser keeps what has not changed. */
async function load(name) {
  const path = `v1/models/${name}`;
  const [model, list] = await Promise.all([client.get(path), client.get(`${path}/methods`)]);
  const optional = (document) =>
    model.documents.includes(document) ? client.get(`${path}/${document}`) : null;
  const [tree, examples] = await Promise.all([optional("tree"), optional("examples")]);
  return {model, methods: list.methods, tree, examples: examples?.examples ?? null};
}

async function show(isLatest, state = readAddress()) {
  const names = [...page.model.options].map((option) => option.value);
  const name = names.includes(state.model) ? state.model : names[0];
  page.model.value = name;
  mark(name, state.view);
  tell(`Loading ${name}.`);
  const found = await load(name);
  if (!isLatest()) return;
  const ifLatest = (step) => (...given) => isLatest() && step(...given);
  document.title = `${name}: Leafpath inspector`;
  const isOther = state.model !== null && state.model !== name;
  tell(isOther ? `No model ${state.model} is served here; this is ${name}.` : "");
  if (state.view === "model") {
    if (found.tree && found.tree.model.digest !== found.model.digest) throw new Problem(0, {detail: SEVERAL});
    const {region} = state;
    const keep = (chosen) => writeAddress({model: name, view: "model", region: chosen});
    page.main.replaceChildren(createModelView({client, loaded: found, region, remember: ifLatest(keep)}));
    return;
  }
  const view = createExplainView({
    client,
    loaded: found,
    remember: ifLatest(remember),
    tell: ifLatest(tell),
    renew: ifLatest(renew),
    start: state,
  });
  page.main.replaceChildren(view.element);
  await view.open(state);
}

/** The same question to a model that has been replaced since it was loaded. */
function renew(state) {
  return attempt((isLatest) => show(isLatest, {...readAddress(), ...state, isRenewed: true}));
}

function remember(state) {
  writeAddress(state);
  page["to-explain"].href = address(state);
}

function mark(name, view) {
  const chosen = page[view === "model" ? "to-model" : "to-explain"];
  for (const link of [page["to-explain"], page["to-model"]]) {
    if (link === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  page["to-model"].href = address({model: name, view: "model"});
  if (!page["to-explain"].hash.includes(`model=${encodeURIComponent(name)}`)) {
    page["to-explain"].href = address({model: name});
  }
}

async function start(isLatest) {
  const {models} = await client.get("v1/models");
  if (!isLatest()) return;
  if (!models.length) {
    page.main.replaceChildren(h("p", {class: "card"}, "No model is served yet. The log of the server says why."));
    return;
  }
  page.model.replaceChildren(...models.map((name) => h("option", {value: name}, name)));
  page.model.disabled = false;
  await show(isLatest);
}

/** Run a step in the place of all before; say what went wrong. */
async function attempt(step) {
  const turn = (latest += 1);
  const isLatest = () => turn === latest;
  try {
    await step(isLatest);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (!isLatest()) return;
    tell("");
    if (problem.status === 401) return; // the client has asked for a key
    page.main.replaceChildren(h("p", {class: "card warning", role: "alert"}, problem.message));
  }
}

function askForKey() {
  page["key-form"].hidden = false;
  page["key-error"].textContent = page.key.value ? "The server does not know this key." : "";
  page.key.focus();
}

page["key-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  client.useKey(page.key.value);
  page["key-form"].hidden = true;
  attempt(start);
});
page.model.addEventListener("change", () => {
  location.hash = address({model: page.model.value, view: readAddress().view});
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address holds the state
  page.main.focus();
});
window.addEventListener("hashchange", () => attempt(page.model.disabled ? start : show));

if (document.body.dataset.keyed === "yes") askForKey();
else attempt(start);
