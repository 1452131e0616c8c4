"""What `fit`, `evaluate` and `predict` take besides arrays: the same batches give the same bits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import callbacks, layers
from lamina.data import Dataset

Array = np.ndarray[Any, Any]
ROWS, SIZE = 70, 16


def _model(seed: int = 4, built: bool = True) -> Any:
    lamina.utils.set_random_seed(seed)
    stack: list[Any] = [layers.Dense(8, "relu"), layers.Dropout(0.25), layers.Dense(2, "softmax")]
    model = lamina.Sequential([lamina.Input((3,)), *stack] if built else stack)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _data(rows: int = ROWS) -> tuple[Array, Array, Array]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 3)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int64"), generator.uniform(0.5, 2, size=rows)


X, Y, W = _data()


def _batches(weights: bool = False) -> Iterator[Any]:
    for first in range(0, ROWS, SIZE):
        part = slice(first, first + SIZE)
        yield (X[part], Y[part], W[part]) if weights else (X[part], Y[part])


class _Batches(lamina.utils.PyDataset):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ended = self.begun = 0

    def __len__(self) -> int:
        return -(-ROWS // SIZE)

    def __getitem__(self, index: int) -> Any:
        part = slice(index * SIZE, (index + 1) * SIZE)
        return X[part], Y[part]

    def on_epoch_begin(self) -> None:
        self.begun += 1

    def on_epoch_end(self) -> None:
        self.ended += 1


class _Loader:
    """What a PyTorch DataLoader looks like."""

    def __len__(self) -> int:
        return -(-ROWS // SIZE)

    def __iter__(self) -> Iterator[Any]:
        return (list(batch) for batch in _batches())


class _Sequence:
    """A Keras 2 Sequence, of nobody's class."""

    def __len__(self) -> int:
        return -(-ROWS // SIZE)

    def __getitem__(self, index: int) -> Any:
        return _Batches()[index]

    def on_epoch_end(self) -> None: ...


def _frames(kind: str) -> tuple[Any, Any]:
    module = pytest.importorskip(kind)
    return module.DataFrame({name: X[:, i] for i, name in enumerate("abc")}), module.Series(Y)


def _result(x: Any, y: Any = None, epochs: int = 2, **arguments: Any) -> Any:
    model = _model()
    arguments.setdefault("shuffle", False)
    history = model.fit(x, y, epochs=epochs, verbose=0, **arguments)
    return history.history, [w.tobytes() for w in model.get_weights()]


@pytest.mark.parametrize("kind", ["list", "pandas", "polars"])
def test_tables(kind: str) -> None:
    x, y = (X.tolist(), Y.tolist()) if kind == "list" else _frames(kind)
    assert _result(x, y, batch_size=SIZE) == _result(X, Y, batch_size=SIZE)
    model = _model()
    assert np.array_equal(model.predict(x), model.predict(X))
    assert model.evaluate(x, y) == model.evaluate(X, Y)


def test_tables_of_several_types() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "flag": X[:, 0] > 0,
            "count": pandas.array(np.arange(ROWS), dtype="Int64"),
            "value": X[:, 2],
        }
    )
    plain = np.stack([X[:, 0] > 0, np.arange(ROWS), X[:, 2]], axis=1).astype("float64")
    assert _result(frame, pandas.Series(Y, dtype="Int64")) == _result(plain, Y)
    frame["name"] = "text"
    with pytest.raises(TypeError, match="real numbers"):
        _result(frame, Y)


