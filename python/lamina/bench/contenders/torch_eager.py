"""PyTorch, eager: the loop that its tutorials teach, with its fused optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.bench.contenders.contender import STEP_BATCHES, Contender, Loop, Timed, load
from lamina.bench.contenders.plain_numpy import operands
from lamina.bench.contenders.tensor_calls import tensor_loop
from lamina.bench.graphs import torch_modules
from lamina.bench.graphs.works import GraphData, GraphWork
from lamina.bench.works import WORKS, Data, Work, make_data

torch = load("torch")


class TorchEager(Contender):
    """See the module."""

    packages = ("torch",)
    imports = "torch"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        torch.set_num_threads(threads)

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Products and forward activations."""
        if section == "gemm":
            a, b, c = (torch.from_numpy(array) for array in operands(parameters))
            return Loop(lambda: torch.mm(a, b, out=c))
        if section == "activation" and not parameters["backward"]:
            function = getattr(torch.nn.functional, parameters["kind"])
            x = torch.rand(parameters["rows"], parameters["columns"]) * 8 - 4
            if parameters["kind"] == "softmax":
                return Loop(torch.inference_mode()(lambda: function(x, dim=1)))
            return Loop(torch.inference_mode()(lambda: function(x)))
        if section == "tensor":
            return tensor_loop(parameters, torch, torch.from_numpy)
        if section == "tape":
            return Loop(self._chain(parameters["links"], parameters["n"]))
        if section == "loop":  # its steps are loops by hand
            work = WORKS[parameters["work"]]
            return self.step(work, make_data(work, STEP_BATCHES))
        return None

    def _chain(self, links: int, n: int) -> Callable[[], Any]:
        """Each link is a product, a sum and a tanh."""
        x = torch.linspace(-1, 1, n).requires_grad_()
        scale = torch.tensor(0.9)

        def chain() -> Any:
            y = x
            for _ in range(links):
                y = torch.tanh(y * scale + x)
            return torch.autograd.grad(y.sum(), x)

        return chain

    def model(self, work: Work) -> Any:
        """The network as nn.Sequential."""
        kinds = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
        layers = []
        for index, (inputs, units) in enumerate(work.layers):
            layers.append(torch.nn.Linear(inputs, units))
            if index < len(work.layers) - 1:
                layers.append(kinds[work.activation]())
                if work.dropout > 0.0:
                    layers.append(torch.nn.Dropout(work.dropout))
        return torch.nn.Sequential(*layers)

    def loss_of(self, work: Work, model: Any) -> Callable[[Any, Any], Any]:
        """(x, y) -> the loss."""
        criterion = (
            torch.nn.CrossEntropyLoss() if work.loss == "crossentropy" else torch.nn.MSELoss()
        )
        return lambda x, y: criterion(model(x), y)

    def trainer(self, work: Work) -> Callable[[Any, Any], Any]:
        """(x, y) -> one step."""
        model = self.model(work).train()
        if work.optimizer == "adam":
            optimizer = torch.optim.Adam(model.parameters(), work.learning_rate, fused=True)
        else:
            optimizer = torch.optim.SGD(model.parameters(), work.learning_rate, fused=True)
        loss_of = self.loss_of(work, model)

        def train(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return train

    def step(self, work: Work, data: Data) -> Timed | None:
        """On slices of tensors."""
        train = self.trainer(work)
        x, y, places = torch.from_numpy(data.x), torch.from_numpy(data.y), data.batches()

        def step() -> None:
            place = next(places)
            train(x[place], y[place])

        return Loop(step)

    def graph_step(self, work: GraphWork, data: GraphData) -> Timed | None:
        """On slices of tensors; the block is lamina's alone."""
        if work.name == "residual-blocks":
            return None
        model = torch_modules.build(work).train()
        optimizer = torch.optim.Adam(model.parameters(), work.learning_rate, fused=True)
        loss_of = self.compiled(torch_modules.loss_of(work, model))
        x = {name: torch.from_numpy(array) for name, array in data.x.items()}
        y = {name: torch.from_numpy(array) for name, array in data.y.items()}
        places = data.batches()

        def step() -> None:
            place = next(places)
            optimizer.zero_grad()
            loss = loss_of(
                {name: tensor[place] for name, tensor in x.items()},
                {name: tensor[place] for name, tensor in y.items()},
            )
            loss.backward()
            optimizer.step()

        return Loop(step)

    def compiled(self, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """The function as it is run: here as it stands."""
        return function

    def epoch(self, work: Work, data: Data, steps: int) -> Timed | None:
        """On rows chosen by ``randperm``: quicker than a DataLoader."""
        train = self.trainer(work)
        x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)

        def epoch() -> None:
            for rows in torch.randperm(len(x)).split(data.batch):
                train(x.index_select(0, rows), y.index_select(0, rows))

        return Loop(epoch, units=steps)

    def predict(self, work: Work, x: Any) -> Timed | None:
        """In inference mode, on a tensor."""
        model = self.model(work).eval()
        rows = torch.from_numpy(x)
        return Loop(torch.inference_mode()(lambda: model(rows)))


def make(threads: int) -> TorchEager:
    """See `lamina.bench.contenders.make`."""
    return TorchEager(threads)
