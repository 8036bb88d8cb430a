"""The ratios as a picture: one bar for each workload and number of threads, with its quartiles and its target."""

from __future__ import annotations

from pathlib import Path

from tapegraph.bench.results import Report, quartiles


def draw(report: Report, path: Path) -> None:
    """Write the picture in the format of the file's name, such as .png or .svg."""
    from matplotlib.figure import Figure

    found = [o for o in report.outcomes if o.ratio is not None]
    threads = sorted({o.threads for o in found})
    names = list(dict.fromkeys(o.workload for o in found))
    thick = 0.8 / max(1, len(threads))
    figure = Figure(figsize=(8, 1.5 + 0.35 * len(names) * max(1, len(threads))), layout="constrained")
    axes = figure.subplots()
    for o in found:
        place = names.index(o.workload) + thick * (threads.index(o.threads) - (len(threads) - 1) / 2)
        low, high = quartiles(o.ratios(o.best or ""))
        spread = [[max(0.0, o.ratio - low)], [max(0.0, high - o.ratio)]]
        colour = f"C{threads.index(o.threads)}"
        axes.barh(place, o.ratio - 1, thick * 0.9, left=1, color=colour)
        axes.errorbar(o.ratio, place, xerr=spread, color="dimgrey", elinewidth=1)
        axes.text(max(high, 1), place, f"  {o.ratio:.2f} {o.best}", va="center", fontsize=8)
        if o.target is not None:
            axes.plot([o.target] * 2, [place - thick / 2, place + thick / 2], color="black")
    for number, count in enumerate(threads):
        axes.barh(0, 0, color=f"C{number}", label=f"{count} thread{'s' * (count != 1)}")
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlabel("time of the fastest peer to that of static mode (right is better; black: target)")
    if threads:
        axes.legend(loc="lower right")
    figure.savefig(path)
