// The inspector: reads its address, asks the API, and shows one model's view.

import {address, readAddress, writeAddress} from "./address.js";
import {createClient, Problem} from "./client.js";
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

/** What of a model depends on no input, all of one bundle; the browser keeps what has not changed. */
async function load(name) {
  const path = `v1/models/${name}`;
  const model = await client.get(path);
  const part = (document) => client.getOf(model.digest, `${path}/${document}`);
  const optional = (document) => (model.documents.includes(document) ? part(document) : null);
  const [offered, tree, examples] = await Promise.all([part("methods"), optional("tree"), optional("examples")]);
  return {model, methods: offered.methods, tree, examples: examples?.examples ?? null};
}

async function show(isLatest, state) {
  const names = [...page.model.options].map((option) => option.value);
  const name = names.includes(state.model) ? state.model : names[0];
  page.model.value = name;
  mark(name, state.view);
  tell(`Loading ${name}.`);
  const found = await load(name);
  if (!isLatest()) return;
  const ifLatest = (step) => (...given) => isLatest() && step(...given);
  document.title = `${state.view === "model" ? "About " : ""}${name}: Leafpath inspector`;
  const isOther = state.model !== null && state.model !== name;
  tell(isOther ? `No model ${state.model} is served here; this is ${name}.` : "");
  if (state.view === "model") {
    const {region} = state;
    const keep = (chosen) => writeAddress({model: name, view: "model", region: chosen});
    return fill(createModelView({client, loaded: found, region, remember: ifLatest(keep)}));
  }
  const view = createExplainView({
    client,
    loaded: found,
    remember: ifLatest(remember),
    tell: ifLatest(tell),
    renew: ifLatest(renew),
    start: state,
  });
  fill(view.element);
  await view.open(state);
}

/** The same question to a model that has been replaced since it was loaded. */
function renew(state) {
  return go({...readAddress(), ...state, isRenewed: true});
}

function remember(state) {
  writeAddress(state);
  page["to-explain"].href = address(state);
}

/** Put a view in the place of the one before, and whoever was inside that at its begin. */
function fill(content) {
  const wasInside = page.main.contains(document.activeElement);
  page.main.replaceChildren(content);
  if (!wasInside) return;
  page.main.focus({preventScroll: true});
  scrollTo(0, 0);
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

/** Ask which models there are. */
async function list(isLatest) {
  tell("Loading the list of models.");
  const {models} = await client.get("v1/models");
  if (!isLatest()) return;
  page.model.disabled = !models.length;
  if (!models.length) throw new Problem(0, {detail: "No model is served yet. The log of the server says why."});
  page.model.replaceChildren(...models.map((name) => h("option", {value: name}, name)));
}

/** Show a state in the place of all before, `afresh` with the list of models; say what went wrong. */
async function go(state = readAddress(), {afresh = page.model.disabled} = {}) {
  const turn = (latest += 1);
  const isLatest = () => turn === latest;
  try {
    if (afresh) await list(isLatest);
    if (isLatest()) await show(isLatest, state);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (!isLatest()) return;
    tell("");
    if (problem.status === 401) return; // the client has asked for a key
    const again = h("button", {type: "button", onclick: () => go(state, {afresh: true})}, "Try again");
    fill(h("div", {class: "card warning", role: "alert"}, h("p", {}, problem.message), again));
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
  go(undefined, {afresh: true});
});
page.model.addEventListener("change", () => {
  location.hash = address({model: page.model.value, view: readAddress().view});
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address holds the state
  page.main.focus();
});
window.addEventListener("hashchange", () => go());

if (document.body.dataset.keyed === "yes") askForKey();
else go();
