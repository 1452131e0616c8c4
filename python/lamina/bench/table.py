"""The readable table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamina.bench.cases import SECTIONS, Case
from lamina.bench.limits import Limit
from lamina.bench.rounds import Times


def duration(seconds: float) -> str:
    """Three digits and a unit: ``"1.23 ms"``."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * scale:
            return f"{_three(seconds / scale)} {unit}"
    return f"{_three(seconds / 1e-9)} ns"


def rate(per_second: float, unit: str) -> str:
    """Three digits and a unit: ``"214 GFLOP/s"``."""
    for prefix, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if per_second >= 0.9995 * scale:
            return f"{_three(per_second / scale)} {prefix}{unit}"
    return f"{_three(per_second / 1e3)} k{unit}"


def size(number: float) -> str:
    """``"3 MiB"``."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if number >= scale:
            return f"{number / scale:.3g} {unit}"
    return f"{number / 1024:.3g} KiB"


def _three(number: float) -> str:
    if number >= 99.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


class Table:
    """Lines of fixed columns, one case each.

    Args:
        peers: The contenders beside lamina, in the order of their columns.
    """

    _LABEL = 48
    _PEER = 18

    def __init__(self, peers: Sequence[str]) -> None:
        self._peers = list(peers)
        self._section = ""

    def heading(self, section: str) -> list[str]:
        """The lines above a section's first case; none if it is the same section still."""
        if section == self._section:
            return []
        self._section = section
        columns = "".join(f"{peer:>{self._PEER}}" for peer in self._peers)
        title = f"{SECTIONS[section]:<{self._LABEL}}"
        return [
            "",
            f"{title}{'lamina':>9}  {'spread':<17}{'rate':>13}{'share':>7}{columns}".rstrip(),
        ]

    def line(self, case: Case, times: Mapping[str, Times], limit: Limit) -> str:
        """One case.

        Args:
            case: What was measured.
            times: Of each contender that has it.
            limit: Of the case.

        Returns:
            Time, spread, rate (of what bounds the case), share of the limit, and each peer's time
            with how many times longer it took.
        """
        ours = times.get("lamina")
        text = f"  {case.label:<{self._LABEL - 2}}"
        if ours is None:
            text += f"{'-':>9}{'':39}"
        else:
            low, high = ours.spread
            spread = f"{duration(low)} - {duration(high)}"
            text += f"{duration(ours.median):>9}  {spread:<17}"
            if limit.seconds == 0.0:  # nothing to hold it against
                text += f"{'':20}"
            else:
                if limit.kind == "compute":
                    speed = rate(case.flops / ours.median, "FLOP/s")
                else:
                    speed = rate(case.bytes / ours.median, "B/s")
                share = f"{100 * limit.seconds / ours.median:.0f} %"
                text += f"{speed:>13}{share:>7}"
        for peer in self._peers:
            theirs = times.get(peer)
            if theirs is None:
                text += f"{'-':>{self._PEER}}"
                continue
            factor = f" {theirs.median / ours.median:6.2f}x" if ours is not None else ""
            text += f"{duration(theirs.median) + factor:>{self._PEER}}"
        return text.rstrip()
