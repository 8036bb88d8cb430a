// Pan, zoom and short transitions of a mounted picture.

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const moved = ({ pan, find }) => find(".world").setAttribute("transform", `translate(${pan.x} ${pan.y}) scale(${pan.k})`);

const windowOf = (app) => { const { width, height } = app.find(".canvas").getBoundingClientRect(); return { width: width || 600, height: height || 400 }; };

/** Fits the whole picture, but never smaller than ``least``: then its beginning is shown. */
function fitted(app, least) {
  const { width, height } = windowOf(app);
  const k = Math.max(Math.min((width - 24) / app.shown.width, (height - 24) / app.shown.height, 1.25), least);
  const centred = app.state.direction === "down" && app.shown.columns.length === 1;
  const x = (width - app.shown.width * k) / 2;
  app.pan = { k, x: centred ? x : Math.max(x, 12), y: Math.max((height - app.shown.height * k) / 2, 12) };
}

function zoomed(app, factor, at) {
  const { width, height } = windowOf(app);
  const point = at ?? { x: width / 2, y: height / 2 };
  const k = Math.min(Math.max(app.pan.k * factor, 0.05), 4);
  app.pan = { k, x: point.x - ((point.x - app.pan.x) * k) / app.pan.k, y: point.y - ((point.y - app.pan.y) * k) / app.pan.k };
  moved(app);
}

/** Moves the canvas no more than needed to show a place. */
function bringIntoView(app, spot) {
  const { width, height } = windowOf(app);
  const { pan } = app;
  pan.k = Math.max(pan.k, 0.6);
  const left = pan.x + spot.x * pan.k;
  const top = pan.y + spot.y * pan.k;
  if (left < 16 || left + spot.w * pan.k > width - 16) pan.x += width / 2 - (left + (spot.w * pan.k) / 2);
  if (top < 16 || top + Math.min(spot.h * pan.k, height - 40) > height - 16) pan.y += height / 2 - (top + Math.min((spot.h * pan.k) / 2, height / 2 - 24));
  moved(app);
}

/** Boxes that the next picture will not have, kept for a moment to fade. */
function leftovers(app, world) {
  if (still()) return [];
  return [...world.querySelectorAll(".box")].map((element) => ({ key: keyOf(element), spot: spotsOf(app.shown), element }));
}

/** Boxes move from where they were to where they are; what is new fades in, what is gone fades out. */
function animate(app, old, spots, ghosts, hold) {
  if (still() || old.size === 0) return;
  const shift = hold && old.has(hold) && spots.has(hold) ? { x: old.get(hold).x - spots.get(hold).x, y: old.get(hold).y - spots.get(hold).y } : { x: 0, y: 0 };
  for (const element of app.shadow.querySelectorAll(".world [data-id]")) {
    const key = keyOf(element);
    const [from, to] = [old.get(key), spots.get(key)];
    if (!from) element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 260 });
    else if (Math.hypot(from.x - shift.x - to.x, from.y - shift.y - to.y) > 1) {
      element.animate([{ transform: `translate(${from.x - shift.x - to.x}px, ${from.y - shift.y - to.y}px)` }, { transform: "none" }], { duration: 260, easing: "ease-out" });
    }
  }
  for (const element of app.shadow.querySelectorAll(".world .edge")) element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 320 });
  for (const { key, element } of ghosts) {
    if (!spots.has(key)) fadeOut(app, element);
  }
}

function fadeOut(app, element) {
  const ghost = element.cloneNode(true);
  ghost.setAttribute("class", "ghost");
  ghost.setAttribute("aria-hidden", "true");
  for (const name of ["data-id", "role", "tabindex", "aria-label", "aria-expanded"]) ghost.removeAttribute(name);
  app.find(".world").append(ghost);
  ghost.animate([{ opacity: 0.8 }, { opacity: 0 }], { duration: 700 }).onfinish = () => ghost.remove();
}
