// One input: what network and tree answer, and why.

import {fitsLink} from "./address.js";
import {counterfactualView, predictionView, prototypesView, treeView} from "./answer_view.js";
import {attributionView} from "./attribution_view.js";
import {Problem, SEVERAL} from "./client.js";
import {h} from "./dom.js";
import {createInputCard} from "./input_card.js";
import {createMethodPanel} from "./method_panel.js";

/**
 * The view of a model's answers. `loaded` is {model, methods, tree, examples},
 * `remember(state)` keeps what is shown, `tell(text)` says it to screen readers, and
 * `renew(state)` loads the model anew and asks it the same. Returns {element, open(state)}.
 */
export function createExplainView({client, loaded, remember, tell, renew, start}) {
  const {model, tree, examples} = loaded;
  const path = `v1/models/${model.name}`;
  const alert = h("p", {class: "warning", role: "alert", hidden: true});
  const give = examples ? "Choose an example, or give an input of your own" : "Give an input";
  const invitation = h("p", {class: "card note"}, `${give}, and read here what the network answers and why.`);
  const prediction = h("div");
  const speaking = h("div");
  const shown = {instance: null, steps: [], region: start.region};
  let latest = 0;
  let mayRenew = !start.isRenewed;
  let waitingFor = null; // the question about a new input that is not answered yet

  const context = () => ({model, ...shown, tryIt});
  const panels = createPanels(loaded, start, context, (panel) => ask([panel]));
  const hasTree = model.methods.includes("tree_path");
  const answers = h(
    "div",
    {class: "answers", hidden: true},
    arrange(
      h("section", {class: "card"}, h("h2", {}, "The network’s answer"), prediction),
      hasTree && h("section", {class: "card wide"}, h("h2", {}, "Does the tree speak for it?"), speaking),
      panels.map((panel) => panel.element),
      model.family,
    ),
  );
  const input = createInputCard({model, examples, openExample, submit: () => ask(panels, true)});
  input.element.addEventListener("change", (event) => {
    // What stands in the form and what is answered must not drift apart.
    if (!answers.hidden && event.target.closest(".editor") && event.target.type !== "file") {
      ask(panels, true);
    }
  });

  function tryIt(instance) {
    if (!input.write(instance)) return;
    input.markExample(null);
    ask(panels, true);
    input.focus(); // the button that was pressed goes with the answer that it stood in
  }

  async function openExample(row) {
    tell("Loading the example.");
    try {
      const page = await client.get(`${path}/examples/${row}`);
      if (page.model.digest !== model.digest) return await replaced(page.instance);
      input.write(page.instance);
      input.markExample(row);
      await ask(panels, true);
    } catch (problem) {
      tell("");
      say(problem);
    }
  }

  /** Ask the panels' questions and, for a new input, for prediction and tree. */
  async function ask(asked, isNew = false) {
    const isStale = waitingFor !== null || shown.instance === null;
    if (isStale && !isNew) return ask(panels, true); // of another input than the form's
    say(null);
    const {instance, faults} = isNew ? input.read() : {instance: shown.instance, faults: []};
    faults.forEach(({path: place, problem}) => input.fault(place, problem));
    if (faults.length) {
      begin();
      clear();
      return input.focusFault();
    }
    const wishes = asked.map((panel) => panel.wish());
    const question = JSON.stringify([instance, wishes]);
    if (question === waitingFor) return; // Enter tells of a change, and submits
    const turn = begin();
    if (wishes.includes(null)) return;
    if (isNew) waitingFor = question;
    answers.setAttribute("aria-busy", "true");
    tell("Asking the server.");
    try {
      const reply = await post(instance, isNew && hasTree ? ["tree_path", ...wishes] : wishes);
      if (turn === latest) show(reply, instance, asked, isNew);
    } catch (problem) {
      if (turn === latest) place(problem, asked, isNew);
    } finally {
      if (turn === latest) begin();
    }
  }

  /** Whatever was asked before no longer counts. */
  function begin() {
    waitingFor = null;
    answers.removeAttribute("aria-busy");
    return (latest += 1);
  }

  /** Answers to another input must not stand beside this one. */
  function clear() {
    shown.instance = null;
    for (const place of [prediction, speaking]) place.replaceChildren();
    panels.forEach((panel) => panel.clear());
  }

  function post(instance, explanations) {
    const body = {instances: [instance]};
    if (!hasTree) return client.post(`${path}:predict`, body);
    return client.post(`${path}:explain`, {...body, explanations});
  }

  function show(reply, instance, asked, isNew) {
    if (reply.model.digest !== model.digest) return replaced(instance);
    const [found] = reply.predictions;
    const explanations = [...(reply.explanations?.[0] ?? [])];
    shown.instance = instance;
    if (isNew) {
      prediction.replaceChildren(predictionView(found, model, reply.warnings ?? []));
      if (hasTree) {
        const taken = explanations.shift();
        shown.steps = taken.path;
        speaking.replaceChildren(treeView(taken, found, {model, tree, region: shown.region, keepRegion}));
      }
    }
    asked.forEach((panel, i) => panel.show(explanations[i]));
    answers.hidden = false;
    invitation.hidden = true;
    tell(`The network answers ${found.label}.`, {quietly: true});
    const state = stateOf(instance);
    input.markLink(fitsLink(state));
    remember(state);
  }

  function keepRegion(region) {
    shown.region = region;
    remember(stateOf(shown.instance));
  }

  /** Another bundle answers than the one drawn here: draw that, once a question. */
  function replaced(instance) {
    if (mayRenew) return renew({...stateOf(instance), example: null});
    mayRenew = true;
    clear();
    throw new Problem(0, {detail: SEVERAL});
  }

  function stateOf(instance) {
    const state = {model: model.name, region: shown.region, example: input.example(), instance};
    for (const {method, parameters} of panels.map((panel) => panel.chosen())) {
      if (method in OWN) state[method] = parameters;
      else Object.assign(state, {method, parameters});
    }
    return state;
  }

  /** Say a problem where it arose: at a field, a parameter, or above all. */
  function place(problem, asked, isNew) {
    tell("");
    const unplaced = (problem.faults ?? []).filter(({path: where, problem: what, allowed}) => {
      const text = sentence(what, allowed);
      if (where.startsWith("$.instances")) return !input.fault(where, text);
      const position = Number(/^\$\.explanations\[(\d+)\]/.exec(where)?.[1]) - (isNew ? 1 : 0);
      const panel = asked[position];
      if (panel && !panel.fault(where, text)) panel.say(text);
      return !panel && !asked.some((each) => each.fault(where, text));
    });
    if (!problem.faults?.length || unplaced.length) say(problem);
    if (!isNew) return;
    clear();
    const isOfInput = ({path: where}) => where.startsWith("$.instances");
    if (problem.faults?.some(isOfInput)) input.focusFault();
    else if (problem.faults?.length) answers.hidden = false; // the parameters are there
  }

  function say(problem) {
    alert.hidden = problem === null;
    alert.textContent = problem?.message ?? "";
    if (problem !== null && !(problem instanceof Problem)) throw problem;
  }

  async function open(state) {
    if (state.example !== null && examples) return openExample(state.example);
    if (state.instance && input.write(state.instance)) return ask(panels, true);
  }

  const notice = start.isRenewed && replacedNotice(model);
  const right = h("div", {class: "right"}, notice, alert, invitation, answers);
  return {element: h("div", {class: "columns"}, input.element, right), open};
}

