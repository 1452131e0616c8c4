"""The graphs as PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.bench.contenders.contender import load
from lamina.bench.graphs.works import BLOCKS, COLUMNS, GraphWork

torch = load("torch")
nn = load("torch.nn")


def build(work: GraphWork) -> Any:
    """The module of `work`: a dictionary of tensors in, a dictionary of outputs."""
    module: Any = _MODULES[work.name](work)
    return module


def loss_of(work: GraphWork, model: Any) -> Callable[[Any, Any], Any]:
    """(x, y) -> the weighted sum of the losses."""
    criteria = {"mse": nn.functional.mse_loss, "crossentropy": nn.functional.cross_entropy}

    def loss(x: Any, y: Any) -> Any:
        outputs = model(x)
        terms = [
            weight * criteria[kind](outputs[name], y[name])
            for name, (kind, _, weight) in work.outputs.items()
        ]
        return sum(terms[1:], terms[0])

    return loss


class _WideAndDeep(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, work: GraphWork) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(100, 256), nn.Linear(256, 128)
        self.last = nn.Linear(228, 1)

    def forward(self, inputs: Any) -> Any:
        x = inputs["x"]
        deep = torch.relu(self.second(torch.relu(self.first(x))))
        return {"y": self.last(torch.cat([x, deep], dim=1))}


class _Embeddings(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, work: GraphWork) -> None:
        super().__init__()
        self.names = list(work.indices)
        self.tables = nn.ModuleList(nn.Embedding(n, COLUMNS) for n in work.indices.values())
        first = work.products[0]
        self.first, self.second = nn.Linear(first.inputs, 256), nn.Linear(256, 128)
        self.last = nn.Linear(128, 1)

    def forward(self, inputs: Any) -> Any:
        columns = [
            table(inputs[name][:, 0]) for name, table in zip(self.names, self.tables, strict=True)
        ]
        hidden = torch.relu(self.first(torch.cat([*columns, inputs["x"]], dim=1)))
        return {"y": self.last(torch.relu(self.second(hidden)))}


class _ActorCritic(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, work: GraphWork) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 64), nn.Linear(64, 64)
        self.actor, self.critic = nn.Linear(64, 4), nn.Linear(64, 1)

    def forward(self, inputs: Any) -> Any:
        trunk = torch.tanh(self.second(torch.tanh(self.first(inputs["state"]))))
        return {"actor": self.actor(trunk), "critic": self.critic(trunk)}


class _TwoTowers(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, work: GraphWork) -> None:
        super().__init__()

        def tower() -> Any:
            return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))

        self.query = tower()
        self.item = self.query if work.shared > 1 else tower()

    def forward(self, inputs: Any) -> Any:
        product = self.query(inputs["query"]) * self.item(inputs["item"])
        return {"score": product.sum(dim=1, keepdim=True)}


class _Residual(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, work: GraphWork) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, 256), nn.Linear(256, 10)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256))
            for _ in range(BLOCKS)
        )

    def forward(self, inputs: Any) -> Any:
        x = torch.relu(self.first(inputs["x"]))
        for block in self.blocks:
            x = block(x) + x
        return {"logits": self.last(x)}


_MODULES: dict[str, Any] = {
    "wide-and-deep": _WideAndDeep,
    "embeddings": _Embeddings,
    "actor-critic": _ActorCritic,
    "two-towers": _TwoTowers,
    "two-towers-shared": _TwoTowers,
    "residual-mlp": _Residual,
}
