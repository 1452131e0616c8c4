"""Default names: "dense", "dense_1", ... as Keras counts them."""

from __future__ import annotations

_counters: dict[str, int] = {}


def snake_case(class_name: str) -> str:
    """LeakyReLU gives leaky_re_lu, as in Keras."""
    # By hand: compiling three regular expressions takes longer than building a model.
    letters = [c for c in class_name if c.isalnum() or c == "_"]
    name = ""
    for i, letter in enumerate(letters):
        if i > 0 and "A" <= letter <= "Z":
            after = letters[i + 1] if i + 1 < len(letters) else ""
            if "a" <= letters[i - 1] <= "z" or "a" <= after <= "z":
                name += "_"
        name += letter
    return name.lower()


def auto_name(class_name: str) -> str:
    """A name that no object of this class had since the last `reset_names`."""
    prefix = snake_case(class_name)
    count = _counters.get(prefix, 0)
    _counters[prefix] = count + 1
    return prefix if count == 0 else f"{prefix}_{count}"


def checked_name(where: str, name: object, class_name: str) -> str:
    """`name`, or an automatic one for None; ValueError when it cannot name a tensor."""
    if name is None:
        return auto_name(class_name)
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(
            f"{where}: argument `name` must be a non-empty string without character `/`. "
            f"Received: name={name!r}"
        )
    return name


def reset_names() -> None:
    """Starts the counters again."""
    _counters.clear()
