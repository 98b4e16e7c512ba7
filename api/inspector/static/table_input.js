// The form of a table's row: one field an input, made from the model's input schema.

import {h, select} from "./dom.js";
import {number} from "./words.js";

/**
 * An editor of one row. All editors have the same face: `element`, `read()` ->
 * {instance, faults: [{path, problem}]}, `write(instance)` -> problem or null, and
 * `fault(path, text)` -> whether it found the place to say it.
 */
export function createTableInput(schema) {
  const fields = schema.features.map(createField);
  const names = schema.features.map((feature) => feature.name);

  function field(path) {
    const [, position, name] = /^\$\.instances\[0\]\[(?:(\d+)|'(.*)')\]/.exec(path) || [];
    return fields[position ?? names.indexOf(name)];
  }

  return {
    element: h("div", {class: "fields"}, fields.map((each) => each.element)),
    read() {
      fields.forEach((each) => each.say(""));
      const faults = fields.flatMap((each, i) => {
        const problem = each.problem();
        return problem ? [{path: `$.instances[0][${i}]`, problem}] : [];
      });
      return {instance: fields.map((each) => each.value()), faults};
    },
    write(instance) {
      const {values, problem} = inOrder(instance, names);
      if (problem) return problem;
      fields.forEach((each, i) => each.write(values[i]));
      return null;
    },
    fault(path, text) {
      field(path)?.say(text);
      return Boolean(field(path));
    },
  };
}

/** Values in input order, from a list or from an object by name. */
function inOrder(instance, names) {
  if (Array.isArray(instance)) {
    if (instance.length === names.length) return {values: instance};
    return {problem: `It has ${instance.length} values; the model takes ${names.length}.`};
  }
  if (instance === null || typeof instance !== "object") {
    return {problem: "An input is a list of values, or an object by name."};
  }
  const absent = names.filter((name) => !(name in instance));
  const unknown = Object.keys(instance).filter((name) => !names.includes(name));
  if (unknown.length) return {problem: `The model has no input ${unknown.join(", ")}.`};
  if (absent.length) return {problem: `It lacks ${absent.join(", ")}.`};
  return {values: names.map((name) => instance[name])};
}

function createField(feature, index) {
  const id = `input-${index}`;
  const hint = h("small", {id: `${id}-hint`, class: "hint"});
  const error = h("p", {id: `${id}-error`, class: "error"});
  const described = {id, "aria-describedby": `${hint.id} ${error.id}`, autocomplete: "off"};
  const numeric = feature.kind === "numeric";
  const control = numeric
    ? h("input", {...described, type: "number", step: "any", inputmode: "decimal"})
    : select(described, [["", optional(feature) ? "missing" : "choose"], ...choices(feature)]);

  let refused = null; // what was written and is no value of this field

  function showHint() {
    hint.textContent = numeric ? rangeHint(feature, control.value) : "";
    hint.classList.toggle("unusual", isUnusual(feature, control.value));
  }

  function say(text) {
    error.textContent = text;
    control.toggleAttribute("aria-invalid", text !== "");
  }

  showHint();
  control.addEventListener("input", () => {
    refused = null;
    showHint();
    say("");
  });
  const label = h("label", {for: id}, feature.name, unit(feature));
  return {
    element: h("div", {class: "field"}, label, control, hint, error),
    say,
    value: () => read(control, numeric),
    problem: () => (refused === null ? problemOf(control, feature) : refusal(refused, numeric)),
    write(value) {
      // No browser is given what it would only complain of.
      control.value = numeric && Number.isNaN(Number(value)) ? "" : (value ?? "");
      refused = control.value === "" ? (value ?? null) : null;
      // Nothing is chosen then: whoever means "missing" can choose it, which tells of a change.
      if (refused !== null && !numeric) control.selectedIndex = -1;
      showHint();
      say("");
    },
  };
}

const optional = (feature) => feature.missing === "impute";
const choices = (feature) => feature.categories.map((name) => [name, name]);
const unit = (feature) => feature.unit && h("span", {class: "unit"}, ` ${feature.unit}`);

function read(control, numeric) {
  if (control.value === "") return null;
  return numeric ? Number(control.value) : control.value;
}

/** Left alone it would pass for a value that is missing. */
function refusal(value, numeric) {
  return numeric ? `“${value}” is not a number.` : `“${value}” is none of these. Choose one.`;
}

function problemOf(control, feature) {
  if (control.validity.badInput) return "This is not a number.";
  if (control.value !== "" || optional(feature)) return "";
  return feature.kind === "numeric" ? "Enter a number." : "Choose one.";
}

function isUnusual({minimum, maximum}, text) {
  if (text === "" || minimum === null || maximum === null) return false;
  const value = Math.fround(Number(text)); // as the network will read it
  return value < minimum || value > maximum;
}

function rangeHint(feature, text) {
  const {minimum, maximum} = feature;
  if (minimum === null || maximum === null) return optional(feature) ? "may be empty" : "";
  const range = `${number(minimum)} to ${number(maximum)}`;
  if (isUnusual(feature, text)) return `outside the ${range} of training`;
  return optional(feature) ? `${range}, may be empty` : range;
}
