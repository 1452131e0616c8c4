"""Models on the GPU, or on its emulation where that was built: the CPU's bits and Python's side."""

from __future__ import annotations

import io

import numpy as np
import pytest

import lamina
from lamina import _core

OTHERS = [name for name in lamina.config.available_devices() if name != "cpu"]
on_gpu = pytest.mark.parametrize(
    "device",
    OTHERS
    or [
        pytest.param(
            "cuda", marks=pytest.mark.skip(reason=f"no CUDA device: {_core.cuda_status()}")
        )
    ],
)


def data(rows: int = 90, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 6)).astype(np.float32)
    return x, (np.abs(x).sum(axis=1).astype(np.int64) % 3)


def model_of(*extra: lamina.layers.Layer) -> lamina.Sequential:
    lamina.utils.set_random_seed(5)
    return lamina.Sequential(
        [
            lamina.Input((6,)),
            lamina.layers.Dense(16, activation="gelu"),
            *extra,
            lamina.layers.Dense(3, activation="softmax"),
        ]
    )


def train(device: str, optimizer: object = "adam", extra: tuple = (), **options: object):
    x, y = data()
    model = model_of(*extra)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], device=device)
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, **options)
    return model, history.history, model.predict(x, verbose=0)


def same(a: object, b: object) -> bool:
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


@on_gpu
@pytest.mark.parametrize(
    "case",
    [
        "adam",
        "sgd",
        "rmsprop",
        "schedule",
        "clip",
        "normalized",
        "dropout",
        "weights",
        "validation",
    ],
)
def test_training_has_the_cpus_bits(device: str, case: str) -> None:
    def arguments() -> dict:
        lamina.utils.set_random_seed(7)  # layers draw their seeds when they are made
        found: dict = {"optimizer": case if case in ("adam", "sgd", "rmsprop") else "adam"}
        if case == "schedule":
            schedule = lamina.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
            found["optimizer"] = lamina.optimizers.Adam(schedule)
        if case == "clip":
            found["optimizer"] = lamina.optimizers.Adam(global_clipnorm=0.5, weight_decay=0.01)
        if case == "normalized":
            found["extra"] = (lamina.layers.BatchNormalization(),)
        if case == "dropout":
            found["extra"] = (lamina.layers.Dropout(0.5), lamina.layers.GaussianNoise(0.1))
        if case == "weights":
            found["sample_weight"] = np.linspace(0.5, 2.0, 90)
        if case == "validation":
            found["validation_split"] = 0.25
        return found

    cpu, history, answers = train("cpu", **arguments())
    gpu, same_history, same_answers = train(device, **arguments())
    assert gpu.device == device
    assert history == same_history
    assert same(answers, same_answers)
    assert all(same(a, b) for a, b in zip(cpu.get_weights(), gpu.get_weights(), strict=True))


def layers_case(name: str) -> tuple:
    lamina.utils.set_random_seed(7)  # layers draw their seeds when they are made
    layers, orthogonal = lamina.layers, lamina.regularizers.OrthogonalRegularizer(0.1)
    return {
        "spectral": (layers.SpectralNormalization(layers.Dense(9, "tanh")),),
        "einsum": (
            layers.Reshape((4, 4)),
            layers.EinsumDense("abc,cde->adbe", (2, 4, 3), bias_axes="e", activation="tanh"),
            layers.Flatten(),
        ),
        "orthogonal": (layers.Dense(9, kernel_regularizer=orthogonal),),
        "renormalized": (
            layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 1.5, "dmax": 1.0}),
            layers.Residual([layers.BatchNormalization(renorm=True, scale=False)]),
        ),
        "two axes": (layers.Reshape((4, 4)), layers.LayerNormalization((1, 2)), layers.Flatten()),
    }[name]


@on_gpu
@pytest.mark.parametrize("case", ["spectral", "einsum", "orthogonal", "renormalized", "two axes"])
def test_layers_of_several_calls_have_the_cpus_bits(device: str, case: str) -> None:
    cpu, history, answers = train("cpu", extra=layers_case(case))
    gpu, same_history, same_answers = train(device, extra=layers_case(case))
    assert history == same_history
    assert same(answers, same_answers)
    assert all(same(a, b) for a, b in zip(cpu.get_weights(), gpu.get_weights(), strict=True))


