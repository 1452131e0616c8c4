"""The roofline: rates over operations a byte, under the limits that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lamina.bench.limits import Limits
from lamina.bench.report import Result
from lamina.bench.table import size

_STYLES = {
    "gemm": ("o", "tab:blue"),
    "step": ("s", "tab:red"),
    "fit": ("^", "tab:orange"),
    "predict": ("D", "tab:green"),
}


def draw(path: Path, results: Sequence[Result], limits: Limits, title: str) -> None:
    """Draws every float32 case that has operations to count; needs matplotlib.

    Args:
        path: The picture; its suffix says which kind.
        results: The cases.
        limits: The machine's limits.
        title: What stands above.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (axes, key) = plt.subplots(
        ncols=2, figsize=(13, 7), gridspec_kw={"width_ratios": (4, 1)}
    )
    low, high = 2.0**-3, 2.0**11
    peak = limits.peak["float32"]
    for row in limits.table:
        knee = peak / row["read"]
        axes.plot([low, knee], [low * row["read"] / 1e9, peak / 1e9], color="0.7", linewidth=1)
        axes.annotate(
            f"{size(row['bytes'])}, {row['read'] / 1e9:.0f} GB/s ",
            (low, low * row["read"] / 1e9),
            fontsize=7,
            color="0.4",
            horizontalalignment="right",
            verticalalignment="center",
        )
    axes.axhline(peak / 1e9, color="0.3", linewidth=1)
    axes.annotate(
        f"FMA peak {peak / 1e9:.0f} GFLOP/s", (high, peak / 1e9 * 1.06), fontsize=8, ha="right"
    )
    lines: list[tuple[str, str]] = []
    for result in results:
        case, ours = result.case, result.times.get("lamina")
        if ours is None or case.flops == 0.0 or case.dtype != "float32":
            continue
        marker, colour = _STYLES[case.section]
        at = (min(max(case.flops / case.bytes, low), high), case.flops / ours.median / 1e9)
        axes.plot(*at, marker, color=colour, markersize=5)
        lines.append((f"{len(lines) + 1}  {case.name}", colour))
        axes.annotate(
            str(len(lines)), at, fontsize=7, xytext=(4, 3), textcoords="offset points", color=colour
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(low, high),
        title=title,
        xlabel="operations a byte moved at least",
        ylabel="GFLOP/s",
    )
    axes.tick_params(axis="y", which="both", labelleft=False, labelright=True, right=True)
    axes.yaxis.set_label_position("right")
    key.axis("off")
    for i, (text, colour) in enumerate(lines):
        key.text(0.0, 1.0 - i / max(len(lines), 30), text, fontsize=7.5, color=colour, va="top")
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    plt.close(figure)