function replacedNotice({name, version}) {
  return h(
    "p",
    {class: "card note", role: "alert"},
    `The server has replaced this model: this is version ${version} of ${name}, with its own tree and examples.`,
  );
}

/** Two cards a row around the tree, which takes a whole one, as do heat maps. */
function arrange(answer, tree, [attribution, ...others], family) {
  const beside = family === "image" ? attribution : others.shift();
  const below = [attribution, ...others].filter((card) => card && card !== beside);
  answer.classList.add(beside ? "slim" : "wide");
  below[1]?.classList.add("slim");
  if (below.length === 1) below[0].classList.add("wide");
  return [answer, beside, tree, ...below];
}

/** Methods with a card of their own; all others are choices of the first card. */
const OWN = {
  counterfactual: {heading: "What would change the answer?", draw: counterfactualView},
  prototypes: {heading: "Similar cases", draw: prototypesView},
};

/** The questions that this model can be asked beside its tree's path. */
function createPanels({model, methods}, start, context, apply) {
  const offered = methods.filter(({available, name}) => available && name !== "tree_path");
  const attributions = offered.filter(({name}) => !(name in OWN));
  const usual = attributions.find(({name}) => name === USUAL)?.name;
  const cards = offered
    .filter(({name}) => name in OWN)
    .map(({name}) => ({...OWN[name], names: [name], chosen: {method: name, parameters: start[name]}}));
  if (attributions.length) {
    cards.unshift({
      heading: "What the network looked at",
      draw: attributionView,
      names: attributions.map(({name}) => name),
      chosen: {method: start.method ?? usual, parameters: start.parameters},
    });
  }
  return cards.map(({heading, draw, names, chosen}) =>
    createMethodPanel({
      heading,
      methods: offered.filter(({name}) => names.includes(name)),
      model,
      chosen,
      view: (explanation) => draw(explanation, context()),
      apply,
    }),
  );
}

const USUAL = "integrated_gradients";

function sentence(problem, allowed) {
  const text = allowed ? `${problem}; ${allowed}` : problem;
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
