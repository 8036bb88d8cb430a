// The picture in a page: state, controls, pan and zoom, keyboard; what is drawn comes from compose().

const option = (value, name) => `<option value="${escaped(value)}">${escaped(name)}</option>`;
const select = (name, label, entries) => (entries.length < 2 ? "" : `<label>${label} <select data-set="${name}">${entries.map(([value, text]) => option(value, text)).join("")}</select></label>`);
const check = (name, label) => `<label class="check"><input type="checkbox" data-flip="${name}"> ${label}</label>`;

function skeleton(scene) {
  const stages = scene.stages.length > 1
    ? `<div class="stages"><button data-step="-1" aria-label="Previous stage">‹</button><input type="range" min="0" max="${scene.stages.length - 1}" step="1" aria-label="Stage"><button data-step="1" aria-label="Next stage">›</button><b class="stage"></b></div>` : "";
  const all = scene.nodes;
  const measures = Object.keys(MEASURES).filter((name) => all.some((node) => node.measures[name] !== undefined)).map((name) => [name, MEASURES[name].name]);
  const grouped = [["module", "module"], ...(all.some((node) => node.kernel) ? [["kernel", "kernel"]] : []), ["flat", "nothing"]];
  const both = all.some((node) => node.part === "backward");
  return `<div class="bar" role="group" aria-label="What is shown">${stages}` +
    select("beside", "Compare with", scene.stages.length > 1 ? [["", "nothing"], ...scene.stages.map((stage, i) => [i, stage.name])] : []) +
    select("group", "Group by", grouped) + select("colour", "Colour", [["kind", "kind"], ["line", "line"], ...measures]) +
    select("part", "Show", both ? [["both", "forward and backward"], ["forward", "forward"], ["backward", "backward"]] : []) +
    select("direction", "Runs", [["down", "down"], ["right", "right"]]) + (scene.stages.length > 1 ? check("changes", "changes") : "") + check("shapes", "shapes") + check("leaves", "parameters") +
    `<label class="search">Search <input type="search" placeholder="op, name, line"></label></div>` +
    `<div class="main"><div class="canvas"><svg font-family="${FONT}" role="group" aria-label="${escaped(scene.title)}"><g class="world"></g></svg>` +
    `<div class="zoom"><button data-zoom="1.3" aria-label="Zoom in">+</button><button data-zoom="0.77" aria-label="Zoom out">−</button><button data-zoom="0" aria-label="Fit to the window">fit</button></div></div>` +
    `<section class="panel" aria-label="Details"></section></div><div class="legend" tabindex="0" role="group" aria-label="Legend"></div><p class="live" aria-live="polite"></p>`;
}

/** Makes the picture of a scene in an element of the page; the controls are in a shadow root, so that styles do not meet. */
function mount(host, json, options, style) {
  const shadow = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const scene = readScene(json);
  shadow.innerHTML = `<style>${style}</style><div class="picture">${skeleton(scene)}</div>`;
  const find = (selector) => shadow.querySelector(selector);
  const app = { host, shadow, scene, find, options, state: { ...BLANK, ...options, theme: themeOf(host, options) }, shown: null, pan: { x: 0, y: 0, k: 1 }, panel: null, firing: null };
  show(app, { fit: true });
  listen(app);
  return app;
}