@on_gpu
@pytest.mark.parametrize("case", ["circle", "generalized", "focal", "schedule-free", "ignored"])
def test_losses_and_rules_have_the_cpus_bits(device: str, case: str) -> None:
    def result(name: str) -> list[np.ndarray]:
        x, y = data(150)
        losses, model = lamina.losses, model_of()
        loss, metric, optimizer = "sparse_categorical_crossentropy", "accuracy", "adam"
        if case == "circle":
            loss = losses.Circle(9.0)
        if case == "generalized":
            loss = losses.CategoricalGeneralizedCrossEntropy(0.7)
        if case == "focal":
            loss, y = losses.CategoricalFocalCrossentropy([0.2, 0.5, 1.0]), np.eye(3)[y]
        if case == "schedule-free":
            optimizer = lamina.optimizers.ScheduleFreeAdamW(0.01, warmup_steps=3)
        if case == "ignored":  # a metric whose rows do not all count, where the loss's do
            metric = lamina.metrics.SparseCategoricalCrossentropy(ignore_class=1)
        model.compile(optimizer, loss, metrics=[metric], device=name)
        history = model.fit(x, y, batch_size=40, epochs=2, verbose=0).history
        found = [np.asarray(values) for _, values in sorted(history.items())]
        return [*found, *model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]

    assert all(same(a, b) for a, b in zip(result("cpu"), result(device), strict=True))


@on_gpu
@pytest.mark.parametrize("second", ["cpu", "same"])
def test_models_that_share_layers(device: str, second: str) -> None:
    def result(*names: str) -> list[np.ndarray]:
        x, y = data()
        one = model_of()
        two = lamina.Sequential([*one.layers[:-1], lamina.layers.Dense(3, "softmax")])
        for model, name in zip((one, two), names, strict=True):
            model.compile("adam", "sparse_categorical_crossentropy", device=name)
        for _ in range(2):
            for model in (one, two):
                model.fit(x, y, batch_size=15, verbose=0, shuffle=False)
        return [
            *one.get_weights(),
            *two.get_weights(),
            *(m.predict(x, verbose=0) for m in (one, two)),
        ]

    on = result(device, device if second == "same" else second)
    assert all(same(a, b) for a, b in zip(result("cpu", "cpu"), on, strict=True))


@on_gpu
def test_a_kernel_that_the_cpu_updates_within_its_gradients_product(device: str) -> None:
    def result(name: str) -> list[np.ndarray]:
        lamina.utils.set_random_seed(3)
        shape = lamina.Input((784,)), lamina.layers.Dense(301, "relu"), lamina.layers.Dense(3)
        model = lamina.Sequential(list(shape))
        model.compile(lamina.optimizers.AdamW(0.01), "mse", device=name)
        generator = np.random.default_rng(0)
        x, y = generator.normal(size=(200, 784)), generator.normal(size=(200, 3))
        model.train_on_batch(x, y)
        model.fit(x, y, batch_size=130, verbose=0)
        assert (model._trainer.ready().network.get_gradient(0) is None) == (name == "cpu")
        return [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]

    assert all(same(a, b) for a, b in zip(result("cpu"), result(device), strict=True))


@on_gpu
def test_a_scope_chooses_and_compile_overrules(device: str, request: pytest.FixtureRequest) -> None:
    with lamina.device(device) as scope:
        assert scope.name == device
        inside, overruled = model_of(), model_of()
        inside.compile("sgd", "mse")
        overruled.compile("sgd", "mse", device="cpu")
    assert (inside.device, overruled.device) == (device, "cpu")
    after = model_of()
    after.compile("sgd", "mse")
    assert after.device == request.config.getoption("--device")


@on_gpu
def test_moving_keeps_weights_and_the_optimizers_state(device: str) -> None:
    x, y = data()
    stays, moves = model_of(), model_of()
    for model in (stays, moves):
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=30, epochs=1, verbose=0, shuffle=False)
    moves.compile(moves.optimizer, "sparse_categorical_crossentropy", device=device)
    assert moves.device == device
    for model in (stays, moves):
        model.fit(x, y, batch_size=30, epochs=1, verbose=0, shuffle=False)
    assert all(same(a, b) for a, b in zip(stays.get_weights(), moves.get_weights(), strict=True))
    assert int(moves.optimizer.iterations) == 6


@on_gpu
def test_variables_on_the_device_are_tensors(device: str) -> None:
    x, y = data()
    model = model_of()
    kernel = model.layers[0].kernel
    before = np.asarray(kernel + 0.0)  # as a tensor already before it moves
    model.compile("sgd", "sparse_categorical_crossentropy", device=device)
    assert same(kernel + 0.0, before)
    model.fit(x, y, batch_size=30, verbose=0)
    trained = kernel.numpy()
    assert not same(trained, before)
    with lamina.GradientTape() as tape:
        loss = lamina.ops.sum(kernel * kernel)
    assert same(tape.gradient(loss, kernel), trained + trained)
    kernel.assign_add(np.ones_like(trained))
    assert same(model.get_weights()[0], trained + 1)
    model.compile("sgd", "sparse_categorical_crossentropy", device="cpu")
    assert same(kernel + 0.0, trained + 1)


