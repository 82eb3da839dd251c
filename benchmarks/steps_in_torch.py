"""FF and HFF in PyTorch, eager, written for speed: the other side of bench_steps.py.

Every layer's graph ends at its own detached input; no input gradient is asked for; gradients are
set to None, not zeroed; Adam is fused; activations are rectified in place. Of the ways to write a
line, the fastest one measured is taken: bias in the product (addmm), one backward and one fused
Adam a layer (its gradients are still in the cache), HFF's cosines as a product divided by the
row's length, without the normalised activity in between.
`Plain` is what one writes down first; `Shared` has the exact algebra of FF's first layer: both
passes and all labels share the product with the image, and differ by a row of the weight.
"""

import numpy as np
import torch
from step_problems import BATCHES, LEARNING_RATE, Problem
from torch.nn import functional


def prepare(threads: int) -> None:
    """Set up PyTorch; before its first parallel region, whose threads inherit the flushing."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)


class _Layers:
    """Parameters and one fused Adam for each layer; what FF and HFF share."""

    def __init__(self, problem: Problem, dtype: str = "float32") -> None:
        def tensor(array):
            return torch.tensor(np.ascontiguousarray(array, dtype))

        self.problem = problem
        self.dtype = getattr(torch, dtype)
        self.x = list(tensor(problem.x))
        self.to_score = tensor(problem.to_score)
        self.labels = list(torch.tensor(problem.labels))
        self.wrong = list(torch.tensor(problem.wrong))
        self.layers = [self._parameters(depth, tensor) for depth in range(len(problem.weights))]
        self.adam = []
        for layer in self.layers:
            for parameter in layer:
                parameter.requires_grad_()
            self.adam.append(torch.optim.Adam(layer, lr=LEARNING_RATE, fused=True))

    def _parameters(self, depth, tensor):
        arrays = [self.problem.weights[depth], self.problem.biases[depth]]
        arrays += self.problem.prototypes[depth : depth + 1]
        return [tensor(array) for array in arrays]

    def _learn(self, depth, loss):
        loss.backward()
        self.adam[depth].step()
        self.adam[depth].zero_grad(set_to_none=True)

    def _input(self, x):
        return functional.rms_norm(x, x.shape[1:], eps=0.0) if self.problem.overlay else x

    def _named(self, depth):
        """(name, parameter, its first moment) of a layer, as ffref stores them."""
        for name, array in zip(("weight", "bias", "prototypes"), self.layers[depth], strict=False):
            yield name, array.detach(), self._moment(depth, array)

    def _moment(self, depth, array):
        return self.adam[depth].state[array].get("exp_avg", torch.zeros_like(array)).detach()

    def arrays(self) -> dict[str, np.ndarray]:
        """Parameters, and Adam's first moments."""
        out = {}
        for depth in range(len(self.layers)):
            for name, array, moment in self._named(depth):
                out[f"{name} {depth + 1}"] = array.numpy().copy()
                out[f"moment of {name} {depth + 1}"] = moment.numpy().copy()
        return out


def _rms(activity, squares):
    """Rows of mean square 1, from the sums of squares that are at hand."""
    return activity * (activity.shape[1] / squares).sqrt().unsqueeze(1)


class FFPlain(_Layers):
    """Hinton's FF: positives and negatives stacked; prediction by one pass for each label."""

    def _labelled(self, x, labels):
        code = functional.one_hot(labels, self.problem.shape.classes).to(x.dtype)
        if self.problem.overlay:
            return self._input(torch.cat([code, x[:, code.shape[1] :]], dim=1))
        return torch.cat([x, code], dim=1)

    def _target(self, rows):
        target = torch.ones(2 * rows, dtype=self.dtype)
        target[rows:] = 0
        return target

    def _first(self, x, labels, wrong):
        """The first layer's preactivation of positives, then negatives."""
        both = torch.cat([self._labelled(x, labels), self._labelled(x, wrong)])
        weight, bias = self.layers[0]
        return torch.addmm(bias, both, weight)

    def step(self, number: int) -> list[float]:
        """One training step of all layers; returns each layer's loss."""
        batch = number % BATCHES
        x = self.x[batch]
        target = self._target(len(x))
        losses, won, inputs = [], [], None
        for depth in range(len(self.layers)):
            if depth == 0:
                preactivation = self._first(x, self.labels[batch], self.wrong[batch])
            else:
                weight, bias = self.layers[depth]
                preactivation = torch.addmm(bias, inputs, weight)
            activity = functional.relu(preactivation, inplace=True)
            goodness = activity.pow(2).sum(dim=1)
            loss = functional.binary_cross_entropy_with_logits(
                goodness - activity.shape[1], target
            )
            with torch.no_grad():
                inputs = _rms(activity, goodness)
                won.append((goodness[: len(x)] > goodness[len(x) :]).to(self.dtype).mean())
            self._learn(depth, loss)
            losses.append(loss.detach())
        torch.stack(won).tolist()
        return torch.stack(losses).tolist()

    def _first_of_each_label(self, x):
        weight, bias = self.layers[0]
        for label in range(self.problem.shape.classes):
            labels = torch.full((len(x),), label)
            yield torch.addmm(bias, self._labelled(x, labels), weight)

    @torch.inference_mode()
    def scores(self, rows: int | None = None) -> np.ndarray:
        """(layers, rows, classes): each layer's goodness with each label."""
        x = self.to_score[:rows]
        out = torch.empty((len(self.layers), len(x), self.problem.shape.classes), dtype=x.dtype)
        for label, preactivation in enumerate(self._first_of_each_label(x)):
            activity = preactivation.relu_()
            goodness = out[0, :, label] = activity.pow(2).sum(dim=1)
            for depth, (weight, bias) in enumerate(self.layers[1:], 1):
                activity = torch.addmm(bias, _rms(activity, goodness), weight).relu_()
                goodness = out[depth, :, label] = activity.pow(2).sum(dim=1)
        return out.numpy()


