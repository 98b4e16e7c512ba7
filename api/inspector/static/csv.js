// Tables as text: comma, semicolon or tab; quotes as in RFC 4180.

const MISSING = new Set(["", "na", "nan", "null", "none", "?"]);

/** Rows of cells, without empty lines; null where a quote is never closed. */
export function parseCsv(text) {
  const mark = guessDelimiter(text);
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${mark}\\r\\n][^${mark}\\r\\n]*)?)(${mark}|\\r?\\n)`, "y");
  const whole = `${text.replace(/^\ufeff/, "").replace(/[\r\n]+$/, "")}\n`;
  const rows = [];
  let cells = [];
  while (cell.lastIndex < whole.length) {
    const found = cell.exec(whole);
    if (found === null) return null;
    const [, quoted, plain = "", end] = found;
    cells.push((quoted?.replaceAll('""', '"') ?? plain).trim());
    if (end === mark) continue;
    if (cells.some((value) => value !== "")) rows.push(cells);
    cells = [];
  }
  return rows;
}

function guessDelimiter(text) {
  const line = text.split(/\r?\n/, 1)[0];
  const counts = ["\t", ";", ","].map((mark) => [line.split(mark).length, mark]);
  return counts.reduce((best, next) => (next[0] > best[0] ? next : best))[1];
}

/**
 * Rows as instances: by the names in the first row where they are the features', else
 * in input order. Returns {instances, problem}: one of them null.
 */
export function toInstances(rows, features) {
  if (rows === null) return {instances: null, problem: "A quote in the file is never closed."};
  if (!rows.length) return {instances: null, problem: "The file holds no rows."};
  const names = features.map((feature) => feature.name);
  const known = rows[0].filter((cell) => names.includes(cell)).length;
  const columns = known ? names.map((name) => rows[0].indexOf(name)) : names.map((_, i) => i);
  const absent = names.filter((_, i) => columns[i] < 0);
  if (absent.length) {
    return {instances: null, problem: `The file lacks the columns ${absent.join(", ")}.`};
  }
  const body = known || isHeader(rows[0], features) ? rows.slice(1) : rows;
  if (!body.length) return {instances: null, problem: "The file holds a header but no row."};
  if (!known && body[0].length !== names.length) {
    const found = `The first row has ${body[0].length} values`;
    return {instances: null, problem: `${found}; the model takes ${names.length}.`};
  }
  const uneven = body.findIndex((cells) => cells.length !== rows[0].length);
  if (uneven >= 0) {
    const found = `Row ${uneven + 1} has ${body[uneven].length} values`;
    return {instances: null, problem: `${found}, the first line ${rows[0].length}.`};
  }
  const instances = body.map((cells) =>
    features.map((feature, i) => value(cells[columns[i]], feature)),
  );
  return {instances, problem: null};
}

/** A first row without any number, for features that are numbers, is a header. */
function isHeader(cells, features) {
  const numeric = features.some((feature) => feature.kind === "numeric");
  return numeric && cells.every((cell) => cell !== "" && Number.isNaN(Number(cell)));
}

function value(cell, feature) {
  const text = cell ?? "";
  if (feature.categories.includes(text)) return text;
  if (MISSING.has(text.toLowerCase())) return null;
  const number = Number(text);
  return feature.kind === "numeric" && !Number.isNaN(number) ? number : text;
}