SOURCES: dict[str, Any] = {
    "dataset": lambda: Dataset.from_arrays(X, Y).batch(SIZE),
    "dataset without batches": lambda: Dataset.from_arrays(X, Y),
    "prefetched": lambda: Dataset.from_arrays(X, Y).batch(SIZE).prefetch(2),
    "samples": lambda: Dataset.from_generator(lambda: zip(X, Y, strict=True), ROWS).batch(SIZE),
    "batches": lambda: Dataset.from_generator(_batches, batched=True),
    "py_dataset": _Batches,
    "threads": lambda: _Batches(workers=3, max_queue_size=2),
    "sequence": _Sequence,
    "loader": _Loader,
    "list of batches": lambda: iter(list(_batches()) * 2),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_sources_of_batches(kind: str) -> None:
    arguments: dict[str, Any] = {}
    if kind == "list of batches":
        arguments["steps_per_epoch"] = -(-ROWS // SIZE)
    if kind == "dataset without batches":
        arguments["batch_size"] = SIZE
    assert _result(SOURCES[kind](), **arguments) == _result(X, Y, batch_size=SIZE)


@pytest.mark.parametrize("kind", [k for k in SOURCES if k != "list of batches"])
def test_evaluating_and_predicting_sources(kind: str) -> None:
    model = _model(built=False)
    size = SIZE if kind == "dataset without batches" else None
    model.evaluate(SOURCES[kind](), batch_size=size)
    built = _model()
    assert model.evaluate(SOURCES[kind](), batch_size=size) == built.evaluate(X, Y, batch_size=SIZE)
    assert np.array_equal(model.predict(SOURCES[kind](), batch_size=size), built.predict(X))
    first = model.predict(SOURCES[kind](), batch_size=size, steps=2)
    assert np.array_equal(first, built.predict(X[: 2 * SIZE]))
    assert model.evaluate(SOURCES[kind](), batch_size=size, steps=2) == built.evaluate(
        X[: 2 * SIZE], Y[: 2 * SIZE], batch_size=SIZE
    )


def test_weights_in_batches_and_of_classes() -> None:
    weighted = Dataset.from_arrays(X, Y, W).batch(SIZE)
    assert _result(weighted) == _result(X, Y, batch_size=SIZE, sample_weight=W)
    assert _result(_Batches(), class_weight={0: 3.0}) == _result(
        X, Y, batch_size=SIZE, class_weight={0: 3.0}
    )


def test_validation_data_of_all_kinds() -> None:
    expected = _result(X, Y, batch_size=SIZE, validation_data=(X, Y))[0]
    for make in (_Batches, _Loader, lambda: Dataset.from_arrays(X, Y).batch(SIZE)):
        assert _result(X, Y, batch_size=SIZE, validation_data=make())[0] == expected
        assert _result(_Batches(), validation_data=make())[0] == expected
    first = _result(
        X, Y, batch_size=SIZE, validation_data=(X[:32], Y[:32]), validation_batch_size=SIZE
    )
    limited = _result(X, Y, batch_size=SIZE, validation_data=_Batches(), validation_steps=2)
    assert first == limited


def test_shuffled_batches_of_a_py_dataset() -> None:
    seen: list[list[int]] = [[]]

    class Watched(_Batches):
        def __getitem__(self, index: int) -> Any:
            seen[-1].append(index)
            return super().__getitem__(index)

        def on_epoch_end(self) -> None:
            seen.append([])

    one = _result(Watched(), epochs=3, shuffle=True)
    count = -(-ROWS // SIZE)
    assert all(sorted(epoch) == list(range(count)) for epoch in seen[:3]) and seen[3] == []
    assert seen[0] != seen[1] or seen[1] != seen[2]
    assert _result(Watched(), epochs=3, shuffle=True) == one
    counted = _Batches()
    _result(counted, epochs=3)
    assert counted.begun == counted.ended == 3


def test_processes_make_the_same_batches() -> None:
    data = _PicklableBatches(workers=2, use_multiprocessing=True)
    assert _result(data, epochs=1) == _result(X, Y, epochs=1, batch_size=SIZE)


class _PicklableBatches(_Batches):
    pass


@given(
    rows=st.integers(1, 50),
    size=st.integers(1, 20),
    steps=st.integers(1, 12),
    epochs=st.integers(1, 4),
    shuffle=st.booleans(),
    watched=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_per_epoch(
    rows: int, size: int, steps: int, epochs: int, shuffle: bool, watched: bool
) -> None:
    x, y, _ = _data(rows)
    batches = -(-rows // size)
    # Keras: an epoch ends early where a pass ends inside it, and the next starts a new pass.
    lengths, left = [], batches
    for _ in range(epochs):
        lengths.append(min(steps, left))
        left = left - lengths[-1] or batches
    model = _model()
    watch = [callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)] if watched else []
    model.fit(
        x, y, batch_size=size, epochs=epochs, steps_per_epoch=steps, shuffle=shuffle,
        callbacks=watch, verbose=0,
    )  # fmt: skip
    assert model.optimizer.iterations == sum(lengths)
    whole = _model()
    passes = -(-sum(lengths) // batches)
    todo = sum(lengths)

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            nonlocal todo
            todo -= 1
            if todo == 0:
                self.model.stop_training = True

    whole.fit(x, y, batch_size=size, epochs=passes, shuffle=shuffle, callbacks=[Stop()], verbose=0)
    assert whole.optimizer.iterations == sum(lengths)
    assert all(
        np.array_equal(a, b) for a, b in zip(whole.get_weights(), model.get_weights(), strict=True)
    )
    assert whole._trainer.ready().network.epochs_seen == model._trainer.ready().network.epochs_seen


def test_running_out_of_data() -> None:
    with pytest.warns(UserWarning, match="ran out of data"):
        history, _ = _result(_batches(), epochs=5)
    assert len(history["loss"]) == 1
    with pytest.warns(UserWarning, match="ran out of data"):
        history, _ = _result(iter(list(_batches())), epochs=2, steps_per_epoch=4)
    assert len(history["loss"]) == 2
    endless = Dataset.from_arrays(X, Y).shuffle(seed=1).repeat().batch(SIZE).prefetch(3)
    model = _model()
    model.fit(endless, epochs=3, steps_per_epoch=7, verbose=0)
    assert model.optimizer.iterations == 21
    assert not [t for t in threading.enumerate() if t.name == "lamina-prefetch"]


def test_bad_sources() -> None:
    model = _model()
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (_batches(), {"y": Y}, ValueError, "`y` must not be given"),
        (_batches(), {"sample_weight": W}, ValueError, "`sample_weight` must not be given"),
        (_batches(), {"validation_split": 0.2}, ValueError, "needs arrays"),
        (iter([]), {}, ValueError, "no batch"),
        (iter([{"a": X}]), {}, TypeError, "dictionaries"),
        ({"a": X}, {}, ValueError, "the model's input by its name"),
        (iter([X]), {}, ValueError, r"\(x, y\)"),
        (iter([(X, Y, W, W)]), {}, ValueError, "length 4"),
        (iter([(X, Y[:-1])]), {}, ValueError, "same number of samples"),
        (iter([(X[:, :2], Y)]), {}, ValueError, "samples of shape"),
        (_batches, {}, TypeError, "call it"),
        (X, {"y": Y, "steps_per_epoch": 0}, ValueError, "steps_per_epoch"),
        (X, {"y": Y, "validation_steps": 1.5}, ValueError, "validation_steps"),
        (X, {"y": Y, "validation_data": iter([])}, ValueError, "no batch"),
        (X, {"y": Y, "validation_data": [X]}, ValueError, "length 1"),
    ]
    for x, arguments, error, message in cases:
        unbuilt = _model(built=False)
        for each in (model, unbuilt) if not hasattr(x, "__next__") else (model,):
            with pytest.raises(error, match=message):
                each.fit(x, verbose=0, **arguments)
    with pytest.warns(UserWarning, match="`batch_size` is ignored"):
        model.fit(_batches(), batch_size=3, verbose=0)
    with pytest.raises(ValueError, match="no batch"):
        model.predict(iter([]))
    with pytest.raises(ValueError, match="no batch"):
        model.evaluate(iter([]))


def test_a_source_that_fails_leaves_the_steps_before() -> None:
    def failing() -> Iterator[Any]:
        yield from list(_batches())[:2]
        raise OSError("the disk is gone")

    for source in (failing(), Dataset.from_generator(failing, batched=True).prefetch(2)):
        model = _model()
        with pytest.raises(OSError, match="the disk is gone"):
            model.fit(source, verbose=0)
        assert model.optimizer.iterations == 2
        model.fit(X, Y, verbose=0)
    model = _model()
    stop = callbacks.LambdaCallback(on_train_batch_end=_raise)
    with pytest.raises(OSError, match="stop") as kept:
        model.fit(Dataset.from_arrays(X, Y).batch(4).prefetch(2), callbacks=[stop], verbose=0)
    assert kept.tb is not None
    assert not [t for t in threading.enumerate() if t.name == "lamina-prefetch"]


def _raise(*arguments: Any) -> None:
    raise OSError("stop")


def test_steps_per_execution() -> None:
    seen: list[int] = []
    model = _model()
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=2
    )
    model.fit(
        X, Y, batch_size=SIZE, epochs=1, verbose=0,
        callbacks=[callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: seen.append(b))],
    )  # fmt: skip
    assert seen == [1, 3, 4]
    assert model.get_compile_config()["steps_per_execution"] == 2
    expected = _model()
    expected.fit(X, Y, batch_size=SIZE, epochs=1, verbose=0)
    assert [w.tobytes() for w in model.get_weights()] == [
        w.tobytes() for w in expected.get_weights()
    ]
    for wrong in (0, 1.5):
        with pytest.raises(ValueError, match="steps_per_execution"):
            model.compile("adam", "mse", steps_per_execution=wrong)
    with pytest.raises(ValueError, match="jit_compile"):
        model.compile("adam", "mse", jit_compile="yes")


def test_validation_split_at_random_and_missing_classes() -> None:
    order = np.argsort(Y, kind="stable")
    model = _model()
    with pytest.warns(UserWarning, match="no sample of class 0 is in the validation part"):
        model.fit(X[order], Y[order], validation_split=0.2, verbose=0)
    one = _result(X[order], Y[order], validation_split=0.2, validation_shuffle=True)
    assert one == _result(X[order], Y[order], validation_split=0.2, validation_shuffle=True)
    hot = lamina.Sequential([lamina.Input((3,)), layers.Dense(2, "softmax")])
    hot.compile("sgd", "categorical_crossentropy")
    with pytest.warns(UserWarning, match="no sample of class 0 is in the validation part"):
        hot.fit(X, lamina.utils.to_categorical(Y)[order], validation_split=0.2, verbose=0)
    single = lamina.Sequential([lamina.Input((3,)), layers.Dense(1, "sigmoid")])
    single.compile("sgd", "binary_crossentropy")
    with pytest.warns(UserWarning, match="no sample of class 1 is in the training part"):
        single.fit(X[order], Y[order], validation_split=0.9, verbose=0)
    values = lamina.Sequential([lamina.Input((3,)), layers.Dense(1)])
    values.compile("sgd", "mse")
    values.fit(X, X[:, 0], validation_split=0.2, verbose=0)


def test_batch_hooks_of_evaluation_and_prediction() -> None:
    calls: list[Any] = []

    class Watch(callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append((batch, sorted(logs)))

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append((batch, logs["outputs"].shape))

    model = _model()
    expected = model.evaluate(X, Y, batch_size=SIZE), model.predict(X)
    assert model.evaluate(X, Y, batch_size=SIZE, callbacks=[Watch()]) == expected[0]
    assert calls == [(i, ["accuracy", "loss"]) for i in range(5)]
    calls.clear()
    assert np.array_equal(model.predict(X, batch_size=SIZE, callbacks=[Watch()]), expected[1])
    assert calls == [(i, (16 if i < 4 else 6, 2)) for i in range(5)]
    calls.clear()
    model.fit(X, Y, validation_data=(X, Y), batch_size=SIZE, callbacks=[Watch()], verbose=0)
    assert [batch for batch, _ in calls] == list(range(5))


# The data sets themselves.


@given(
    rows=st.integers(1, 40),
    size=st.integers(1, 12),
    drop=st.booleans(),
    skip=st.integers(0, 50),
    passes=st.integers(0, 3),
    shape=st.sampled_from(["plain", "shuffle", "buffer", "repeat", "endless", "part", "map"]),
)
def test_a_pass_can_start_anywhere(
    rows: int, size: int, drop: bool, skip: int, passes: int, shape: str
) -> None:
    x = np.arange(rows)
    data = Dataset.from_arrays(x, x * 2)
    if shape == "shuffle":
        data = data.shuffle(seed=3)
    elif shape == "buffer":
        data = data.map(lambda a, b: (a, b)).shuffle(5, seed=3)
    elif shape == "repeat":
        data = data.shuffle(seed=2).repeat(3)
    elif shape == "endless":
        data = data.shuffle(seed=2).repeat().take(2 * rows + 1)
    elif shape == "part":
        data = data.shuffle(seed=1).skip(2).take(rows)
    elif shape == "map":
        data = data.map(lambda a, b: (a + 1, b))
    batched = data.batch(size, drop_remainder=drop).prefetch(2)
    whole = list(batched.start(passes))
    assert len(whole) == len(batched)
    tail = list(batched.start(passes, skip))
    assert len(tail) == max(0, len(whole) - skip)
    for one, other in zip(whole[skip:], tail, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    values = np.concatenate([b[0] for b in whole]) if whole else np.zeros(0, int)
    doubled = np.concatenate([b[1] for b in whole]) if whole else np.zeros(0, int)
    assert np.array_equal(doubled, 2 * (values - (shape == "map")))
    if not drop and shape in ("plain", "shuffle", "buffer", "map"):
        assert sorted(values - (shape == "map")) == list(range(rows))
    if not drop and shape == "repeat":
        assert sorted(values) == sorted([*range(rows)] * 3)


def test_shuffles_of_data_sets() -> None:
    data = Dataset.from_arrays(np.arange(100)).shuffle(seed=5)
    first, second = [list(data), list(data)]
    assert first != second and sorted(first) == sorted(second) == list(range(100))
    again = Dataset.from_arrays(np.arange(100)).shuffle(seed=5)
    assert [list(again), list(again)] == [first, second]
    fixed = Dataset.from_arrays(np.arange(100)).shuffle(seed=5, reshuffle_each_iteration=False)
    assert list(fixed) == list(fixed)
    with pytest.raises(ValueError, match="buffer_size"):
        Dataset.from_generator(lambda: iter([1])).shuffle()


def test_memory_mapped_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    data = Dataset.from_npy(tmp_path / "x.npy", tmp_path / "y.npy")
    assert isinstance(data._node.columns[0].base, np.memmap) or isinstance(  # type: ignore[attr-defined]
        data._node.columns[0],  # type: ignore[attr-defined]
        np.memmap,
    )
    assert _result(data.batch(SIZE).prefetch()) == _result(X, Y, batch_size=SIZE)
    (tmp_path / "z.npy").write_bytes(b"no array")
    with pytest.raises(ValueError):
        Dataset.from_npy(tmp_path / "z.npy")


def test_the_thread_works_ahead_and_ends() -> None:
    made: list[int] = []

    def slow() -> Iterator[int]:
        for i in range(10):
            made.append(i)
            yield i

    iterator = Dataset.from_generator(slow).prefetch(3).start(0)
    next(iterator)
    deadline = time.monotonic() + 60
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(made) == 5  # one taken, three waiting, one in hand
    iterator.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name == "lamina-prefetch"]


def test_bad_data_sets() -> None:
    with pytest.raises(ValueError, match="same number of samples"):
        Dataset.from_arrays(X, Y[:-1])
    with pytest.raises(ValueError, match="needs y"):
        Dataset.from_arrays(X, sample_weight=W)
    with pytest.raises(TypeError, match="real numbers"):
        Dataset.from_arrays(X, np.array(["a"] * len(X)))
    with pytest.raises(ValueError, match="batches already"):
        Dataset.from_arrays(X).batch(2).batch(2)
    with pytest.raises(ValueError, match="batch_size"):
        Dataset.from_arrays(X).batch(0)
    with pytest.raises(TypeError, match="not known"):
        len(Dataset.from_generator(lambda: iter([1])))
    with pytest.raises(TypeError, match="factory"):
        Dataset.from_generator([1, 2])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="from_arrays"):
        Dataset([1, 2])  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="__len__"):
        _ = lamina.utils.PyDataset().num_batches
