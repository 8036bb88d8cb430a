// Where boxes stand: each open group is laid out in layers by dagre on its own and is one box to what is around it.

const PAD = 12;
const HEADER = 22;
const BESIDE = 14; // between a forward box and the boxes of its derivative
const GAP = 14; // between the boxes of a derivative
const LANE = 12; // to their right, for edges that pass some of them

/** Positions of all boxes, frames and edges of a view: {width, height, boxes, frames, edges}. */
function layoutView(view, state) {
  const across = state.direction === "right";
  const faces = new Map([...view.boxes.values()].map((box) => [box.id, face(box, view)]));
  const size = (box) => { const { w, h } = faces.get(box.id); return across ? { w: h, h: w } : { w, h }; };
  const job = { view, state, across, size, faces, levels: planEdges(view), blocks: new Map() };
  const block = layoutGroup(view.root, job);
  const placed = { boxes: new Map(), frames: [], cells: [] };
  place(block, 0, 0, job, placed);
  const edges = view.edges.map((edge) => route(edge, job, placed));
  return finished(block, placed, edges, job);
}

/** The open groups around a box, outermost first. */
function chain(box) {
  const found = [];
  for (let group = box.parent; group; group = group.parent) found.unshift(group);
  return found;
}

/** For each open group, which of its members are joined by edges, and which edges cross its border. */
function planEdges(view) {
  const levels = new Map();
  const level = (group) => levels.get(group) ?? levels.set(group, { joins: [], ports: new Map() }).get(group);
  const sorted = [...view.edges].sort((a, b) => rankOf(a) - rankOf(b));
  for (const edge of sorted) {
    const [from, to] = [chain(edge.from), chain(edge.to)];
    let depth = 0;
    while (depth < from.length && from[depth] === to[depth]) depth += 1;
    edge.level = from[depth - 1];
    edge.exits = from.slice(depth).reverse();
    edge.entries = to.slice(depth);
    edge.joined = [from[depth] ?? edge.from, to[depth] ?? edge.to];
    level(edge.level).joins.push(edge);
    edge.exits.forEach((group, i) => port(level(group), edge, exitSide(edge), exiting(edge, i)));
    edge.entries.forEach((group, i) => port(level(group), edge, entrySide(edge), entering(edge, i)));
  }
  return levels;
}

const exitSide = (edge) => (edge.up ? "top" : "bottom");
const entrySide = (edge) => (edge.up ? "bottom" : "top");
const exiting = (edge, i) => (i ? edge.exits[i - 1] : edge.from); // the member of the i-th group that an edge comes from
const entering = (edge, i) => edge.entries[i + 1] ?? edge.to;
const rankOf = (edge) => edge.parts.filter((part) => part === "backward").length;
// Gradients go to an optimizer from everywhere: they share a port by where they go, other edges by where they come from.
const gathered = (edge) => edge.parts[0] === "backward" && edge.parts[1] === "update";
const portKey = (side, edge) => `${side}\n${gathered(edge) ? `to ${edge.to.id}` : edge.from.id}`;
const portId = (key) => `port\n${key}`;

function port(level, edge, side, member) {
  const key = portKey(side, edge);
  const found = level.ports.get(key) ?? level.ports.set(key, { key, side, bus: gathered(edge), members: new Set() }).get(key);
  found.members.add(member.id);
}

/** One open group: size, and places of its members, ports and edges relative to its corner. */
function layoutGroup(group, job) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", ranksep: job.state.shapes ? (job.across ? 64 : 36) : 26, nodesep: 16, edgesep: 9 });
  const { cells, cellOf } = cellsOf(group, job);
  for (const cell of cells) graph.setNode(cell.id, { width: cell.w, height: cell.h });
  const { joins, ports } = job.levels.get(group) ?? { joins: [], ports: new Map() };
  const buses = new Map();
  for (const edge of joins) join(graph, edge, cellOf);
  for (const entry of ports.values()) addPort(graph, entry, cellOf, (ids, end) => addBus(graph, ids, end, order(group, cellOf), buses));
  return (job.blocks.set(group, measured(group, laidOut(graph), { cells, cellOf, buses }, ports, job)), job.blocks.get(group));
}

const LAID_OUT = new Map(); // by what dagre was given: opening one group leaves most others as they were

/** The graph with places for its nodes and edges; the one of an earlier call where dagre was given the same. */
function laidOut(graph) {
  const key = JSON.stringify([graph.graph(), graph.nodes().map((id) => [id, graph.node(id)]), graph.edges().map((edge) => [edge.v, edge.w, graph.edge(edge)])]);
  const known = LAID_OUT.get(key);
  if (known) return known;
  if (graph.nodeCount()) dagre.layout(graph);
  if (LAID_OUT.size > 1000) LAID_OUT.clear();
  LAID_OUT.set(key, graph);
  return graph;
}

