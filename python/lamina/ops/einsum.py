"""Sums of products, written with a letter for each axis."""

from __future__ import annotations

from typing import Any

from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops
from lamina.ops.shaping import diagonal


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Products summed over the axes whose letters the result does not have.

    Args:
        subscripts: As "ij,jk->ik": letters for the axes of each operand and of the result (without
            "->": the letters that occur once, in order); "..." stands for axes that broadcast.
        *operands: Numbers. Two at a time are joined, from left to right, each pair by one matrix
            product.

    Raises:
        ValueError: For letters that do not fit the operands.

    Example:
        >>> a = lamina.ops.ones((2, 3))
        >>> lamina.ops.einsum("ij,kj->ik", a, a).shape
        (2, 2)
    """
    terms, result = _parse(subscripts, operands)
    tensors = [_prepared(x, letters) for x, letters in terms]
    extents: dict[str, int] = {}
    for x, letters in tensors:
        for letter, extent in zip(letters, x.shape, strict=True):
            known = extents.get(letter, 1)
            if known != extent and 1 not in (known, extent):
                raise ValueError(
                    f"[einsum] axis '{letter}' has two extents. "
                    f"Received: {known} and {extent} in {subscripts!r}"
                )
            extents[letter] = extent if known == 1 else known
    x, letters = tensors[0]
    for place, (y, others) in enumerate(tensors[1:], 1):
        later = set(result).union(*(t[1] for t in tensors[place + 1 :]))
        x, letters = _join(x, letters, y, others, later)
    summed = [i for i, letter in enumerate(letters) if letter not in result]
    if summed:
        x = _ops.sum(x, summed, False)
        letters = [letter for letter in letters if letter in result]
    x = _ops.permute(x, [letters.index(letter) for letter in result])
    return _ops.broadcast_to(x, [extents[letter] for letter in result])


def _parse(subscripts: str, operands: Any) -> tuple[list[tuple[Tensor, list[str]]], list[str]]:
    if not isinstance(subscripts, str):
        raise TypeError(f"[einsum] subscripts are a string. Received: subscripts={subscripts!r}")
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise ValueError(
            f"[einsum] one term for each operand. "
            f"Received: {subscripts!r} and {len(operands)} operands"
        )
    tensors = [x if isinstance(x, Tensor) else _ops.convert(x) for x in operands]
    terms, widest = [], 0
    for x, part in zip(tensors, parts, strict=True):
        before, dots, after = part.partition("...")
        if not (before + after).isalpha() and before + after:
            raise ValueError(f"[einsum] axes are letters. Received: {subscripts!r}")
        hidden = x.ndim - len(before) - len(after)
        if hidden < 0 or (hidden and not dots):
            raise ValueError(f"[einsum] {part!r} does not fit an operand of shape {x.shape}")
        widest = max(widest, hidden)
        terms.append((x, before, hidden, after))
    # Axes behind the dots get numbers for letters, counted from the last.
    named = [
        (x, [*before, *(str(n) for n in range(hidden, 0, -1)), *after])
        for x, before, hidden, after in terms
    ]
    dotted = [str(n) for n in range(widest, 0, -1)]
    if not arrow:
        every = "".join(part.replace("...", "") for part in parts)
        return named, dotted + sorted(letter for letter in set(every) if every.count(letter) == 1)
    before, dots, after = right.partition("...")
    result = [*before, *(dotted if dots else []), *after]
    known = {letter for _, letters in named for letter in letters}
    if len(set(result)) != len(result) or not set(result) <= known:
        raise ValueError(
            f"[einsum] the result names each axis once, of those there are. "
            f"Received: {subscripts!r}"
        )
    return named, result


def _prepared(x: Tensor, letters: list[str]) -> tuple[Tensor, list[str]]:
    """A letter that occurs twice in a term stands for its diagonal."""
    for letter in list(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ValueError(
                    f"[einsum] axis '{letter}' has two extents. Received: shape {x.shape}"
                )
            x = diagonal(x, 0, first, second)
            letters = [n for i, n in enumerate(letters) if i not in (first, second)] + [letter]
    return x, letters


def _join(
    x: Tensor, mine: list[str], y: Tensor, others: list[str], later: set[str]
) -> tuple[Tensor, list[str]]:
    """One matrix product over the letters that nothing else needs."""
    # What only one of them has and the result does not is summed beforehand.
    for letters, foreign in ((mine, others), (others, mine)):
        axes = [i for i, n in enumerate(letters) if n not in foreign and n not in later]
        if axes:
            if letters is mine:
                x, mine = _ops.sum(x, axes, False), [n for n in mine if n in foreign or n in later]
            else:
                y, others = _ops.sum(y, axes, False), [n for n in others if n in mine or n in later]
    shared = [n for n in mine if n in others]
    batch = [n for n in shared if n in later]
    summed = [n for n in shared if n not in later]
    rows = [n for n in mine if n not in others]
    columns = [n for n in others if n not in mine]
    size_x = dict(zip(mine, x.shape, strict=True))
    size_y = dict(zip(others, y.shape, strict=True))
    # A summed axis of extent 1 on one side only is stretched.
    for n in summed:
        size_x[n] = size_y[n] = max(size_x[n], size_y[n]) if 0 not in (size_x[n], size_y[n]) else 0
    left = _ops.permute(x, [mine.index(n) for n in batch + rows + summed])
    left = _ops.broadcast_to(left, [size_x[n] for n in batch + rows + summed])
    right = _ops.permute(y, [others.index(n) for n in batch + summed + columns])
    right = _ops.broadcast_to(right, [size_y[n] for n in batch + summed + columns])
    depth = _product(size_x[n] for n in summed)
    left = _ops.reshape(
        left, [*(size_x[n] for n in batch), _product(size_x[n] for n in rows), depth]
    )
    right = _ops.reshape(
        right, [*(size_y[n] for n in batch), depth, _product(size_y[n] for n in columns)]
    )
    product = _ops.matmul(left, right)
    shape = [
        *product.shape[: len(batch)],
        *(size_x[n] for n in rows),
        *(size_y[n] for n in columns),
    ]
    return _ops.reshape(product, shape), batch + rows + columns


def _product(extents: Any) -> int:
    result = 1
    for extent in extents:
        result *= extent
    return result
