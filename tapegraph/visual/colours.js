// What colours say: the kind of a node, the user's line, or a measure on a scale; with legends, for light and dark pages.

const THEMES = {
  light: {
    page: "#ffffff", ink: "#1c2024", faint: "#5d6670", edge: "#7d8690", back: "#a3497f", saved: "#c3a5b8", frame: "#c4cad0", shade: "#f7f0f4",
    frames: ["#f7f8fa", "#eff1f4"], group: "#ffffff", border: "#79828c", born: "#00795a", gone: "#c8401f", focus: "#0b57d0", mark: "#b35900",
    scale: ["#fdf6e3", "#f9d48a", "#ee9b4a", "#cc5a2d", "#7d1d2e"], strength: 0.62, none: "#ffffff",
  },
  dark: {
    page: "#14171a", ink: "#e9ecef", faint: "#a3acb5", edge: "#77818b", back: "#d884b5", saved: "#6d4a60", frame: "#424a52", shade: "#231a21",
    frames: ["#1a1e22", "#20252a"], group: "#262c32", border: "#8b959f", born: "#3ccf9f", gone: "#ff8563", focus: "#8ab4f8", mark: "#f2b04a",
    scale: ["#262019", "#5c3319", "#a35a22", "#e09a45", "#ffe3a6"], strength: 0.42, none: "#1d2226",
  },
};

// Paul Tol's "light" scheme (personal.sron.nl/~pault), with a lavender for its second olive: told apart by colour-blind
// readers, made to carry dark text.
const KINDS = {
  input: "#99ddff", state: "#77aadd", constant: "#cfd2d6", elementwise: "#bbcc33", reduction: "#ee8866",
  product: "#ffaabb", view: "#eedd88", control: "#44bb99", other: "#c3a6dc",
};
const LINES = ["#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#aaaa00", "#c3a6dc", "#d9b08c"];

// For each measure: what it is called, its unit, and whether its scale is logarithmic.
const MEASURES = {
  seconds: { name: "time", unit: "seconds", log: false },
  bytes: { name: "memory", unit: "bytes", log: false },
  flops: { name: "operations", unit: "flops", log: false },
  error: { name: "error", unit: "ulp", log: true },
  divergence: { name: "divergence", unit: "", log: true },
};
const LARGEST = new Set(["error", "divergence"]);

const UNITS = {
  seconds: [[1e-9, " ns"], [1e-6, " µs"], [1e-3, " ms"], [1, " s"]],
  bytes: [[1, " B"], [1024, " KiB"], [1024 ** 2, " MiB"], [1024 ** 3, " GiB"]],
  flops: [[1, " flop"], [1e3, " kflop"], [1e6, " Mflop"], [1e9, " Gflop"]],
  error: [[0, " ulp"]],
};

/** A number with its unit as a person would write it. */
function quantity(value, measure) {
  if (value === 0) return "0";
  const units = UNITS[measure] ?? [[0, ""]];
  const [size, unit] = units.findLast(([least]) => Math.abs(value) >= least) ?? units[0];
  const share = Number((value / (size || 1)).toPrecision(3));
  return (share !== 0 && (Math.abs(share) >= 1e5 || Math.abs(share) < 1e-3) ? share.toExponential(1) : grouped.format(share)) + unit;
}

const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const hex = (values) => "#" + values.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("");
const mixed = (a, b, share) => { const other = channels(b); return hex(channels(a).map((value, i) => value * (1 - share) + other[i] * share)); };

/** Relative luminance (WCAG 2.2). */
function luminance(colour) {
  const [r, g, b] = channels(colour).map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever is read better on a colour: at this luminance both have a contrast of 4.58. */
const inkOn = (fill) => (luminance(fill) > 0.1791 ? "#000000" : "#ffffff");

/** Measures that some node of a stage has, in the order of MEASURES. */
const measuresOf = (stage) => Object.keys(MEASURES).filter((name) => stage.full.nodes.some((node) => node.measures[name] !== undefined));

/** A function from a box to {fill, ink}, and the legend that explains it. */
function colouring(views, state) {
  const theme = THEMES[state.theme];
  const plain = { fill: theme.group, ink: theme.ink };
  const solid = (colour) => { const fill = mixed(theme.page, colour, theme.strength); return { fill, ink: inkOn(fill) }; };
  if (state.colour === "line") return { of: (box) => (box.group || box.node.place === undefined ? plain : solid(LINES[box.node.place % LINES.length])), legend: { kind: "line" } };
  if (state.colour in MEASURES) return onScale(views, state, theme, plain);
  const present = new Set(views.flatMap((view) => [...view.boxes.values()].flatMap((box) => box.nodes.map((node) => node.kind))));
  const entries = Object.keys(KINDS).filter((kind) => present.has(kind)).map((kind) => ({ name: kind, fill: solid(KINDS[kind]).fill }));
  return { of: (box) => (box.group ? plain : solid(KINDS[box.node.kind] ?? KINDS.other)), legend: { kind: "kinds", entries } };
}

function onScale(views, state, theme, plain) {
  const { name, log } = MEASURES[state.colour];
  const values = views.flatMap((view) => [...view.boxes.values()].map((box) => total(box.nodes, state.colour))).filter((value) => value > 0);
  const most = Math.max(...values, 0);
  const least = log ? Math.min(...values, most) : 0;
  const share = (value) => {
    if (value <= 0 || most === 0) return 0;
    return log ? (most === least ? 1 : 0.12 + (0.88 * Math.log(value / least)) / Math.log(most / least)) : value / most;
  };
  const of = (box) => {
    const value = total(box.nodes, state.colour);
    if (value === null) return { ...plain, none: true };
    const fill = along(theme.scale, share(value));
    return { fill, ink: inkOn(fill) };
  };
  return { of, legend: { kind: "scale", name, stops: theme.scale, least, most, log, measure: state.colour } };
}

/** The colour at a share (0 to 1) of the way along a list of colours. */
function along(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2);
  return mixed(stops[i], stops[i + 1], at - i);
}

/** How many nodes of a group are of which kind, largest first: [[kind, share], ...]. */
function mixture(nodes) {
  const counts = {};
  for (const node of nodes) counts[node.kind] = (counts[node.kind] ?? 0) + 1;
  return Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([kind, count]) => [kind, count / nodes.length]);
}
