"""Labelled rows written out: the plain form that the shared algebra must equal."""

import numpy as np


def stacked(rows):
    """Every version of every sample as a row of its own."""
    versions = []
    for labels in rows.labels:
        version = rows.shared.copy()
        version[np.arange(len(labels)), rows.slot + labels] += rows.strength
        versions.append(version)
    return np.concatenate(versions)
