// What is written beside the picture, as HTML text: of a node, of a group, of what led to a stage.

const CODE_WORDS = /(#.*$)|("[^"\n]*"|'[^'\n]*')|\b(for|in|range|if|else|elif|while|return|def|and|or|not|import|from|as|with|pass|None|True|False)\b|\b(\d+\.?\d*(?:e[+-]?\d+)?)\b/gm;

/** Emitted Python with its words told apart. */
function coloured(text) {
  let done = 0;
  let html = "";
  for (const match of text.matchAll(CODE_WORDS)) {
    const kind = ["", "comment", "string", "word", "number"][[1, 2, 3, 4].find((i) => match[i] !== undefined)];
    html += `${escaped(text.slice(done, match.index))}<span class="${kind}">${escaped(match[0])}</span>`;
    done = match.index + match[0].length;
  }
  return html + escaped(text.slice(done));
}

/** A line of the user's with the expression marked. */
function placeHtml(place) {
  if (!place) return "";
  const indent = place.text.length - place.text.trimStart().length;
  const cut = (from, to) => escaped(place.text.slice(Math.max(from, indent), to === undefined ? undefined : Math.max(to, indent)));
  const marked = place.end_column > place.column ? `${cut(0, place.column)}<mark>${cut(place.column, place.end_column)}</mark>${cut(place.end_column)}` : cut(0);
  const inside = place.function ? ` in ${escaped(place.function)}` : "";
  return `<p class="place">${escaped(place.file)}:${place.line}${inside}</p><pre class="line" tabindex="0" role="region" aria-label="line of the program">${marked.trimEnd()}</pre>`;
}

const link = (node) => `<button class="link" data-go="${escaped(node.id)}">${escaped(node.label)} <small>${escaped(valueOf(node))}</small></button>`;
const rows = (pairs) => `<dl>${pairs.filter(([, value]) => value !== "").map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${value}</dd>`).join("")}</dl>`;
const list = (nodes) => (nodes.length ? nodes.map(link).join(" ") : "");
const heading = (title, note) => `<header><p class="name">${escaped(title)}</p><p>${escaped(note)}</p><button class="close" data-close aria-label="Close the details">✕</button></header>`;

function nodeHtml(scene, stage, node) {
  const known = (ids) => ids.map((id) => stage.full.byId.get(id)).filter(Boolean);
  const forward = stage.full.byId.get(node.of);
  const derivatives = stage.full.nodes.filter((other) => other.of === node.id && other.part === "backward");
  const measures = Object.entries(node.measures).map(([name, value]) => [MEASURES[name]?.name ?? name, escaped(quantity(value, name))]);
  const kernel = scene.kernels[node.kernel];
  return heading(node.label === node.op ? node.op : `${node.op} ${node.label}`, `${valueOf(node)} · ${node.kind}${node.part === "backward" ? " · backward" : ""}`) +
    placeHtml(scene.places[node.place]) +
    rows([
      ["to the caller", escaped(node.result)],
      ["module", escaped(node.module.join(" › "))],
      ["operands", list(known(node.inputs))],
      ["used by", list(known(stage.full.users.get(node.id)))],
      ["derivative of", forward ? link(forward) : ""],
      ["derivative", list(derivatives)],
      ["built by rule", escaped(node.rule)],
      ...Object.entries(node.attrs).map(([name, value]) => [name, escaped(value)]),
      ...measures,
    ]) + (kernel ? kernelHtml(kernel, node) : "");
}

function kernelHtml(kernel, node) {
  const time = kernel.seconds === null || kernel.seconds === undefined ? "" : ` · ${quantity(kernel.seconds, "seconds")}`;
  return `<p class="part">kernel ${escaped(kernel.name)}</p><p class="note">${plural(kernel.calls, "call")}${escaped(time)}</p><pre class="code" tabindex="0" role="region" aria-label="emitted loop of ${escaped(kernel.name)}">${coloured(kernel.text)}</pre>`;
}

function groupHtml(scene, view, group) {
  const kernel = scene.kernels[group.label];
  const kinds = mixture(group.nodes).map(([kind, share]) => `${Math.round(share * group.nodes.length)} ${kind}`).join(", ");
  const sums = Object.keys(MEASURES).map((name) => [MEASURES[name].name, total(group.nodes, name), name]).filter(([, value]) => value !== null);
  const out = leaving({ nodes: group.nodes }, view);
  return heading(group.label, plural(group.nodes.length, "op")) +
    `<p><button data-toggle="${escaped(group.id)}">${view.open.has(group.id) ? "Close" : "Open"} this group</button></p>` +
    rows([["ops", escaped(kinds)], ["values that leave it", list(out.slice(0, 12))], ...sums.map(([name, value, measure]) => [name, escaped(quantity(value, measure))])]) +
    (kernel ? kernelHtml(kernel) : "");
}

/** What the slider says of a stage: its caption, what came and went, and the firings by rule, one of them chosen. */
function stageHtml(scene, index, chosen) {
  const stage = scene.stages[index];
  const { born, gone } = changes(scene, index);
  const compared = stage.before < 0 || born.size + gone.size === 0 ? "" : `<p class="note"><span class="born">${born.size} new</span>, <span class="gone">${gone.size} gone</span> since “${escaped(scene.stages[stage.before].name)}”</p>`;
  return `<header><p class="name">${escaped(stage.name)}</p><p>${escaped(stage.caption)}</p></header><p class="note">${plural(stage.nodes.length, "node")}</p>${compared}${firingsHtml(scene, stage, chosen)}${kernelsHtml(scene, stage)}` +
    `<p class="note keys">Click a node for its details. Keys: arrows move, Enter opens, + − 0 zoom, [ ] stages, / search, Escape closes.</p>`;
}

function firingsHtml(scene, stage, chosen) {
  if (!stage.firings.length) return "";
  const rules = new Map();
  stage.firings.forEach((firing, i) => rules.set(firing.rule, [...(rules.get(firing.rule) ?? []), [firing, i]]));
  const open = (fired) => (stage.firings.length <= 12 || fired.some(([, i]) => i === chosen) ? " open" : "");
  const parts = [...rules].map(([rule, fired]) => `<details${open(fired)}><summary><b>${escaped(rule)}</b> ${fired.length > 1 ? `<small>${fired.length}×</small>` : ""}</summary>` +
    `<p class="equation">${escaped(fired[0][0].equation)}</p><ul>${fired.map(([firing, i]) => firingHtml(scene, firing, i, chosen)).join("")}</ul></details>`);
  return `<p class="part">${stage.firings.length === 1 ? "what was done" : plural(stage.firings.length, "rewrite")}</p>${parts.join("")}`;
}

/** Of a stage in which nodes are fused, what each kernel computes, the largest first. */
function kernelsHtml(scene, stage) {
  const fused = new Map();
  for (const node of stage.full.nodes) if (node.kernel) fused.set(node.kernel, [...(fused.get(node.kernel) ?? []), node]);
  if (!fused.size) return "";
  const time = (name) => scene.kernels[name]?.seconds ?? 0;
  const sorted = [...fused].sort(([a, x], [b, y]) => time(b) - time(a) || y.length - x.length);
  const rows = sorted.slice(0, 30).map(([name, nodes]) => `<li><button class="kernel" data-kernel="${escaped(name)}"><b>${escaped(name)}</b> ${escaped([time(name) ? quantity(time(name), "seconds") : plural(nodes.length, "op"), [...new Set(nodes.map((node) => node.label))].join(", ")].join(" · "))}</button></li>`);
  return `<p class="part">${plural(fused.size, "kernel")}${fused.size > 30 ? ", the largest" : ""}</p><ul class="kernels">${rows.join("")}</ul>`;
}

function firingHtml(scene, firing, i, chosen) {
  const place = scene.places[firing.place];
  const text = place ? `${escaped(`${place.file}:${place.line}`)} <code>${escaped(place.text.trim())}</code>` : "no line of the program";
  return `<li><button class="firing" data-firing="${i}" aria-pressed="${i === chosen}">${text}</button></li>`;
}
