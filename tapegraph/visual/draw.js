// From a scene and a state to SVG text: the same for browsers and for files.

const UNFIT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu; // no characters of XML 1.0
const escaped = (text) => String(text).replace(UNFIT, "\ufffd").replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const number = (value) => String(Math.round(value * 10) / 10);
const at = (x, y, w, h) => `x="${number(x)}" y="${number(y)}" width="${number(w)}" height="${number(h)}"`;
const words = (x, y, size, fill, text, more = "") => `<text x="${number(x)}" y="${number(y)}" font-size="${size}" fill="${fill}"${more}>${escaped(text)}</text>`;

/** Attributes for keyboard, pointer and screen reader; pictures without scripts are one image and have none of them. */
const alive = (state, { id, label, expanded = null, ...data }) => (state.inert ? "" : ` tabindex="-1" role="button" data-id="${escaped(id)}" aria-label="${escaped(label)}"${expanded === null ? "" : ` aria-expanded="${expanded}"`}${Object.entries(data).map(([name, value]) => ` data-${name}="${escaped(value)}"`).join("")}`);

const BLANK = {
  stage: 0, beside: null, group: "module", open: null, openBeside: null, expand: null, colour: "kind", part: "both", leaves: false, shapes: false, changes: false, steady: false, inert: false, direction: "down",
  theme: "light", selected: null, marked: { before: [], after: [] }, found: [],
};
const GUTTER = 56; // between two graphs side by side

/** Everything of a picture but its outer element: {parts: [column], width, height, legend}; columns are drawn from left to right. */
function compose(scene, given) {
  const state = { ...BLANK, ...given };
  const theme = THEMES[state.theme];
  const indices = state.beside === null ? [state.stage] : [state.beside, state.stage];
  const views = indices.map((index, i) => visible(scene, index, { ...state, open: indices.length === 2 && i === 0 ? state.openBeside : state.open }));
  const colours = colouring(views, state);
  const difference = differenceOf(scene, indices, state);
  let x = 0;
  const columns = views.map((view, i) => {
    const layout = layoutView(view, state);
    const marked = new Set(indices.length === 2 && i === 0 ? state.marked.before : [...state.marked.after, ...onlyFired(view.stage)]);
    const column = { view, layout, x, y: indices.length === 2 ? 26 : 0, index: indices[i], name: indices.length === 2 && i === 0 ? "before" : "after" };
    x += Math.max(layout.width, indices.length === 2 ? textWidth(view.stage.name, TITLE) + 30 : 0) + GUTTER;
    const look = { state, theme, colours, column, marked, changed: difference[i] };
    column.svg = drawColumn(look);
    return column;
  });
  const width = Math.max(x - GUTTER, 40);
  const height = Math.max(...columns.map((column) => column.layout.height + column.y), 40);
  return { state, columns, width, height, legend: colours.legend, svg: columns.map((column) => column.svg).join("") };
}

/** A stage of one rewrite shows at once what it built. */
const onlyFired = (stage) => (stage.firings.length === 1 ? stage.firings[0].right : []);

/** What is marked as gone or as new in each column; graphs of different families have no such difference. */
function differenceOf(scene, indices, state) {
  const nothing = { born: new Set(), gone: new Set() };
  if (indices.length === 1) return [changes(scene, state.stage)];
  const [left, right] = indices.map((index) => scene.stages[index]);
  if (left.family !== right.family) return [nothing, nothing];
  const missing = (from, other) => new Set([...from.full.byId.keys()].filter((id) => !other.full.byId.has(id)));
  return [{ born: new Set(), gone: missing(left, right) }, { born: missing(right, left), gone: new Set() }];
}