/** Members as dagre sees them: open groups, boxes, and a forward box together with the boxes of its derivative. */
function cellsOf(group, job) {
  const cells = [];
  const cellOf = new Map();
  const boxes = group.members.filter((member) => !member.open).map((member) => job.view.boxes.get(member.id));
  for (const member of group.members.filter((each) => each.open)) {
    const inner = layoutGroup(member, job);
    cells.push({ id: member.id, w: inner.w, h: inner.h, inner });
    cellOf.set(member.id, member.id);
  }
  const partners = derivatives(boxes, job.state);
  for (const box of boxes) {
    if (partners.taken.has(box.id)) continue;
    const cell = cellAround(box, partners.of.get(box.id) ?? [], job);
    cells.push(cell);
    for (const each of [box, ...cell.back]) cellOf.set(each.id, cell.id);
  }
  return { cells, cellOf };
}

/** Which backward boxes stand beside which forward box. */
function derivatives(boxes, state) {
  const of = new Map();
  const taken = new Set();
  if (!mirrored(state)) return { of, taken };
  const forward = new Map(boxes.filter((box) => box.node?.part === "forward").map((box) => [box.node.id, box]));
  for (const box of boxes) {
    const front = box.node?.part === "backward" ? forward.get(box.node.of) : undefined;
    if (!front) continue;
    of.set(front.id, [...(of.get(front.id) ?? []), box]);
    taken.add(box.id);
  }
  return { of, taken };
}

/** A forward box with its derivative to the right, first computed lowest: the derivative flows upwards. */
function cellAround(front, back, job) {
  const own = job.size(front);
  if (!back.length) return { id: front.id, front, back, w: own.w, h: own.h, at: new Map([[front.id, { x: 0, y: 0, ...own }]]) };
  const sizes = back.map(job.size);
  const width = Math.max(...sizes.map(({ w }) => w));
  const lane = back.length > 1 ? LANE : 0;
  const height = sizes.reduce((sum, { h }) => sum + h + GAP, 0);
  const h = Math.max(own.h, height);
  const at = new Map([[front.id, { x: 0, y: (h - own.h) / 2, ...own }]]);
  const shade = { x: own.w + BESIDE, y: (h - height) / 2, w: width + 12 + lane, h: height };
  let y = (h + height) / 2 - GAP / 2;
  back.forEach((box, i) => {
    y -= sizes[i].h;
    const ends = { lowest: i === 0, highest: i === back.length - 1, lane: own.w + BESIDE + width + 6 + lane };
    at.set(box.id, { x: own.w + BESIDE + 6 + (width - sizes[i].w) / 2, y, ...sizes[i], stack: ends });
    y -= GAP;
  });
  return { id: front.id, front, back, shade, w: own.w + BESIDE + shade.w, h, at };
}

/** One edge of dagre's for each pair of members, whichever way values flow between them. */
function join(graph, edge, cellOf) {
  const ends = edge.joined.map((member) => cellOf.get(member.id));
  const [above, below] = edge.up ? [ends[1], ends[0]] : ends;
  edge.ends = ends;
  if (above === below) return;
  const weight = edge.parts.includes("backward") ? 1 : 3;
  if (graph.hasEdge(below, above)) return;
  const known = graph.hasEdge(above, below) ? graph.edge(above, below).weight : 0;
  graph.setEdge(above, below, { weight: known + weight, minlen: 1 });
}

/** A port is a point of the border: a node of no size that is held at the first or last layer. */
function addPort(graph, entry, cellOf, addBus) {
  const id = portId(entry.key);
  const end = `end\n${entry.side}`;
  const edge = (above, below, weight) => (entry.side === "top" ? graph.setEdge(above, below, { weight, minlen: 1 }) : graph.setEdge(below, above, { weight, minlen: 1 }));
  if (!graph.hasNode(end)) graph.setNode(end, { width: 0, height: 0 });
  graph.setNode(id, { width: 4, height: 0 });
  edge(end, id, 4);
  const members = [...new Set([...entry.members].map((member) => cellOf.get(member)))];
  if (entry.bus && entry.side === "bottom" && members.length > 1) addBus(members, id);
  else for (const member of members) edge(id, member, 1);
}

