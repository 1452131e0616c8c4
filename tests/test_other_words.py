"""Arguments that have other names in other libraries are told the name that they have here."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import lamina
from lamina import layers, optimizers

CASES: list[tuple[Callable[[], Any], str]] = [
    (lambda: optimizers.Adam(lr=0.1), "Adam: use `learning_rate`. Received: lr=0.1"),
    (lambda: optimizers.SGD(lr=0.1, momentum=0.9), "SGD: use `learning_rate`"),
    (lambda: optimizers.Adam(0.1, betas=(0.9, 0.99)), "use `beta_1` and `beta_2`"),
    (lambda: optimizers.RMSprop(eps=1e-8), "use `epsilon`"),
    (lambda: layers.Dropout(p=0.5), "Dropout: use `rate`. Received: p=0.5"),
    (lambda: layers.AlphaDropout(p=0.5), "AlphaDropout: use `rate`"),
    (lambda: layers.LayerNormalization(eps=1e-5), "use `epsilon`"),
    (lambda: layers.BatchNormalization(eps=1e-5), "use `epsilon`"),
    (lambda: layers.Dense(3, bias=False), "use `use_bias`"),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_name_is_told(case: int) -> None:
    call, text = CASES[case]
    with pytest.raises(TypeError) as caught:
        call()
    assert text in str(caught.value)


def test_other_unknown_arguments_are_as_python_has_them() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        optimizers.SGD(eps=1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        layers.Dense(3, p=0.5)


def test_custom_constructors_may_have_such_arguments() -> None:
    class Slow(optimizers.SGD):
        def __init__(self, lr: float) -> None:
            super().__init__(learning_rate=lr)

    class Drop(layers.Dropout):
        def __init__(self, p: float, **options: Any) -> None:
            super().__init__(p, **options)

    class Open(layers.Layer):
        def __init__(self, **options: Any) -> None:
            self.lr, self.p = options.pop("lr"), options.pop("p")
            super().__init__(**options)

    assert float(Slow(lr=0.25).learning_rate) == 0.25
    assert Drop(p=0.25, name="d").rate == 0.25
    assert Open(lr=1, p=2).p == 2


def test_optimizers_are_copied_as_before() -> None:
    adam = optimizers.Adam(learning_rate=0.25, beta_1=0.5)
    for twin in (copy.copy(adam), copy.deepcopy(adam), pickle.loads(pickle.dumps(adam))):
        assert twin.get_config() == adam.get_config()
    assert lamina.optimizers.get({"class_name": "SGD", "config": {"learning_rate": 0.5}})