function drawColumn(look) {
  const { layout, x, y, view } = look.column;
  const heading = y ? `<g class="heading">${words(0, -12, TITLE, MODES[look.state.theme][view.stage.family] ?? look.theme.ink, view.stage.name, ' font-weight="600"')}</g>` : "";
  const parts = [
    ...layout.frames.map((frame) => drawFrame(frame, look)),
    ...layout.cells.map((cell) => drawShade(cell, look)),
    ...layout.edges.map((route) => drawEdge(route, look)),
    ...layout.frames.map((frame) => drawHeader(frame, look)),
    ...layout.boxes.map((spot) => drawBox(spot, look)),
  ];
  return `<g class="column" data-column="${look.column.name}" transform="translate(${number(x)} ${number(y)})">${heading}${parts.join("")}</g>`;
}

const frameFill = (group, theme) => theme.frames[chain({ parent: group }).length % 2];

const drawFrame = ({ group, x, y, w, h }, { theme }) => `<rect ${at(x, y, w, h)} rx="7" fill="${frameFill(group, theme)}" stroke="${theme.frame}"/>`;

/** The heading of an open group, which closes it. */
function drawHeader({ group, x, y, w }, { theme, column, state }) {
  const title = clipped(group.label, TITLE, w - 34);
  const chosen = state.selected === `${column.name}:${group.id}` ? ` stroke="${theme.focus}"` : "";
  const label = `group ${group.label}, ${plural(group.nodes.length, "op")}, open. Enter closes it`;
  return `<g class="frame"${alive(state, { id: group.id, label, expanded: true })}>` +
    `<rect ${at(x + 3, y + 3, textWidth(title, TITLE) * 1.1 + 24, 18)} rx="4" fill="${frameFill(group, theme)}" fill-opacity="0.85"${chosen}/>` +
    `<path d="M${number(x + 9)} ${number(y + 10)}h7l-3.5 4.5z" fill="${theme.faint}"/>` +
    words(x + 20, y + 16, 11.5, theme.faint, title, ' font-weight="600"') + "</g>";
}

/** Behind the boxes of a derivative, tied to the forward box that it is the derivative of. */
function drawShade({ x, y, w, h, front, back }, { theme, column, state }) {
  if (back.every((each) => column.view.stage.standing(each.id) === "not")) return "";
  const box = column.layout.boxes.find(({ id }) => id === front.id);
  const tie = state.direction === "right" ? `M${number(x + w / 2)} ${number(box.y + box.h)}V${number(y)}` : `M${number(box.x + box.w)} ${number(box.y + box.h / 2)}H${number(x)}`;
  return `<g class="shade"><path d="${tie}" stroke="${theme.saved}" stroke-dasharray="2 3" fill="none"/><rect ${at(x, y, w, h)} rx="6" fill="${theme.shade}"/></g>`;
}

/** A smooth curve through points: at each it has the direction of the layers, or goes across them where it is flat. */
function curve(points, across) {
  let path = `M${number(points[0].x)} ${number(points[0].y)}`;
  for (let i = 1; i < points.length; i += 1) {
    const [p, q] = [points[i - 1], points[i]];
    const [mx, my] = [(p.x + q.x) / 2, (p.y + q.y) / 2];
    const pull = (point) => (across !== Boolean(point.flat) ? `${number(mx)} ${number(point.y)}` : `${number(point.x)} ${number(my)}`);
    path += `C${pull(p)} ${pull(q)} ${number(q.x)} ${number(q.y)}`;
  }
  return path;
}

function arrowhead(points, across) {
  const [p, q] = points.slice(-2);
  if (across !== Boolean(q.flat)) return `M${number(q.x)} ${number(q.y)}l${-6 * (Math.sign(q.x - p.x) || 1)} -3.2v6.4z`;
  return `M${number(q.x)} ${number(q.y)}l-3.2 ${-6 * (Math.sign(q.y - p.y) || 1)}h6.4z`;
}

/** The middle of the longest stretch between two points. */
function middleOf(points) {
  let best = { far: -1 };
  for (let i = 1; i < points.length; i += 1) {
    const [p, q] = [points[i - 1], points[i]];
    const far = Math.hypot(q.x - p.x, q.y - p.y);
    if (far > best.far) best = { far, x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 };
  }
  return best;
}

