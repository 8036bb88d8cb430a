// What of a scene is visible: stages with their nodes, the tree of groups, boxes and the edges between boxes.

const LEAVES = new Set(["state", "constant"]);
const RUN = 50; // a group with more members than this is shown in runs of so many, in the order of the program
const FIRST = 60; // so many boxes are open at first

/** The scene of a JSON as the renderer uses it; stages are worked out when they are first looked at. */
function readScene(json) {
  const blank = { inputs: [], module: [], shape: [], kernel: "", part: "forward", of: "", rule: "", result: "", inside: "", twin: "" };
  const nodes = json.nodes.map((node) => ({ ...blank, attrs: {}, measures: {}, ...node }));
  const stages = json.stages.map((stage, index) => {
    let full = null;
    return { ...stage, index, get full() { return (full ??= readStage(stage, nodes)); } };
  });
  for (const stage of stages) {
    stage.before = stages.findLastIndex((other) => other.index < stage.index && other.family === stage.family);
  }
  return { ...json, nodes, stages };
}

const readStage = (stage, all) => indexed(stage.nodes.map((index) => all[index]));

function indexed(nodes) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const users = new Map(nodes.map((node) => [node.id, []]));
  for (const node of nodes) {
    for (const id of new Set(node.inputs)) users.get(id)?.push(node.id);
  }
  const bodies = new Set(nodes.map((node) => node.inside).filter((id) => byId.has(id)));
  return { nodes, byId, users, bodies };
}

/** A stage together with the nodes of others, so that both have one layout: all of its family where places are held
 * (``steady``), the one before where what is gone is shown (``changes``). ``versions`` are a node's in all of them. */
function stageOf(scene, index, state) {
  const stage = scene.stages[index];
  const held = state.steady ? scene.stages.filter((other) => other.family === stage.family) : [];
  const before = state.changes && stage.before >= 0 ? scene.stages[stage.before] : null;
  const versions = (id) => held.map((other) => other.full.byId.get(id)).filter(Boolean);
  const now = stage.full.byId;
  const standing = (id) => (now.has(id) ? "now" : before?.full.byId.has(id) ? "gone" : "not");
  if (!held.length && !before) return { ...stage, full: stage.full, versions, standing, joined: () => "now" };
  const earlier = [...held, ...(before ? [before] : [])];
  const nodes = new Map();
  for (const node of [...earlier, stage].flatMap((other) => other.full.nodes)) {
    const known = nodes.get(node.id);
    nodes.set(node.id, { ...(now.get(node.id) ?? node), inputs: [...new Set([...(known?.inputs ?? []), ...node.inputs])] });
  }
  const joins = (full, from, to) => full.byId.get(to)?.inputs.includes(from);
  const joined = (from, to) => (joins(stage.full, from, to) ? "now" : before && joins(before.full, from, to) ? "gone" : "not");
  return { ...stage, full: indexed([...nodes.values()]), versions, standing, joined };
}

/** Ids that a stage has and the one before has not, and the other way round. */
function changes(scene, index) {
  const stage = scene.stages[index];
  if (stage.before < 0) return { born: new Set(), gone: new Set() };
  const now = stage.full.byId;
  const then = scene.stages[stage.before].full.byId;
  const missing = (from, other) => new Set([...from.keys()].filter((id) => !other.has(id)));
  return { born: missing(now, then), gone: missing(then, now) };
}

/** Leaves that are written into the boxes of their users instead of having boxes of their own. */
function folded(stage, state) {
  const found = new Set();
  if (state.leaves) return found;
  const { nodes, users } = stage.full;
  for (const node of nodes) {
    const still = node.kind === "view" && node.inputs.length > 0 && node.inputs.every((id) => found.has(id + "!"));
    if (node.result || users.get(node.id).length === 0 || !(LEAVES.has(node.kind) || still)) continue;
    found.add(node.id);
    if (node.kind === "constant" || still) found.add(node.id + "!"); // "!": holds no value of the program's
  }
  return found;
}

const partVisible = (node, state) => state.part === "both" || node.part === state.part; // "both" has updates too

/** Whether the derivative stands beside the forward part and flows upwards; kernels are shown in the order of the plan. */
const mirrored = (state) => state.part === "both" && state.group !== "kernel";

/** The path of groups that a node belongs to. */
function pathOf(node, stage, state) {
  if (state.group === "flat") return [];
  const { byId, bodies } = stage.full;
  const host = byId.get(node.inside);
  const around = host ? pathOf(host, stage, state) : ownPath(node, state);
  return bodies.has(node.id) ? [...around, `\u0000${node.id}`] : around; // a loop is in the group of its subprograms
}

function ownPath(node, state) {
  if (state.group === "kernel") return node.kernel ? [node.kernel] : [];
  return node.module.flatMap((name) => name.split("."));
}

/** The tree of groups of a stage: each has an id, a label, members (groups and nodes) and all nodes below it. */
function groupTree(stage, state, hidden) {
  const root = newGroup("", "", null);
  for (const node of stage.full.nodes) {
    if (hidden.has(node.id) || !partVisible(node, state)) continue;
    let at = root;
    at.nodes.push(node);
    for (const name of pathOf(node, stage, state)) {
      at = childGroup(at, name, stage);
      at.nodes.push(node);
    }
    at.members.push({ node, id: node.id, parent: at });
  }
  return tidy(root);
}

const newGroup = (id, label, parent) => ({ id, label, parent, members: [], nodes: [], named: new Map(), kernel: "", host: null });

