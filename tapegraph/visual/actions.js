// What a person can do with a mounted picture: click, type, step through stages, look for something.

function listen(app) {
  const { shadow, find } = app;
  const canvas = find(".canvas");
  shadow.addEventListener("click", (event) => clicked(app, event));
  shadow.addEventListener("change", (event) => changed(app, event.target));
  find('input[type="range"]')?.addEventListener("input", (event) => toStage(app, Number(event.target.value)));
  const search = find('input[type="search"]');
  search.addEventListener("input", () => look(app, search.value));
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") nextFound(app); });
  canvas.addEventListener("keydown", (event) => typed(app, event));
  shadow.addEventListener("keydown", (event) => { if (event.key === "Escape") closePanel(app); });
  canvas.addEventListener("wheel", (event) => wheeled(app, event), { passive: false });
  canvas.addEventListener("pointerover", (event) => near(app, event.target.closest("[data-id]")));
  canvas.addEventListener("focusin", (event) => focused(app, event.target.closest("[data-id]")));
  dragging(app, canvas);
  const again = () => { const theme = themeOf(app.host, app.options); if (theme !== app.state.theme) { app.state.theme = theme; show(app); } };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  for (const element of [document.documentElement, document.body]) new MutationObserver(again).observe(element, { attributes: true });
}

function clicked(app, event) {
  if (app.dragged) return;
  const target = event.target.closest("[data-id], button");
  if (!target) return;
  const { dataset } = target;
  if (dataset.id !== undefined) return void pressed(app, target, event.target.closest(".frame") !== null);
  if (dataset.zoom) return void (Number(dataset.zoom) ? zoomed(app, Number(dataset.zoom)) : (fitted(app, 0), moved(app)));
  if (dataset.step) return void toStage(app, app.state.stage + Number(dataset.step));
  if (dataset.go) return void reveal(app, dataset.go, app.panel?.column ?? "after");
  if (dataset.toggle) return void toggle(app, app.panel.column, dataset.toggle);
  if (dataset.firing) return void showFiring(app, Number(dataset.firing));
  if (dataset.kernel) return void showKernel(app, dataset.kernel);
  if (dataset.close !== undefined) closePanel(app);
}

/** A node shows its details; a group opens or closes. */
function pressed(app, element) {
  const key = keyOf(element);
  const [column, id] = [key.slice(0, key.indexOf(":")), element.dataset.id];
  app.panel = { column, id };
  app.state.selected = key;
  if (element.hasAttribute("aria-expanded")) return toggle(app, column, id);
  show(app, { hold: key, focus: key });
  say(app, element.getAttribute("aria-label"));
  if (app.find(".picture").getBoundingClientRect().width < 700) app.find(".panel").scrollIntoView({ block: "nearest", behavior: still() ? "auto" : "smooth" });
}

const openName = (app, column) => (column === "before" ? "openBeside" : "open");
const viewOf = (app, column) => (app.shown.columns.find(({ name }) => name === column) ?? app.shown.columns.at(-1)).view;

function toggle(app, column, id) {
  const open = new Set(viewOf(app, column).open);
  const opens = !open.delete(id);
  if (opens) open.add(id);
  app.state[openName(app, column)] = [...open];
  const key = `${column}:${id}`;
  show(app, { hold: key, focus: key });
  say(app, opens ? "opened" : "closed");
}

function changed(app, control) {
  const { set, flip } = control.dataset;
  if (flip) app.state[flip] = control.checked;
  else if (set === "beside") Object.assign(app.state, { beside: control.value === "" ? null : Number(control.value), marked: BLANK.marked });
  else if (set) app.state[set] = control.value;
  else return;
  if (["group", "part"].includes(set)) Object.assign(app.state, { open: null, openBeside: null, selected: null });
  show(app, { fit: set !== "colour" });
}

function toStage(app, index) {
  if (index < 0 || index >= app.scene.stages.length || index === app.state.stage) return;
  app.firing = null;
  Object.assign(app.state, { stage: index, marked: BLANK.marked });
  show(app);
  const { born, gone } = changes(app.scene, index);
  const stage = app.scene.stages[index];
  say(app, `${stage.name}: ${stage.caption}. ${born.size} new, ${gone.size} gone, ${plural(stage.firings.length, "rewrite")}`);
}