function drawEdge({ edge, points, across }, { theme, state }) {
  if (edge.standing === "not") return "";
  const [from, to] = edge.parts;
  const saved = from !== "backward" && to === "backward"; // a value of the forward part that the derivative looks at
  const colour = edge.standing === "gone" ? theme.gone : saved ? theme.saved : from === "backward" ? theme.back : theme.edge;
  const dash = saved || edge.standing === "gone" ? ' stroke-dasharray="3 3"' : "";
  const width = Math.min(1 + Math.log2(edge.nodes.length) * 0.4, 2.6);
  const halo = ` stroke="${theme.page}" stroke-width="3" paint-order="stroke"`;
  const middle = middleOf(points);
  const count = edge.nodes.length > 1 ? words(middle.x, middle.y + 3, 9, theme.faint, `${edge.nodes.length}×`, ` text-anchor="middle"${halo}`) : "";
  const shape = state.shapes && edge.nodes.length === 1 ? words(points[0].x + 4, points[0].y + (across ? -4 : 11), 9, theme.faint, shapeOf(edge.nodes[0]), halo) : "";
  const ends = state.inert ? "" : ` data-from="${escaped(edge.from.id)}" data-to="${escaped(edge.to.id)}" aria-hidden="true"`;
  return `<g class="edge"${ends}${edge.standing === "gone" ? ' opacity="0.6"' : ""}><path d="${curve(points, across)}" fill="none" stroke="${colour}" stroke-width="${number(width)}"${dash}/>` +
    `<path d="${arrowhead(points, across)}" fill="${colour}"/>${count}${shape}</g>`;
}

/** How a box is outlined: chosen, marked by a firing, found, new, gone, a result, or plainly. */
function outline(box, { state, theme, marked, changed, column }) {
  const some = (ids) => box.nodes.some((node) => ids.has(node.id));
  const key = `${column.name}:${box.id}`;
  if (state.selected === key) return { stroke: theme.focus, width: 2.5, dash: "" };
  if (marked.size && some(marked)) return { stroke: theme.mark, width: 3, dash: "" };
  if (state.found.length && some(new Set(state.found))) return { stroke: theme.focus, width: 2, dash: "4 2" };
  if (some(changed.gone)) return { stroke: theme.gone, width: 2, dash: "4 3" };
  if (some(changed.born)) return { stroke: theme.born, width: 2, dash: "" };
  if (box.node?.result) return { stroke: theme.ink, width: 1.8, dash: "" };
  return { stroke: theme.border, width: box.group ? 1.2 : 0.8, dash: "" };
}

function drawBox({ x, y, w, h, box, face: { title, lines } }, look) {
  const standing = box.nodes.map((node) => look.column.view.stage.standing(node.id)).reduce(firmer);
  if (standing === "not") return "";
  const { theme, colours, column, state, changed } = look;
  const { fill, ink } = colours.of(box);
  const { stroke, width, dash } = outline(box, look);
  const border = ` stroke="${stroke}" stroke-width="${width}"${dash ? ` stroke-dasharray="${dash}"` : ""}`;
  const behind = box.group ? `<rect ${at(x + 4, y + 4, w, h)} rx="5" fill="${theme.group}" stroke="${theme.frame}"/>` : "";
  const radius = box.node?.kind === "input" ? h / 2 : 4;
  const marking = state.marked.before.length + state.marked.after.length > 0;
  const quiet = !box.nodes.some((node) => look.marked.has(node.id)) && (standing === "gone" || marking);
  const middle = x + w / 2;
  const tint = ink === theme.ink ? theme.faint : ink;
  const text = [words(middle, y + 15, TITLE, ink, title, ` text-anchor="middle"${box.group ? ' font-weight="600"' : ""}`)];
  lines.forEach((line, i) => text.push(words(middle, y + 28 + 13 * i, SMALL, tint, line, ' text-anchor="middle"')));
  const bar = box.group && state.colour === "kind" ? kindsBar(box, x + 6, y + h - 7, w - 12, theme) : "";
  const lit = box.group ? changedShare(box, changed) : "";
  const live = alive(state, { id: box.id, label: told(box, lines) + lit, expanded: box.group ? false : null, line: lineOf(box), same: box.node ? box.node.twin || box.node.id : "" });
  return `<g class="box"${live}${quiet ? ' opacity="0.55"' : ""}>` +
    `${behind}<rect class="body" ${at(x, y, w, h)} rx="${number(Math.min(radius, 12))}" fill="${fill}"${border}/>${bar}${text.join("")}</g>`;
}