function childGroup(parent, name, stage) {
  let found = parent.named.get(name);
  if (!found) {
    const host = name.startsWith("\u0000") ? stage.full.byId.get(name.slice(1)) : null;
    const label = /^\d+$/.test(name) && parent.parent ? `${parent.label}.${name}` : name; // a number says little on its own
    found = newGroup(`${parent.id}/${name}`, host ? host.label : label, parent);
    found.host = host;
    parent.named.set(name, found);
    parent.members.push(found);
  }
  return found;
}

/** Chains of groups with one member each become one group; long lists of members become runs. */
function tidy(group) {
  group.members = group.members.map((member) => (member.nodes ? tidy(member) : member));
  const only = group.members.length === 1 ? group.members[0] : null;
  if (only?.nodes && group.parent && !group.host && !only.host) {
    if (!only.label.startsWith(`${group.label}.`)) only.label = `${group.label}.${only.label}`;
    only.parent = group.parent;
    return only;
  }
  if (group.members.length > RUN) group.members = inRuns(group);
  for (const member of group.members) member.parent = group;
  return group;
}

function inRuns(group) {
  const runs = [];
  const size = Math.ceil(group.members.length / Math.ceil(group.members.length / RUN));
  for (let start = 0; start < group.members.length; start += size) {
    const members = group.members.slice(start, start + size);
    const run = newGroup(`${group.id}/#${start}`, `${start + 1} to ${start + members.length}`, group);
    run.members = members;
    run.nodes = members.flatMap((member) => member.nodes ?? [member.node]);
    for (const member of members) member.parent = run;
    runs.push(run);
  }
  return runs;
}

/** The groups to open at first: outer ones before inner ones, small ones before large ones, while no more than FIRST boxes
 * are shown. What an optimizer does stays closed, as do kernels: their order is what one looks for first. */
function openAtFirst(root, limit = FIRST) {
  const open = new Set();
  let shown = root.members.length;
  let level = root.members.filter((member) => member.nodes);
  while (level.length) {
    const next = [];
    for (const group of [...level].sort((a, b) => a.members.length - b.members.length)) {
      if (shown + group.members.length - 1 > limit || group.nodes.every((node) => node.part === "update")) continue;
      shown += group.members.length - 1;
      open.add(group.id);
      next.push(...group.members.filter((member) => member.nodes));
    }
    level = next;
  }
  return open;
}

/** The groups to open by the option ``expand``: "all", "none", labels (and what is around them), or null. */
function asTold(root, expand, kernels) {
  if (expand === null) return kernels ? new Set() : openAtFirst(root);
  const inner = groupsBelow(root).filter((group) => group.parent);
  if (typeof expand === "string") return new Set(expand === "all" ? inner.map((group) => group.id) : []);
  const path = (group) => group.id.slice(1).replaceAll("/", ".");
  const named = inner.filter((group) => expand.some((name) => group.label === name || path(group) === name || path(group).endsWith(`.${name}`)));
  return new Set(inner.filter((group) => named.some((each) => groupsBelow(group).includes(each))).map((group) => group.id));
}

/** Everything below a group that can be opened, itself included. */
function groupsBelow(group) {
  return [group, ...group.members.filter((member) => member.nodes).flatMap(groupsBelow)];
}

/** What is visible of a stage in a state: the tree, boxes by id, the box of each node, edges, the labels of folded operands. */
function visible(scene, index, state) {
  const stage = stageOf(scene, index, state);
  const hidden = folded(stage, state);
  const root = groupTree(stage, state, hidden);
  const open = state.open ? new Set(state.open) : asTold(root, state.expand, state.group === "kernel");
  const boxes = new Map();
  const boxOf = new Map();
  collect(root, open, boxes, boxOf);
  const stageNodes = stage.full.byId;
  const chips = (node) => node.inputs.filter((id) => hidden.has(id)).map((id) => stageNodes.get(id));
  return { stage, state, root, open, boxes, boxOf, hidden, chips, edges: edgesBetween(stage, boxOf, hidden, state) };
}

function collect(group, open, boxes, boxOf) {
  for (const member of group.members) {
    if (member.nodes && open.has(member.id)) {
      member.open = true;
      collect(member, open, boxes, boxOf);
      continue;
    }
    const box = member.nodes
      ? { id: member.id, group: member, parent: group, node: null, nodes: member.nodes }
      : { id: member.id, group: null, parent: group, node: member.node, nodes: [member.node] };
    boxes.set(box.id, box);
    for (const node of box.nodes) boxOf.set(node.id, box);
  }
}

const FIRMNESS = ["not", "gone", "now"];
const firmer = (a, b) => FIRMNESS[Math.max(FIRMNESS.indexOf(a), FIRMNESS.indexOf(b))];

/** Edges between boxes, merged, with a count: from and to are boxes, up says that the derivative flows along it. */
function edgesBetween(stage, boxOf, hidden, state) {
  const edges = new Map();
  for (const node of stage.full.nodes) {
    const to = boxOf.get(node.id);
    if (!to) continue;
    for (const id of new Set(node.inputs)) {
      const operand = stage.full.byId.get(id);
      const from = boxOf.get(id);
      if (!operand || !from || from === to || hidden.has(id)) continue;
      const key = `${from.id}\n${to.id}\n${operand.part}\n${node.part}`;
      const edge = edges.get(key) ?? { from, to, parts: [operand.part, node.part], nodes: [], standing: "not" };
      if (!edge.nodes.includes(operand)) edge.nodes.push(operand);
      edge.standing = firmer(edge.standing, stage.joined(id, node.id));
      edge.up = mirrored(state) && operand.part === "backward" && node.part === "backward";
      edges.set(key, edge);
    }
  }
  return [...edges.values()];
}
