// Which bytes a reader looks at: what an auditor holds against the bundle.

import {h} from "./dom.js";

/** [path in the bundle, SHA-256 as hexadecimal digits] of each file, to be opened. */
export function fileDigests(files) {
  return h(
    "details",
    {},
    h("summary", {}, "Files of the bundle, with their SHA-256"),
    h("dl", {}, files.map(([path, digest]) => [h("dt", {}, path), h("dd", {}, h("code", {}, digest))])),
  );
}
