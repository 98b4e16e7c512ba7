// One question to a model: which method, with which parameters, and its answer.

import {h, select} from "./dom.js";
import {createParametersForm} from "./parameters_form.js";
import {methodName, summaryOf} from "./words.js";

/**
 * A card that asks one of `methods`. `view(explanation)` draws the answer, `apply(panel)`
 * asks anew, `chosen` is {method, parameters} to begin with.
 */
export function createMethodPanel({heading, methods, model, chosen, view, apply}) {
  const prefix = methods[0].name;
  const start = methods.find(({name}) => name === chosen.method) ?? methods[0];
  const summary = h("p", {class: "note"});
  const parameters = h("div");
  const message = h("p", {class: "error", role: "alert"});
  const result = h("div", {class: "result"});
  const chooser = select(
    {id: `${prefix}-method`},
    methods.map(({name}) => [name, methodName(name)]),
    start.name,
  );
  const settings = h("details", {}, h("summary", {}, "Parameters"), parameters);
  let method = start;
  let form = null;

  function useMethod(next, values) {
    method = next;
    summary.textContent = summaryOf(next);
    form = createParametersForm(next, model, `${prefix}-parameter`, values);
    parameters.replaceChildren(form.element, h("button", {}, "Apply"));
  }

  chooser.addEventListener("change", () => {
    useMethod(methods.find(({name}) => name === chooser.value), {});
    apply(panel);
  });
  const asking = h(
    "form",
    {
      class: "asking",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        apply(panel);
      },
    },
    methods.length > 1 && h("label", {for: chooser.id}, "Method "),
    methods.length > 1 && chooser,
    settings,
  );
  useMethod(start, start.name === chosen.method ? chosen.parameters : {});

  const panel = {
    element: h("section", {class: "card"}, h("h2", {}, heading), summary, asking, message, result),
    /** {method, ...parameters}, or null where a parameter cannot be read. */
    wish() {
      message.textContent = "";
      const {values, faults} = form.read();
      if (!faults.length) return {method: method.name, ...values};
      settings.open = true;
      return null;
    },
    chosen: () => ({method: method.name, parameters: form.read().values}),
    show(explanation) {
      result.replaceChildren(view(explanation));
    },
    clear() {
      result.replaceChildren();
    },
    say(text) {
      message.textContent = text;
    },
    fault(path, text) {
      const found = form.fault(path, text);
      if (found) settings.open = true;
      return found;
    },
  };
  return panel;
}
