// Where the nodes of a tree stand: from left to right, a leaf or a folded branch a row.

/** One region's tree as a document, its root first; all of it where there is no such region. */
export function treeOf(document, name) {
  const region = document.regions?.find((each) => each.name === name);
  if (!region) return document;
  const nodes = new Map(document.nodes.map((node) => [node.id, node]));
  const below = (id) => {
    const node = nodes.get(id);
    return node.leaf ? [node] : [node, ...below(node.left), ...below(node.right)];
  };
  return {...document, nodes: below(region.root)};
}

/** Nodes by id, the root first, with the leaves below each; a region's root has no parent. */
export function indexTree(document) {
  const [root] = document.nodes;
  const inside = (node) => ({
    ...node,
    parent: node === root ? null : node.parent,
    depth: node.depth - root.depth,
    leaves: 0,
  });
  const nodes = new Map(document.nodes.map((node) => [node.id, inside(node)]));
  const count = (node) => {
    node.leaves = node.leaf ? 1 : count(nodes.get(node.left)) + count(nodes.get(node.right));
    return node.leaves;
  };
  count(rootOf(nodes));
  return nodes;
}

/** The node that all others lie below. */
export function rootOf(nodes) {
  return nodes.values().next().value;
}

/** Ids from the root to a node. */
export function pathTo(nodes, id) {
  const path = [];
  for (let at = id; at !== null && at !== undefined; at = nodes.get(at).parent) path.unshift(at);
  return path;
}

/** The branches to fold so that a large tree shows the path and little else. */
export function foldsFor(nodes, path, most) {
  const root = rootOf(nodes);
  if (root.leaves <= most) return new Set();
  const onPath = new Set(path);
  const isFolded = (node) => {
    if (node.leaf || onPath.has(node.id)) return false;
    return path.length ? onPath.has(node.parent) : node.depth === 3;
  };
  return new Set([...nodes.values()].filter(isFolded).map((node) => node.id));
}

/** The nodes to draw in reading order, each with its column and row. */
export function place(nodes, folds) {
  const placed = [];
  let row = 0;
  const visit = (id, column) => {
    const node = nodes.get(id);
    const folded = folds.has(id);
    const spot = {node, column, folded, row: 0};
    placed.push(spot);
    if (node.leaf || folded) {
      spot.row = row;
      row += 1;
    } else {
      spot.row = (visit(node.left, column + 1).row + visit(node.right, column + 1).row) / 2;
    }
    return spot;
  };
  visit(rootOf(nodes).id, 0);
  return {placed, rows: row, columns: 1 + Math.max(...placed.map((spot) => spot.column))};
}