/** Cells in the order of the program. */
function order(group, cellOf) {
  const place = new Map();
  for (const member of group.members) if (!place.has(cellOf.get(member.id))) place.set(cellOf.get(member.id), place.size);
  return place;
}

/** One line down a group that its members' edges join, in the place of a line for each: a chain of joints down to the end. */
function addBus(graph, members, end, place, buses) {
  const sorted = [...members].sort((a, b) => place.get(a) - place.get(b));
  const joints = sorted.map((member) => `joint\n${end}\n${member}`);
  for (const joint of joints) graph.setNode(joint, { width: 4, height: 0 });
  sorted.forEach((member, i) => {
    graph.setEdge(member, joints[i], { weight: 1, minlen: 1 });
    graph.setEdge(joints[i], joints[i + 1] ?? end, { weight: 4, minlen: 1 });
    buses.set(`${member}\t${end}`, [member, ...joints.slice(i), end]);
  });
}

/** The extent of what dagre placed, moved so that it begins inside the padding. */
function measured(group, graph, { cells, cellOf, buses }, ports, job) {
  const root = !group.parent;
  const header = root ? 0 : HEADER;
  const [left, top] = job.across ? [header, 0] : [0, header];
  const pad = root ? 0 : PAD;
  const spots = cells.map((cell) => { const { x, y } = graph.node(cell.id); return { x: x - cell.w / 2, y: y - cell.h / 2, w: cell.w, h: cell.h }; });
  const bends = graph.edges().filter(({ v, w }) => !`${v}${w}`.includes("end\n")).map((e) => [e, graph.edge(e).points.slice(1, -1)]);
  const xs = [...spots.flatMap(({ x, w }) => [x, x + w]), ...bends.flatMap(([, points]) => points.map((p) => p.x))];
  const ys = spots.flatMap(({ y, h }) => [y, y + h]);
  const [x0, y0] = [Math.min(...xs, Infinity), Math.min(...ys, Infinity)];
  const dx = pad + left - (xs.length ? x0 : 0);
  const dy = pad + top - (ys.length ? y0 : 0);
  const title = root ? 0 : textWidth(clipped(group.label, TITLE), TITLE) * 1.08 + 60;
  let w = (xs.length ? Math.max(...xs) - x0 : 0) + 2 * pad + left;
  let h = (ys.length ? Math.max(...ys) - y0 : 0) + 2 * pad + top;
  if (job.across) h = Math.max(h, title);
  else w = Math.max(w, title);
  const block = { group, cellOf, buses, w, h, cells: [], ports: new Map(), bends: new Map() };
  cells.forEach((cell, i) => block.cells.push({ ...cell, x: spots[i].x + dx, y: spots[i].y + dy }));
  for (const { key, side } of ports.values()) {
    const { x, y } = graph.node(portId(key));
    const row = spots.filter((spot) => spot.y <= y && y <= spot.y + spot.h);
    const free = side === "top" ? Math.max(y, ...row.map((spot) => spot.y + spot.h)) : Math.min(y, ...row.map((spot) => spot.y));
    block.ports.set(key, { x: Math.min(Math.max(x + dx, 6), w - 6), free: row.length ? free + dy : null });
  }
  block.joints = new Map([...buses.values()].flatMap((path) => path.slice(1, -1)).map((id) => [id, { x: graph.node(id).x + dx, y: Math.min(graph.node(id).y + dy, h - PAD / 2) }]));
  const within = ({ y }) => y > 0 && y < h - PAD / 2; // layers of ports alone lie beyond the border
  for (const [{ v, w: to }, points] of bends) {
    const moved = points.map(({ x, y }) => ({ x: x + dx, y: y + dy })).filter(within);
    block.bends.set(`${v}\t${to}`, points.length > 1 ? moved : []);
  }
  return block;
}

/** Walks down the blocks and notes where everything stands on the canvas. */
function place(block, x, y, job, placed) {
  block.x = x;
  block.y = y;
  if (block.group.parent) placed.frames.push({ group: block.group, x, y, w: block.w, h: block.h });
  for (const cell of block.cells) {
    if (cell.inner) {
      place(cell.inner, x + cell.x, y + cell.y, job, placed);
      continue;
    }
    if (cell.shade) placed.cells.push({ x: x + cell.x + cell.shade.x, y: y + cell.y + cell.shade.y, w: cell.shade.w, h: cell.shade.h, front: cell.front, back: cell.back });
    for (const [id, at] of cell.at) placed.boxes.set(id, { x: x + cell.x + at.x, y: y + cell.y + at.y, w: at.w, h: at.h, stack: at.stack && { ...at.stack, lane: x + cell.x + at.stack.lane } });
  }
}
