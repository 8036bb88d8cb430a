// The way of each edge: out through the borders of open groups, along the layers, in through borders, to a box.

/** The points of an edge; it runs along the layers at each of them, or across where the point is ``flat``. */
function route(edge, job, placed) {
  const from = placed.boxes.get(edge.from.id);
  const to = placed.boxes.get(edge.to.id);
  if (edge.ends[0] === edge.ends[1] && edge.level && !edge.exits.length && !edge.entries.length) return beside(edge, from, to);
  const middle = bendsOf(edge, job);
  const up = edge.exits.length || edge.entries.length ? edge.up : to.y + to.h / 2 < from.y + from.h / 2;
  const points = ending(edge.from, from, up ? "top" : "bottom", edge.parts[0], job);
  edge.exits.forEach((group, i) => points.push(...inside(group, exitSide(edge), exiting(edge, i), edge, job).reverse()));
  points.push(...middle);
  edge.entries.forEach((group, i) => points.push(...inside(group, entrySide(edge), entering(edge, i), edge, job)));
  points.push(...ending(edge.to, to, up ? "bottom" : "top", edge.parts[1], job).reverse());
  return { edge, points };
}

/** Between boxes of one cell: across from the forward box, along within the derivative, by the lane past other boxes. */
function beside(edge, from, to) {
  const middle = (box) => box.y + box.h / 2;
  if (edge.parts[0] !== edge.parts[1]) {
    const right = to.x > from.x;
    return { edge, points: [{ x: right ? from.x + from.w : from.x, y: middle(from), flat: true }, { x: right ? to.x : to.x + to.w, y: middle(to), flat: true }] };
  }
  const up = to.y < from.y;
  const gap = up ? from.y - (to.y + to.h) : to.y - (from.y + from.h);
  if (gap < GAP + 1) return { edge, points: [{ x: from.x + from.w / 2, y: up ? from.y : from.y + from.h }, { x: to.x + to.w / 2, y: up ? to.y + to.h : to.y }] };
  const { lane } = from.stack;
  return { edge, points: [{ x: from.x + from.w, y: middle(from), flat: true }, { x: lane, y: (middle(from) + middle(to)) / 2 }, { x: to.x + to.w, y: middle(to), flat: true }] };
}

/** From a box to where its edge is free: boxes inside a stack are reached by the lane to their right. */
function ending(box, at, side, part, job) {
  const blocked = at.stack && !(side === "top" ? at.stack.highest : at.stack.lowest);
  if (!blocked) return [anchor(box, at, side, part, job)];
  const y = at.y + at.h / 2;
  return [{ x: at.x + at.w, y, flat: true }, { x: at.stack.lane, y: side === "top" ? at.y - 4 : at.y + at.h + 4 }];
}

/** The bends between two members of a group, from the first to the second. */
function bendsBetween(block, a, b) {
  const path = block.buses.get(`${a}\t${b}`) ?? block.buses.get(`${b}\t${a}`);
  if (path) return path[0] === a ? alongBus(block, path) : alongBus(block, path).reverse();
  return bendsOn(block, a, b);
}

/** The bends and joints on a line that several edges share. */
function alongBus(block, path) {
  return path.slice(1).flatMap((to, i) => {
    const joint = block.joints.get(to);
    return [...bendsOn(block, path[i], to), ...(joint ? [{ x: joint.x + block.x, y: joint.y + block.y }] : [])];
  });
}

function bendsOn(block, a, b) {
  const shift = ({ x, y }) => ({ x: x + block.x, y: y + block.y });
  const ahead = block.bends.get(`${a}\t${b}`);
  return ahead ? ahead.map(shift) : (block.bends.get(`${b}\t${a}`) ?? []).map(shift).reverse();
}

function bendsOf(edge, job) {
  const apart = edge.up ? 9 : 0; // beside the forward edge of the same pair
  return bendsBetween(job.blocks.get(edge.level), ...edge.ends).map(({ x, y }) => ({ x: x + apart, y }));
}

/** From the border of a group to one of its members, straight past the boxes of the first layer. */
function inside(group, side, member, edge, job) {
  const block = job.blocks.get(group);
  const key = portKey(side, edge);
  const port = block.ports.get(key);
  const x = block.x + port.x;
  const cell = block.cellOf.get(member.id);
  const straight = port.free === null || block.buses.has(`${cell}\t${portId(key)}`);
  const past = straight ? [] : [{ x, y: block.y + port.free }];
  return [{ x, y: side === "top" ? block.y : block.y + block.h }, ...past, ...bendsBetween(block, portId(key), cell)];
}

/** The point of a box's border that an edge of a part uses; groups of both parts have a half for each. */
function anchor(box, at, side, part, job) {
  const share = job.faces.get(box.id).halves ? (part === "backward" ? 0.75 : 0.25) : 0.5;
  return { x: at.x + at.w * share, y: side === "top" ? at.y : at.y + at.h };
}

/** Turns the picture on its side where it runs to the right, and gathers what the painter needs. */
function finished(block, placed, edges, job) {
  const turn = job.across ? ({ x, y, w, h, ...rest }) => ({ ...rest, x: y, y: x, ...(w === undefined ? {} : { w: h, h: w }) }) : (spot) => spot;
  const boxes = [...placed.boxes].map(([id, spot]) => ({ ...turn(spot), id, box: job.view.boxes.get(id), face: job.faces.get(id) }));
  const routes = edges.map(({ points, ...rest }) => ({ ...rest, points: points.map(turn), across: job.across }));
  const [width, height] = job.across ? [block.h, block.w] : [block.w, block.h];
  return { width, height, boxes, frames: placed.frames.map(turn), cells: placed.cells.map(turn), edges: routes };
}
