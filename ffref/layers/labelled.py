"""The first layer on rows that differ in their label only: one product for all of them.

Derivation: docs/derivations/labelled.md, equations SHARED.1 to SHARED.4. The sample itself is
multiplied by the weights once; each label then adds one row of the weights. `layer_relu` and
`layer_grads` take rows of either form.
"""

from collections.abc import Iterator

import numpy as np

from ffref.kernels import add_rows_relu, matmul, matmul_tn
from ffref.layers.dense import Dense, check_inputs, dense_grads, dense_relu
from ffref.types import Array, LabelledRows, LayerInput


def layer_relu(dense: Dense, x: LayerInput) -> Array:
    """activity = relu(x @ weight + bias), (rows, in_units) -> (rows, out_units)."""
    if not isinstance(x, LabelledRows):
        return dense_relu(dense, x)
    product = shared_product(dense, x)
    samples, units = product.shape
    activity = np.empty((x.labels.size, units), product.dtype)
    for version, labels in enumerate(x.labels):
        rows = slice(version * samples, (version + 1) * samples)
        version_relu(dense, x, product, labels, activity[rows])
    return activity


def layer_grads(x: LayerInput, d_preactivation: Array) -> tuple[Array, Array]:
    """Derivatives in weight and bias, (d_weight, d_bias), from d_preactivation (rows, units)."""
    if not isinstance(x, LabelledRows):
        return dense_grads(x, d_preactivation)
    versions = d_preactivation.reshape(*x.labels.shape, -1)
    d_weight = matmul_tn(x.shared, versions.sum(axis=0))  # (SHARED.3)
    code = np.zeros((x.labels.size, x.classes), d_preactivation.dtype)
    code[np.arange(len(code)), x.labels.ravel()] = np.tile(x.strength, len(x.labels))
    d_weight[x.slot : x.slot + x.classes] += matmul_tn(code, d_preactivation)  # (SHARED.4)
    return d_weight, d_preactivation.sum(axis=0)


def each_version(dense: Dense, x: LabelledRows) -> Iterator[Array]:
    """Activity of the samples with each version's labels in turn, (samples, out_units) each.

    The samples meet the weights once. Each activity is overwritten by the next.
    """
    product = shared_product(dense, x)
    activity = np.empty_like(product)
    for labels in x.labels:
        version_relu(dense, x, product, labels, activity)
        yield activity


def shared_product(dense: Dense, x: LabelledRows) -> Array:
    """The part of the preactivation that no label changes, (samples, out_units)."""
    check_inputs(dense, x.shared)
    return matmul(x.shared, dense.weight)  # (SHARED.1)


def version_relu(
    dense: Dense, x: LabelledRows, product: Array, labels: np.ndarray, out: Array
) -> None:
    """Write the activity of the samples with these labels, (samples, out_units), into `out`."""
    slots = x.slot + np.asarray(labels, np.int64)
    add_rows_relu(product, dense.weight, slots, x.strength, dense.bias, out)  # (SHARED.2)
