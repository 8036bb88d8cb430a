// A page works without this script; it adds a download of the figures, and what a number of calls costs in each mode.

const figures = JSON.parse(document.getElementById("figures")?.textContent ?? "null");

document.getElementById("download")?.addEventListener("click", () => {
  const picture = document.querySelector("#graphs ~ .bleed script[type='application/json']");
  figures.scene = picture && JSON.parse(picture.textContent).scene;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(figures, null, 1)], { type: "application/json" }));
  link.download = "comparison.json";
  link.click();
  URL.revokeObjectURL(link.href);
});

document.getElementById("expand")?.addEventListener("click", (event) => {
  const all = [...document.querySelectorAll(".tapegraph details.fault")];
  const open = all.some((one) => !one.open);
  for (const one of all) one.open = open;
  event.target.textContent = open ? "Close all" : "Open all";
});

/** Seconds as a person would write them. */
function duration(seconds) {
  const units = [[86400, "days"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
  const [size, unit] = units.find(([least]) => seconds >= least) ?? units.at(-1);
  return `${Number((seconds / size).toPrecision(3)).toLocaleString("en")} ${unit}`;
}

const calls = document.getElementById("calls");
if (calls) {
  const { modes, starts } = figures;
  const answer = () => {
    const count = Math.max(1, Number(calls.value) || 1);
    const eager = count * modes.eager.median;
    const parts = starts.map((start) => {
      const compiled = start.first_call + (count - 1) * modes.static.median;
      const gain = eager - compiled;
      return `static, ${start.name} ${duration(compiled)} (${duration(Math.abs(gain))} ${gain > 0 ? "less" : "more"})`;
    });
    document.getElementById("answer").textContent = [`eager ${duration(eager)}`, ...parts].join(" · ");
  };
  calls.closest("form").hidden = false;
  calls.addEventListener("input", answer);
  calls.closest("form").addEventListener("submit", (event) => event.preventDefault());
  answer();
}