/** Whether the page around an element is light or dark; an explicit option goes first. */
function themeOf(host, options) {
  if (options?.theme) return options.theme;
  for (let element = host; element; element = element.parentElement) {
    const parts = getComputedStyle(element).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
    if (parts.length >= 3 && (parts[3] ?? 1) > 0.5) return luminance(hex(parts.slice(0, 3))) < 0.2 ? "dark" : "light";
  }
  const may = getComputedStyle(document.documentElement).colorScheme.includes("dark");
  return may && matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Draws the state; ``fit`` fits it, ``hold`` keeps the place of an element, ``centre`` moves to one. */
function show(app, { fit = false, hold = null, centre = null, focus = null } = {}) {
  const before = app.shown;
  const focused = focus ?? keyOf(app.shadow.activeElement);
  app.shown = compose(app.scene, app.state);
  const old = before ? spotsOf(before) : new Map();
  const world = app.find(".world");
  const ghosts = before && !hold ? leftovers(app, world) : [];
  world.innerHTML = app.shown.svg;
  const spots = spotsOf(app.shown);
  if (hold && old.has(hold) && spots.has(hold)) {
    app.pan.x += (old.get(hold).x - spots.get(hold).x) * app.pan.k;
    app.pan.y += (old.get(hold).y - spots.get(hold).y) * app.pan.k;
  }
  if (fit) fitted(app, app.shown.columns.length > 1 ? 0.5 : 0.75);
  if (centre && spots.has(centre)) bringIntoView(app, spots.get(centre));
  moved(app);
  dress(app);
  if (!fit) animate(app, old, spots, ghosts, hold);
  const target = elementOf(app, focused) ?? elementOf(app, app.state.selected) ?? app.find(".box, .frame");
  target?.setAttribute("tabindex", "0");
  if (focused && target && (focus || app.shadow.activeElement === null)) target.focus({ preventScroll: true });
}

/** Colours, controls, legend and panel follow the state. */
function dress(app) {
  const { state, scene, find } = app;
  const theme = THEMES[state.theme];
  const picture = find(".picture");
  picture.dataset.theme = state.theme;
  for (const name of ["page", "ink", "faint", "frame", "group", "focus", "mark", "born", "gone", "none"]) picture.style.setProperty(`--${name}`, theme[name]);
  for (const control of app.shadow.querySelectorAll("[data-set]")) control.value = state[control.dataset.set] ?? "";
  for (const control of app.shadow.querySelectorAll("[data-flip]")) control.checked = state[control.dataset.flip];
  const slider = find('input[type="range"]');
  if (slider) {
    slider.value = state.stage;
    slider.setAttribute("aria-valuetext", scene.stages[state.stage].name);
    find(".stage").textContent = `${state.stage + 1}/${scene.stages.length} ${scene.stages[state.stage].name}`;
  }
  const legend = drawLegend(app.shown.legend, state.theme);
  find(".legend").innerHTML = `<svg width="${Math.ceil(legend.width)}" height="16" font-family="${FONT}" role="img" aria-label="legend: ${escaped(legendTold(app.shown.legend))}">${legend.svg}</svg>`;
  const kept = find(".panel").contains(app.shadow.activeElement) ? Object.entries(app.shadow.activeElement.dataset)[0] : null;
  find(".panel").innerHTML = panelHtml(app);
  if (kept) find(`.panel [data-${kept[0]}="${CSS.escape(kept[1])}"]`)?.focus();
}

const legendTold = (legend) => (legend.kind === "kinds" ? legend.entries.map((entry) => entry.name).join(", ") : legend.kind === "scale" ? `${legend.name} from ${quantity(legend.least, legend.measure)} to ${quantity(legend.most, legend.measure)}` : "one colour for each line");

function panelHtml(app) {
  const { panel, scene, state } = app;
  const column = panel && app.shown.columns.find(({ name }) => name === panel.column);
  const stages = column ? [scene.stages[column.index], column.view.stage] : []; // the second one has what is gone, too
  const stage = stages.find(({ full }) => full.byId.has(panel.id));
  if (stage) return nodeHtml(scene, stage, stage.full.byId.get(panel.id));
  const group = column && groupsBelow(column.view.root).find(({ id }) => id === panel.id);
  return group ? groupHtml(scene, column.view, group) : stageHtml(scene, state.stage, app.firing);
}

const keyOf = (element) => (element?.dataset?.id === undefined ? null : `${element.closest("[data-column]").dataset.column}:${element.dataset.id}`);

function elementOf(app, key) {
  if (!key) return null;
  const [column, id] = [key.slice(0, key.indexOf(":")), key.slice(key.indexOf(":") + 1)];
  return app.find(`[data-column="${column}"] [data-id="${CSS.escape(id)}"]`);
}

/** Places of boxes and frames on the canvas by key. */
function spotsOf(shown) {
  const spots = new Map();
  for (const { name, x, y, layout } of shown.columns) {
    for (const spot of layout.boxes) spots.set(`${name}:${spot.id}`, { x: spot.x + x, y: spot.y + y, w: spot.w, h: spot.h });
    for (const spot of layout.frames) spots.set(`${name}:${spot.group.id}`, { x: spot.x + x, y: spot.y + y, w: spot.w, h: spot.h });
  }
  return spots;
}
