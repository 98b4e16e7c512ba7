// Elements in one expression. Text is always text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** h("p", {class: "note", onclick: f}, "text", child): an HTML element. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => (child ?? false) !== false));
  return element;
}

/** A <select>; options are [value, text] or {label, options: [[value, text], ...]}. */
export function select(attributes, options, chosen) {
  const element = h("select", attributes, options.map(option));
  if (chosen !== undefined) element.value = chosen;
  return element;
}

function option(entry) {
  if (Array.isArray(entry)) return h("option", {value: entry[0]}, entry[1]);
  return h("optgroup", {label: entry.label}, entry.options.map(option));
}

/** A choice of a file that may be the one chosen last: it has been changed meanwhile. */
export function fileInput(attributes) {
  return h("input", {type: "file", onclick: (event) => (event.target.value = ""), ...attributes});
}

/** A control, which must have an id, below its label. */
export function labelled(text, control) {
  return h("div", {class: "field"}, h("label", {for: control.id}, text), control);
}

/** What `draw(items)` makes of the first `few`, and a button that shows all or few again. */
export function firstFew(items, few, draw) {
  const place = h("div");
  let isWhole = false;
  const button = h("button", {type: "button", onclick: () => show(!isWhole)});
  const show = (whole) => {
    isWhole = whole;
    place.replaceChildren(draw(whole ? items : items.slice(0, few)));
    button.textContent = whole ? `Show the first ${few}` : `Show all ${items.length}`;
  };
  show(false);
  return h("div", {}, place, items.length > few && button);
}

/** A table with a head; cells are text or elements, the first of a row is its header. */
export function table(caption, head, rows, attributes = {}) {
  return h(
    "div",
    {class: "scroll", tabindex: 0, role: "region", "aria-label": caption},
    h(
      "table",
      attributes,
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, head.map((text) => h("th", {scope: "col"}, text)))),
      h("tbody", {}, rows.map(row)),
    ),
  );
}

function row(cells) {
  const [first, ...rest] = cells;
  return h(
    "tr",
    {},
    h("th", {scope: "row"}, first),
    rest.map((cell) => h("td", {}, cell)),
  );
}
