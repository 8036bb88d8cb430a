// What stands in a box and how large the box is; text is measured by a table, so that it needs no browser.

// Widths of the characters 32 to 126 in hundredths of an em, of Arial and the fonts made to its measure (Helvetica, Liberation Sans).
const WIDTHS = [
  28, 28, 35, 56, 56, 89, 67, 19, 33, 33, 39, 58, 28, 33, 28, 28, 56, 56, 56, 56, 56, 56, 56, 56, 56, 56, 28, 28, 58, 58, 58, 56,
  102, 67, 67, 72, 72, 67, 61, 78, 72, 28, 50, 67, 56, 83, 72, 78, 67, 78, 72, 67, 61, 72, 67, 94, 67, 67, 61, 28, 28, 28, 47, 56,
  33, 56, 56, 50, 56, 56, 28, 56, 56, 22, 22, 50, 22, 83, 56, 56, 56, 56, 33, 50, 28, 56, 50, 72, 50, 50, 50, 33, 26, 33, 58,
];
const TITLE = 12;
const SMALL = 10;
const WIDEST = 170; // a longer text ends in an ellipsis; the panel has the whole of it

function textWidth(text, size) {
  let sum = 0;
  for (const character of text) sum += WIDTHS[character.codePointAt(0) - 32] ?? 80;
  return (sum * size) / 100;
}

function clipped(text, size, width = WIDEST) {
  if (textWidth(text, size) <= width) return text;
  let kept = [...text];
  while (kept.length && textWidth(kept.join("") + "…", size) > width) kept.pop();
  return kept.join("") + "…";
}

const grouped = new Intl.NumberFormat("en"); // made once: making one takes longer than drawing a box
const shapeOf = (node) => (node.shape.length ? node.shape.join("×") : "scalar");
const valueOf = (node) => `${node.dtype} ${node.shape.length ? shapeOf(node) : ""}`.trim();
const plural = (count, noun) => `${grouped.format(count)} ${noun}${count === 1 ? "" : "s"}`;
const hasBoth = (box) => box.nodes.some((n) => n.part === "forward") && box.nodes.some((n) => n.part === "backward");

/** The lines of a box and its size: {title, lines, w, h, halves}; the largest size that it has in any stage with its place. */
function face(box, view) {
  const { title, lines } = written(box, box.node, view);
  const others = box.node ? view.stage.versions(box.node.id).map((node) => written(box, node, view)) : [];
  const all = [{ title, lines }, ...others];
  const width = Math.max(...all.flatMap((each) => [textWidth(each.title, TITLE) * (box.group ? 1.1 : 1), ...each.lines.map((line) => textWidth(line, SMALL))]));
  const h = 23 + 13 * Math.max(...all.map((each) => each.lines.length)) + (box.group ? 6 : 0);
  const round = box.node?.kind === "input" ? 10 : 0;
  return { title, lines, w: Math.max(38, width + 18 + round), h, halves: Boolean(box.group) && mirrored(view.state) && hasBoth(box) };
}

function written(box, node, view) {
  const [first, ...more] = (box.group ? box.group.label : node.label).split("\n");
  const lines = box.group ? groupLines(box, view) : [...more, ...nodeLines(node, view)];
  return { title: clipped(first, TITLE), lines: lines.map((line) => clipped(line, SMALL)) };
}

function nodeLines(node, view) {
  const lines = [];
  const leaves = view.chips(node).map((leaf) => leaf.label);
  if (leaves.length) lines.push([...new Set(leaves)].join(", "));
  if (node.result) lines.push(`→ ${node.result}`);
  return lines;
}

function groupLines(box, view) {
  const present = box.nodes.filter((node) => view.stage.standing(node.id) === "now");
  const counts = ["forward", "backward", "update"].map((part) => [present.filter((node) => node.part === part).length, part]).filter(([count]) => count);
  const lines = [counts.length > 1 ? counts.map(([count, part]) => `${count} ${part}`).join(" | ") : plural(present.length, "op")];
  const time = total(present, "seconds");
  if (time !== null) lines[0] += ` · ${quantity(time, "seconds")}`;
  if (view.state.group === "kernel") lines.push([...new Set(box.nodes.map((node) => node.label))].join(", "));
  const out = [...new Set(leaving(box, view).map(shapeOf))];
  if (out.length) lines.push(`→ ${out.slice(0, 3).join(", ")}${out.length > 3 ? ", …" : ""}`);
  return lines;
}

/** The nodes of a group whose values are used outside it or returned, forward ones if there are any. */
function leaving(box, view) {
  const inside = new Set(box.nodes.map((node) => node.id));
  const used = box.nodes.filter((node) => node.result || view.stage.full.users.get(node.id).some((id) => !inside.has(id)));
  const forward = used.filter((node) => node.part === "forward");
  return forward.length ? forward : used;
}

/** A measure of several nodes together: largest for errors, otherwise the sum; null where no node has it. */
function total(nodes, measure) {
  const values = nodes.map((node) => node.measures[measure]).filter((value) => value !== undefined);
  if (!values.length) return null;
  return LARGEST.has(measure) ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0);
}
