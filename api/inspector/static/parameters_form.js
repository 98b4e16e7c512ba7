// A form for a method's parameters, made from their JSON Schema. What is left at its
// default is not sent.

import {h, select} from "./dom.js";
import {number, title} from "./words.js";

/**
 * {element, read() -> {values, faults}, fault(path, text) -> whether it found the place}.
 * `values` are those that differ from the defaults, at first `chosen`.
 */
export function createParametersForm(method, model, prefix, chosen) {
  const fields = Object.entries(method.parameters.properties || {}).map(([name, schema]) =>
    createField(name, schema, {model, id: `${prefix}-${name}`, chosen}),
  );
  return {
    element: h("div", {class: "fields"}, fields.map((field) => field.element)),
    read() {
      fields.forEach((field) => field.say(""));
      const faults = fields.filter((field) => field.bad());
      faults.forEach((field) => field.say("This cannot be read."));
      const changed = fields.filter((field) => !faults.includes(field) && !field.isDefault());
      const values = Object.fromEntries(changed.map((field) => [field.name, field.value()]));
      return {values, faults};
    },
    fault(path, text) {
      const [, name] = /^\$(?:\.explanations\[\d+\])?\.(\w+)/.exec(path) || [];
      const field = fields.find((each) => each.name === name);
      field?.say(text);
      return Boolean(field);
    },
  };
}

function createField(name, schema, {model, id, chosen}) {
  const start = name in chosen ? chosen[name] : schema.default;
  const error = h("p", {id: `${id}-error`, class: "error"});
  const hint = h("small", {id: `${id}-hint`, class: "hint"}, hintOf(schema));
  const attributes = {id, "aria-describedby": `${hint.id} ${error.id}`, autocomplete: "off"};
  const {control, value, bad = () => false} = createControl(name, schema, {attributes, model, start});

  function say(text) {
    error.textContent = text;
    control.toggleAttribute("aria-invalid", text !== "");
  }

  control.addEventListener("input", () => say(""));
  const label = h("label", {for: id}, title(name));
  return {
    name,
    say,
    value,
    bad,
    isDefault: () => JSON.stringify(value()) === JSON.stringify(schema.default),
    element: h("div", {class: "field"}, label, control, hint, error),
  };
}

function createControl(name, schema, {attributes, model, start}) {
  const kinds = (schema.anyOf || [schema]).map((each) => each.type);
  const inner = (schema.anyOf || [schema]).find((each) => each.type !== "null");
  const isOptional = kinds.includes("null");
  if (name === "target") return targetControl(attributes, model, start);
  if (inner.enum && !schema.anyOf) return choiceControl(attributes, inner.enum, start);
  if (inner.type === "boolean") return switchControl(attributes, start);
  if (inner.type === "array" && inner.items?.type === "string") {
    return namesControl(attributes, model, start);
  }
  const single = kinds.filter((kind) => kind !== "null").length === 1;
  if (single && (inner.type === "integer" || inner.type === "number")) {
    return numberControl(attributes, inner, start, isOptional);
  }
  return jsonControl(attributes, start);
}

function targetControl(attributes, model, start) {
  const classes = model.classes.map((name) => [name, name]);
  const control = select(attributes, [["", "the answer of the network"], ...classes]);
  control.value = typeof start === "number" ? model.classes[start] : (start ?? "");
  return {control, value: () => control.value || null};
}

function choiceControl(attributes, values, start) {
  const control = select(attributes, values.map((value) => [value, title(String(value))]), start);
  return {control, value: () => values.find((value) => String(value) === control.value)};
}

function switchControl(attributes, start) {
  const control = h("input", {...attributes, type: "checkbox", checked: start});
  return {control, value: () => control.checked};
}

function namesControl(attributes, model, start) {
  const names = model.inputs.features.map(({name}) => [name, name]);
  const control = select({...attributes, multiple: true, size: Math.min(4, names.length)}, names);
  for (const option of control.options) option.selected = (start || []).includes(option.value);
  return {control, value: () => [...control.selectedOptions].map((option) => option.value)};
}

function numberControl(attributes, schema, start, isOptional) {
  const control = h("input", {
    ...attributes,
    type: "number",
    inputmode: "decimal",
    step: schema.type === "integer" ? 1 : "any",
    placeholder: isOptional ? "automatic" : null,
    value: start,
  });
  return {
    control,
    value: () => (control.value === "" ? null : Number(control.value)),
    bad: () => control.validity.badInput || (control.value === "" && !isOptional),
  };
}

function jsonControl(attributes, start) {
  const control = h("textarea", {...attributes, rows: 2, spellcheck: "false"}, JSON.stringify(start));
  const parse = () => JSON.parse(control.value === "" ? "null" : control.value);
  return {
    control,
    value: parse,
    bad: () => {
      try {
        parse();
        return false;
      } catch {
        return true;
      }
    },
  };
}

function hintOf(schema) {
  const limits = [schema, ...(schema.anyOf || [])].find(({type}) => type === "integer" || type === "number");
  const low = limits?.minimum ?? limits?.exclusiveMinimum;
  const high = limits?.maximum ?? limits?.exclusiveMaximum;
  const isWide = high === 2 ** 32 - 1; // a seed: any number will do
  const range = low === undefined || high === undefined || isWide ? "" : `${number(low)} to ${number(high)}`;
  return [schema.description, range].filter(Boolean).join("; ");
}
