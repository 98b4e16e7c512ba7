// Where an input comes from: an example, a file, JSON, or the fields by hand.

import {parseCsv, toInstances} from "./csv.js";
import {fileInput, h, labelled, select} from "./dom.js";
import {createImageInput} from "./image_input.js";
import {createSequenceInput} from "./sequence_input.js";
import {createTableInput} from "./table_input.js";
import {percent} from "./words.js";

/**
 * A form around the editor of the model's family. `examples` is a list or null,
 * `openExample(row)` loads one, `submit()` asks for the answer.
 */
export function createInputCard({model, examples, openExample, submit}) {
  const editor = createEditor(model, submit);
  const message = h("p", {class: "error", role: "alert"});
  const noLink = h("p", {class: "hint", hidden: true}, "This input is too long for a link: the address of this page leaves it out.");
  const chooser = examples && exampleChooser(examples, openExample);

  function write(instance) {
    const problem = editor.write(instance);
    message.textContent = problem ?? "";
    return problem === null;
  }

  const use = (instance) => write(instance) && submit();
  const element = h(
    "form",
    {
      class: "card input",
      tabindex: -1,
      novalidate: true,
      "aria-label": "Input",
      onsubmit: (event) => {
        event.preventDefault();
        submit();
      },
      oninput: (event) => {
        if (chooser && event.target.closest(".editor")) chooser.value = "";
      },
    },
    h("h2", {}, "Input"),
    chooser && labelled("Example", chooser),
    model.family !== "image" && csvFile(model, use, message),
    jsonPane(() => editor.read().instance, use),
    message,
    h("div", {class: "editor"}, editor.element),
    noLink,
    h("div", {class: "submit"}, h("button", {class: "primary"}, "Explain")),
  );
  return {
    element,
    write,
    read: () => editor.read(),
    /** The example that the form still shows unchanged, or null. */
    example: () => (chooser && chooser.value !== "" ? Number(chooser.value) : null),
    markExample(row) {
      if (chooser) chooser.value = row ?? "";
    },
    markLink(fits) {
      noLink.hidden = fits;
    },
    fault: (path, text) => editor.fault(path, text),
    focus() {
      element.focus({preventScroll: true});
      element.scrollIntoView({block: "start"});
    },
    focusFault() {
      (element.querySelector("[aria-invalid]") ?? element.querySelector("input, textarea"))?.focus();
    },
  };
}

function createEditor(model, submit) {
  if (model.family === "sequence") return createSequenceInput(model.inputs);
  if (model.family === "image") return createImageInput(model.inputs, submit);
  return createTableInput(model.inputs);
}

/** Examples by the network's answer; first those where the tree disagrees. */
function exampleChooser(examples, openExample) {
  const line = (each) => [each.row, `Row ${each.row + 1}: ${each.label} (${percent(each.probability)})`];
  const apart = examples.filter((each) => !each.agrees);
  const labels = [...new Set(examples.map(({label}) => label))].sort();
  const groups = labels.map((label) => ({
    label,
    options: examples.filter((each) => each.agrees && each.label === label).map(line),
  }));
  if (apart.length) {
    groups.unshift({
      label: "Where tree and network disagree",
      options: apart.map((each) => [line(each)[0], `${line(each)[1]}, tree: ${each.tree_label}`]),
    });
  }
  const chooser = select({id: "example", autocomplete: "off"}, [["", "choose a row"], ...groups]);
  chooser.addEventListener("change", () => {
    if (chooser.value !== "") openExample(Number(chooser.value));
  });
  return chooser;
}

/** A file of rows (a table: one of them is the input; a sequence: they are the steps). */
function csvFile(model, use, message) {
  const file = fileInput({id: "csv", accept: ".csv,.tsv,.txt,text/csv"});
  const position = h("input", {id: "csv-row", type: "number", min: 1, value: 1});
  const chooser = labelled("Row of the file", position);
  chooser.hidden = true;
  let instances = [];

  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const found = toInstances(parseCsv(await file.files[0].text()), model.inputs.features);
    message.textContent = found.problem ?? "";
    instances = found.instances ?? [];
    if (found.problem) return;
    const isTable = model.family === "tabular";
    chooser.hidden = !isTable || instances.length < 2;
    position.max = instances.length;
    position.value = 1;
    use(isTable ? instances[0] : instances);
  });
  position.addEventListener("change", () => {
    const row = instances[position.value - 1];
    if (row) use(row);
    else message.textContent = `The file has rows 1 to ${instances.length}.`;
  });
  return [labelled("CSV file", file), chooser];
}

function jsonPane(read, use) {
  const area = h("textarea", {rows: 5, spellcheck: "false", "aria-label": "Input as JSON"});
  const error = h("p", {class: "error", role: "alert"});
  const pane = h(
    "details",
    {},
    h("summary", {onclick: show}, "As JSON"),
    area,
    error,
    h("button", {type: "button", onclick: take}, "Use this JSON"),
  );

  // At the click and not at "toggle": the browser tells of that one later, when
  // somebody may already have typed into the field.
  function show() {
    if (!pane.open) area.value = JSON.stringify(read());
  }

  function take() {
    error.textContent = "";
    try {
      const content = JSON.parse(area.value);
      use(Array.isArray(content?.instances) ? content.instances[0] : content);
    } catch (problem) {
      error.textContent = `This is not JSON: ${problem.message}.`;
    }
  }

  return pane;
}