const lineOf = (box) => (box.node?.place === undefined ? "" : box.node.place);

const changedShare = (box, changed) => {
  const count = box.nodes.filter((node) => changed.born.has(node.id) || changed.gone.has(node.id)).length;
  return count ? `, ${count} changed` : "";
};

/** What a screen reader says of a box. */
function told(box, lines) {
  if (box.group) return `group ${box.group.label}, ${lines.join(", ")}, closed. Enter opens it`;
  const { node } = box;
  return [node.label === node.op ? node.op : `${node.op} ${node.label}`, valueOf(node), ...lines, node.part === "backward" ? "backward" : ""].filter(Boolean).join(", ");
}

function kindsBar(box, x, y, w, theme) {
  let from = x;
  return mixture(box.nodes).map(([kind, share]) => {
    const part = `<rect ${at(from, y, w * share, 3)} fill="${mixed(theme.page, KINDS[kind] ?? KINDS.other, Math.min(theme.strength + 0.25, 1))}"/>`;
    from += w * share;
    return part;
  }).join("");
}

/** The legend as SVG: {svg, width, height}. */
function drawLegend(legend, theme) {
  const ink = THEMES[theme];
  if (legend.kind === "line") return { svg: words(0, 11, SMALL, ink.faint, "boxes of one colour stem from one line of the program"), width: 260, height: 16 };
  if (legend.kind === "scale") {
    const label = `${legend.name}${legend.log ? " (logarithmic)" : ""}`;
    const start = textWidth(label, SMALL) + 8;
    const steps = Array.from({ length: 24 }, (_, i) => `<rect ${at(start + i * 5, 2, 5.4, 11)} fill="${along(legend.stops, i / 23)}"/>`).join("");
    const ends = `${quantity(legend.least, legend.measure)} to ${quantity(legend.most, legend.measure)}; unfilled: not measured`;
    return { svg: words(0, 11, SMALL, ink.faint, label) + steps + words(start + 128, 11, SMALL, ink.faint, ends), width: start + 134 + textWidth(ends, SMALL), height: 16 };
  }
  let x = 0;
  const svg = legend.entries.map(({ name, fill }) => {
    const part = `<rect ${at(x, 2, 11, 11)} rx="2" fill="${fill}" stroke="${ink.border}" stroke-width="0.6"/>${words(x + 15, 11, SMALL, ink.faint, name)}`;
    x += 15 + textWidth(name, SMALL) + 14;
    return part;
  }).join("");
  return { svg, width: x, height: 16 };
}

/** A whole SVG file of a scene in a state, with margin, title and legend. */
function drawPicture(json, given) {
  const scene = readScene(json);
  const picture = compose(scene, { ...given, inert: true });
  const { theme, title } = { theme: picture.state.theme, title: json.title };
  const legend = drawLegend(picture.legend, theme);
  const margin = 12;
  const width = Math.max(picture.width, legend.width) + 2 * margin;
  const height = picture.height + legend.height + 3 * margin;
  const scaled = given.width ? given.width / width : 1;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${number(width)} ${number(height)}" width="${number(width * scaled)}" height="${number(height * scaled)}" font-family="${FONT}" role="img" aria-label="${escaped(title)}">` +
    `<title>${escaped(title)}</title><rect width="100%" height="100%" fill="${THEMES[theme].page}"/>` +
    `<g transform="translate(${number((width - picture.width) / 2)} ${margin})">${picture.svg}</g>` +
    `<g transform="translate(${number((width - legend.width) / 2)} ${number(height - legend.height - margin)})">${legend.svg}</g></svg>\n`;
}