class FFShared(FFPlain):
    """The same numbers; the first layer's image product is shared.

    The first layer's weight is held as two parameters, image rows and label rows. Autograd then
    adds both passes' derivatives before the one product with the image, and scatters label rows.
    """

    def _parameters(self, depth, tensor):
        if depth > 0:
            return super()._parameters(depth, tensor)
        weight, classes = self.problem.weights[0], self.problem.shape.classes
        if self.problem.overlay:
            parts = (weight[classes:], weight[:classes])
        else:
            parts = (weight[:-classes], weight[-classes:])
        return [tensor(part) for part in (*parts, self.problem.biases[0])]

    def _image(self, x):
        """The image's columns as they stand in the input, and the label's value in each row."""
        if not self.problem.overlay:
            return x, None
        image = x[:, self.problem.shape.classes :]
        value = (x.shape[1] / (image.pow(2).sum(dim=1, keepdim=True) + 1)).sqrt()
        return image * value, value

    def _first(self, x, labels, wrong):
        image_rows, label_rows, bias = self.layers[0]
        image, value = self._image(x)
        shared = torch.addmm(bias, image, image_rows)
        parts = [functional.embedding(each, label_rows) for each in (labels, wrong)]
        if value is not None:
            return torch.cat([torch.addcmul(shared, part, value) for part in parts])
        return torch.cat([shared + part for part in parts])

    def _first_of_each_label(self, x):
        image_rows, label_rows, bias = self.layers[0]
        image, value = self._image(x)
        shared = torch.addmm(bias, image, image_rows)
        for row in label_rows:
            yield shared + row if value is None else torch.addcmul(shared, row, value)

    def _named(self, depth):
        if depth > 0:
            yield from super()._named(depth)
            return
        image, labels, bias = self.layers[0]
        moments = [self._moment(0, array) for array in self.layers[0]]
        order = (1, 0) if self.problem.overlay else (0, 1)
        arrays = (image.detach(), labels.detach())
        yield (
            "weight",
            torch.cat([arrays[i] for i in order]),
            torch.cat([moments[i] for i in order]),
        )
        yield "bias", bias.detach(), moments[2]


class HFF(_Layers):
    """HFF with learned prototypes that return to the sphere after each step."""

    temperature = 0.1

    def _logits(self, depth, inputs):
        """Logits but for a constant, activity and its length."""
        weight, bias, prototypes = self.layers[depth]
        activity = functional.relu(torch.addmm(bias, inputs, weight), inplace=True)
        length = torch.linalg.vector_norm(activity, dim=1, keepdim=True)
        directions = functional.normalize(prototypes.flatten(0, 1), dim=1)
        cosine = (activity @ directions.T) / (length * self.temperature)
        classes, each, _ = prototypes.shape
        return cosine.view(-1, classes, each).logsumexp(dim=2), activity, length

    @staticmethod
    def _normalized(activity, length):
        return activity * (activity.shape[1] ** 0.5 / length)

    def step(self, number: int) -> list[float]:
        """One training step of all layers; returns each layer's loss."""
        batch = number % BATCHES
        labels = self.labels[batch]
        inputs = self._input(self.x[batch])
        losses, right = [], []
        for depth in range(len(self.layers)):
            logits, activity, length = self._logits(depth, inputs)
            loss = functional.cross_entropy(logits, labels)
            with torch.no_grad():
                inputs = self._normalized(activity, length)
                right.append((logits.argmax(dim=1) == labels).to(self.dtype).mean())
            self._learn(depth, loss)
            with torch.no_grad():
                prototypes = self.layers[depth][2]
                prototypes.copy_(functional.normalize(prototypes, dim=2))
            losses.append(loss.detach())
        torch.stack(right).tolist()
        return torch.stack(losses).tolist()

    @torch.inference_mode()
    def scores(self, rows: int | None = None) -> np.ndarray:
        """(layers, rows, classes): each layer's class scores."""
        inputs, out = self._input(self.to_score[:rows]), []
        for depth in range(len(self.layers)):
            logits, activity, length = self._logits(depth, inputs)
            each = self.layers[depth][2].shape[1]
            out.append((logits - np.log(each)) * self.temperature)
            inputs = self._normalized(activity, length)
        return torch.stack(out).numpy()


SIDES = {("ff", "plain"): FFPlain, ("ff", "shared"): FFShared, ("hff", "plain"): HFF}