/** The two sides of a rewrite stand out: on one canvas with what is gone, or each in its column where both stages are shown. */
function showFiring(app, index) {
  const stage = app.scene.stages[app.state.stage];
  const firing = stage.firings[index];
  app.firing = index;
  app.panel = null;
  const apart = app.state.beside !== null && app.state.beside === stage.before;
  const sides = apart ? { before: firing.left, after: firing.right } : { before: [], after: [...firing.left, ...firing.right] };
  Object.assign(app.state, { changes: !apart || app.state.changes, marked: sides, selected: null });
  app.shown = compose(app.scene, app.state);
  const known = ["before", "after"].flatMap((column) => sides[column].filter((id) => viewOf(app, column).stage.full.byId.has(id)).map((id) => [column, id]));
  const boxes = known.map(([column, id]) => [column, opened(app, column, id)]);
  show(app);
  const keys = boxes.map(([column, id]) => `${column}:${id}`).filter((key) => spotsOf(app.shown).has(key));
  if (keys.length) bringIntoView(app, around(keys.map((key) => spotsOf(app.shown).get(key))));
  say(app, `${firing.rule}: ${firing.equation}`);
}

/** Groups by kernel and goes to one of them. */
function showKernel(app, name) {
  if (app.state.group !== "kernel") Object.assign(app.state, { group: "kernel", open: null, openBeside: null });
  app.shown = compose(app.scene, app.state);
  opened(app, "after", viewOf(app, "after").stage.full.nodes.find((node) => node.kernel === name).id);
  app.panel = { column: "after", id: `/${name}` };
  app.state.selected = `after:/${name}`;
  show(app, { centre: app.state.selected });
}

/** The smallest place that holds all of some. */
function around(spots) {
  const [x, y] = [Math.min(...spots.map((spot) => spot.x)), Math.min(...spots.map((spot) => spot.y))];
  return { x, y, w: Math.max(...spots.map((spot) => spot.x + spot.w)) - x, h: Math.max(...spots.map((spot) => spot.y + spot.h)) - y };
}

/** Opens the groups around a node; a folded leaf stands in the box of its first user. Returns the id of the node shown. */
function opened(app, column, id) {
  const view = viewOf(app, column);
  if (view.hidden.has(id)) return opened(app, column, view.stage.full.users.get(id)[0]);
  const around = groupsBelow(view.root).filter((group) => group.parent && group.nodes.some((node) => node.id === id));
  app.state[openName(app, column)] = [...new Set([...view.open, ...around.map((group) => group.id)])];
  return id;
}

function reveal(app, id, column) {
  const shownId = opened(app, column, id);
  app.panel = { column, id };
  app.state.selected = `${column}:${shownId}`;
  show(app, { centre: app.state.selected, focus: app.state.selected });
}

function look(app, text) {
  const wanted = text.trim().toLowerCase();
  const { scene, state } = app;
  const line = (node) => { const place = scene.places[node.place]; return place ? `${place.file}:${place.line} ${place.text}` : ""; };
  const fits = (node) => [node.label, node.op, node.rule, node.module.join("."), line(node)].some((each) => each.toLowerCase().includes(wanted));
  state.found = wanted ? scene.stages[state.stage].full.nodes.filter(fits).map((node) => node.id) : [];
  app.at = -1;
  show(app);
  say(app, wanted ? `${plural(state.found.length, "node")} found; Enter goes to the next` : "");
}

function nextFound(app) {
  const { found } = app.state;
  if (!found.length) return;
  app.at = (app.at + 1) % found.length;
  const shownId = opened(app, "after", found[app.at]);
  app.panel = { column: "after", id: found[app.at] };
  app.state.selected = `after:${shownId}`;
  show(app, { centre: app.state.selected });
  say(app, `${app.at + 1} of ${found.length}`);
}

function closePanel(app) {
  app.panel = app.firing = null;
  Object.assign(app.state, { selected: null, marked: BLANK.marked });
  show(app);
}

const say = (app, text) => { app.find(".live").textContent = text; };

