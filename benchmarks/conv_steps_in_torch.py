"""HFF on convolutional blocks in PyTorch, eager, written for speed: for bench_steps.py.

As in steps_in_torch.py: every block's graph ends at its own detached input, no input gradient is
asked for, relu works in place, Adam is fused, the average over cells comes before the auxiliary
product. "contiguous" is NCHW in memory, "channels-last" NHWC; the better one counts.
"""

import numpy as np
import torch
from step_problems import BATCHES, LEARNING_RATE
from torch.nn import functional

NAMES = ("weight", "scale", "shift", "auxiliary_weight", "auxiliary_bias")
FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}


class ConvHFF:
    """Blocks of convolution, batch normalisation, relu, pooling; prototypes on their features."""

    temperature = 0.1

    def __init__(self, problem, dtype="float32", memory="contiguous"):
        self.problem, self.format = problem, FORMATS[memory]
        self.dtype = getattr(torch, dtype)
        self.x = [self._images(batch) for batch in problem.x]
        self.to_score = self._images(problem.to_score)
        self.labels = list(torch.tensor(problem.labels))
        self.blocks, self.running, self.adam = [], [], []
        for arrays in problem.blocks:
            weight, *others = (
                torch.tensor(np.ascontiguousarray(arrays[name], dtype))
                for name in (*NAMES, "prototypes")
            )
            weight = weight.permute(3, 2, 0, 1).contiguous(memory_format=self.format)
            learned = [each.requires_grad_() for each in (weight, *others)]
            self.blocks.append(learned)
            self.adam.append(torch.optim.Adam(learned, lr=LEARNING_RATE, fused=True))
            running = (arrays["running_mean"], arrays["running_variance"])
            self.running.append([torch.tensor(array.astype(dtype)) for array in running])

    def _images(self, rows):
        images = torch.tensor(rows, dtype=self.dtype).reshape(-1, *self.problem.image)
        return images.permute(0, 3, 1, 2).contiguous(memory_format=self.format)

    def _block(self, depth, images, training):
        """Activity, and logits but for a constant."""
        form = self.problem.forms[depth]
        weight, scale, shift, auxiliary_weight, auxiliary_bias, prototypes = self.blocks[depth]
        sums = functional.conv2d(images, weight, padding=form.padding)
        y = functional.batch_norm(sums, *self.running[depth], scale, shift, training=training)
        y = functional.relu(y, inplace=True)
        if form.pool != (1, 1):
            y = functional.max_pool2d(y, form.pool)
        cells = functional.adaptive_avg_pool2d(y, form.grid).permute(0, 2, 3, 1)
        features = (cells @ auxiliary_weight + auxiliary_bias).flatten(1)
        directions = functional.normalize(prototypes.flatten(0, 1), dim=1)
        length = torch.linalg.vector_norm(features, dim=1, keepdim=True)
        cosine = (features @ directions.T) / (length * self.temperature)
        classes, each, _ = prototypes.shape
        return y, cosine.view(-1, classes, each).logsumexp(dim=2)

    def step(self, number):
        """One training step of all blocks; returns each one's loss."""
        batch = number % BATCHES
        images, labels = self.x[batch], self.labels[batch]
        losses, right = [], []
        for depth, adam in enumerate(self.adam):
            y, logits = self._block(depth, images, training=True)
            loss = functional.cross_entropy(logits, labels)
            loss.backward()
            adam.step()
            adam.zero_grad(set_to_none=True)
            with torch.no_grad():
                prototypes = self.blocks[depth][-1]
                prototypes.copy_(functional.normalize(prototypes, dim=2))
                right.append((logits.argmax(dim=1) == labels).to(self.dtype).mean())
            images = y.detach()
            losses.append(loss.detach())
        torch.stack(right).tolist()
        return torch.stack(losses).tolist()

    @torch.inference_mode()
    def scores(self, rows=None):
        """(layers, rows, classes): each block's class scores."""
        images, out = self.to_score[:rows], []
        for depth, (*_, prototypes) in enumerate(self.blocks):
            images, logits = self._block(depth, images, training=False)
            out.append((logits - np.log(prototypes.shape[1])) * self.temperature)
        return torch.stack(out).numpy()

    def arrays(self):
        """Parameters, Adam's first moments, and running statistics."""
        out = {}
        for depth, (arrays, running) in enumerate(zip(self.blocks, self.running, strict=True), 1):
            for name, array in zip((*NAMES, "prototypes"), arrays, strict=True):
                memory = self.adam[depth - 1].state[array]
                moment = memory.get("exp_avg", torch.zeros_like(array)).detach()
                for title, each in ((name, array.detach()), (f"moment of {name}", moment)):
                    stored = each.permute(2, 3, 1, 0) if name == "weight" else each
                    out[f"{title} {depth}"] = stored.numpy().copy()
            out[f"running_mean {depth}"] = running[0].numpy().copy()
            out[f"running_variance {depth}"] = running[1].numpy().copy()
        return out