@on_gpu
def test_gradients_from_a_tape_are_applied_on_the_device(device: str) -> None:
    def result(name: str) -> list[np.ndarray]:
        x, _ = data()
        model = model_of()
        model.compile("sgd", "mse", device=name)
        optimizer = lamina.optimizers.AdamW(0.01, global_clipnorm=1.0)
        for _ in range(3):
            with lamina.GradientTape() as tape:
                layers = model.layers  # one by one they are on the tape, which is on the CPU
                loss = lamina.ops.sum(lamina.ops.square(layers[1](layers[0](x))))
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return [*model.get_weights(), model.predict(x, verbose=0)]

    assert all(same(a, b) for a, b in zip(result("cpu"), result(device), strict=True))


@on_gpu
def test_what_only_the_cpu_computes_says_so(device: str) -> None:
    x, y = data()
    model = model_of()
    model.compile("sgd", "sparse_categorical_crossentropy", device=device)
    answer = model(lamina.convert_to_tensor(x))
    assert same(answer, model.predict(x, verbose=0))
    with lamina.GradientTape(), pytest.raises(RuntimeError, match=f"'{device}'.*tapes"):
        model(x)
    before = model.get_weights()
    for options in (
        {"loss": lambda y, p: lamina.ops.mean((y - p) ** 2)},
        {"loss": "mse", "run_eagerly": True},
    ):
        with pytest.raises(NotImplementedError, match=f"on the tape.*device='{device}'"):
            model.compile("sgd", **options)
    assert model.device == device
    assert all(same(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.train_on_batch(x, y)


@on_gpu
def test_quick_calls_and_evaluation(device: str) -> None:
    x, y = data()
    results = []
    for name in ("cpu", device):
        model = model_of()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], device=name)
        results.append(
            [
                *(model.train_on_batch(x[:20], y[:20]) for _ in range(3)),
                model.evaluate(x, y, batch_size=25, verbose=0),
                model.predict_on_batch(x[:1]).tobytes(),
                model(x[:7]).tobytes(),
            ]
        )
    assert results[0] == results[1]


@on_gpu
def test_out_of_memory_is_a_memory_error_that_leaves_the_model(device: str) -> None:
    model = model_of()
    model.compile("sgd", "sparse_categorical_crossentropy", device=device)
    x, y = data(60_000)
    lamina.config.empty_cache(device)
    reserved = lamina.config.memory_stats(device)["reserved"]
    lamina.config.set_memory_limit(device, reserved + (1 << 20))
    before = model.get_weights()
    try:
        with pytest.raises(MemoryError):
            model.train_on_batch(x, y)
    finally:
        lamina.config.set_memory_limit(device, 0)
    assert all(same(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.train_on_batch(x[:50], y[:50])


@on_gpu
def test_statistics_and_the_report(device: str) -> None:
    stats = lamina.config.memory_stats(device)
    assert set(stats) == {
        "allocated",
        "peak",
        "reserved",
        "limit",
        "free",
        "total",
        "requests",
        "driver_calls",
    }
    assert 0 <= stats["allocated"] <= stats["reserved"] <= stats["total"]
    report = io.StringIO()
    lamina.config.show(report)
    assert device in report.getvalue()


@pytest.mark.skipif(bool(OTHERS), reason="there is a device")
def test_a_missing_device_says_why() -> None:
    for call in (
        lambda: lamina.device("cuda"),
        lambda: model_of().compile("sgd", "mse", device="cuda"),
        lambda: lamina.config.memory_stats("cuda"),
    ):
        with pytest.raises(RuntimeError, match=r"\[device\] .*cuda"):
            call()
    report = io.StringIO()
    lamina.config.show(report)
    assert _core.cuda_status() in report.getvalue()


def test_names_that_are_no_devices() -> None:
    with pytest.raises(ValueError, match="Received: 'tpu'"):
        lamina.device("tpu")
    with pytest.raises(TypeError, match="name of a device"):
        model_of().compile("sgd", "mse", device=3)
    with pytest.raises(ValueError, match="device='cpu'"):
        lamina.config.memory_stats("cpu")
    with pytest.raises(ValueError, match="set_memory_limit"):
        lamina.config.set_memory_limit("cuda", -1)


def test_the_cpu_can_be_named() -> None:
    model = model_of()
    with lamina.device("cpu"):
        model.compile("sgd", "mse", device=lamina.device("cpu"))
    assert model.device == "cpu"
    assert repr(lamina.device("cpu")) == "lamina.device('cpu')"