function typed(app, event) {
  const element = event.target.closest("[data-id]");
  const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  const keys = { "+": () => zoomed(app, 1.3), "=": () => zoomed(app, 1.3), "-": () => zoomed(app, 0.77), 0: () => (fitted(app, 0), moved(app)), "[": () => toStage(app, app.state.stage - 1), "]": () => toStage(app, app.state.stage + 1), "/": () => app.find('input[type="search"]').focus() };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (element && steps[event.key]) neighbour(app, element, steps[event.key])?.focus();
  else if (element && (event.key === "Enter" || event.key === " ")) pressed(app, element);
  else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
}

/** The nearest box or frame in a direction. */
function neighbour(app, element, [dx, dy]) {
  const spots = spotsOf(app.shown);
  const middle = ({ x, y, w, h }, frame) => ({ x: x + (frame ? 30 : w / 2), y: y + (frame ? 8 : h / 2) });
  const here = middle(spots.get(keyOf(element)), element.matches(".frame"));
  let best = null;
  for (const other of app.shadow.querySelectorAll(".world [data-id]")) {
    if (other === element) continue;
    const there = middle(spots.get(keyOf(other)), other.matches(".frame"));
    const ahead = (there.x - here.x) * dx + (there.y - here.y) * dy;
    const aside = Math.abs((there.x - here.x) * dy) + Math.abs((there.y - here.y) * dx);
    const far = ahead + 2 * aside;
    if (ahead > 2 && (!best || far < best.far)) best = { other, far };
  }
  return best?.other ?? null;
}

/** Focus moves the roving tab stop, and the canvas where needed. */
function focused(app, element) {
  if (!element) return;
  for (const other of app.shadow.querySelectorAll('.world [tabindex="0"]')) other.setAttribute("tabindex", "-1");
  element.setAttribute("tabindex", "0");
  near(app, element);
  const spot = spotsOf(app.shown).get(keyOf(element));
  if (spot && element.matches(":focus-visible")) bringIntoView(app, element.matches(".frame") ? { ...spot, h: 20, w: 60 } : spot);
}

/** Edges of a box stand out, and in both columns the boxes that stem from its line or do the same in the other mode. */
function near(app, element) {
  for (const other of app.shadow.querySelectorAll(".near, .same")) other.classList.remove("near", "same");
  if (!element) return;
  const id = CSS.escape(element.dataset.id);
  const column = element.closest("[data-column]");
  for (const edge of column.querySelectorAll(`.edge[data-from="${id}"], .edge[data-to="${id}"]`)) edge.classList.add("near");
  const { line, same } = element.dataset;
  if (app.shown.columns.length === 1 || !(line || same)) return;
  const alike = [...(line ? [`[data-line="${line}"]`] : []), ...(same ? [`[data-same="${CSS.escape(same)}"]`] : [])];
  for (const other of app.shadow.querySelectorAll(`.box:is(${alike.join(",")})`)) other.classList.add("same");
}

function wheeled(app, event) {
  if (!event.ctrlKey && !event.metaKey && !app.find(".canvas").contains(app.shadow.activeElement)) return;
  event.preventDefault();
  const box = app.find(".canvas").getBoundingClientRect();
  zoomed(app, Math.exp(-event.deltaY / 400), { x: event.clientX - box.left, y: event.clientY - box.top });
}

/** One pointer moves the canvas, two zoom it. */
function dragging(app, canvas) {
  const held = new Map();
  const spread = () => { const [a, b] = [...held.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  canvas.addEventListener("pointerdown", (event) => { if (!event.target.closest("button")) held.set(event.pointerId, { x: event.clientX, y: event.clientY }); app.dragged = false; });
  canvas.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    const was = held.size === 2 ? spread() : 0;
    const now = { x: event.clientX, y: event.clientY };
    if (held.size === 1 && !app.dragged && Math.hypot(now.x - last.x, now.y - last.y) < 4) return;
    if (!app.dragged) canvas.setPointerCapture(event.pointerId);
    app.dragged = true;
    held.set(event.pointerId, now);
    if (was) return zoomed(app, spread() / was);
    app.pan.x += now.x - last.x;
    app.pan.y += now.y - last.y;
    moved(app);
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => { held.delete(event.pointerId); setTimeout(() => { app.dragged = false; }); });
}
