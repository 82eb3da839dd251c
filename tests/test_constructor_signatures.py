"""The constructors' arguments are a contract: names, defaults, and which may go by position."""

import inspect

import pytest

import ffref

TRAINING = {
    "max_iter": 50,
    "batch_size": 64,
    "learning_rate_init": 0.001,
    "optimizer": "adam",
    "momentum": 0.9,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "warmup_steps": 0,
    "between_norm": "rms",
    "random_state": None,
    "validation_fraction": None,
    "early_stopping": False,
    "n_iter_no_change": 10,
    "tol": 1e-4,
    "warm_start": False,
    "callbacks": None,
    "verbose": False,
}
SAMPLES = {
    "standardize": True,
    "shift": 0,
    "flip": False,
    "cutout": 0,
    "image_shape": None,
    "input_norm": "none",
}
READOUT = {
    "readout_rate_factor": 1.0,
    "readout_weight_decay": 0.0,
    "learn_hidden": True,
    "initialization": "he",
}
SIGNATURES = {
    "HFFClassifier": {
        "hidden_layer_sizes": (256, 256),
        **TRAINING,
        **SAMPLES,
        "layers": None,
        "prototypes_per_class": 4,
        "temperature": 0.1,
        "sharpness": None,
        "margin": 0.0,
        "label_smoothing": 0.0,
        "prototype_update": "gradient",
        "ema_decay": 0.99,
        "margin_kind": "additive-cosine",
        "learn_temperature": False,
        "prototype_init": "random",
        "readout": "sum",
        "calibrated": False,
        "layer_schedule": "simultaneous",
    },
    "FFClassifier": {
        "hidden_layer_sizes": (256, 256),
        **TRAINING,
        **SAMPLES,
        **READOUT,
        "layers": None,
        "goodness_function": "sum",
        "threshold": None,
        "label_encoding": "append",
        "label_strength": 1.0,
        "negatives": "uniform",
        "mask_blurs": 10,
        "peer_strength": 0.0,
        "readout": "sum-without-first",
        "layer_schedule": "simultaneous",
    },
    "BackpropClassifier": {
        "hidden_layer_sizes": (256, 256),
        **TRAINING,
        **SAMPLES,
        "layers": None,
        "label_smoothing": 0.0,
        "between_norm": "none",
    },
    "PredictiveCodingClassifier": {
        "hidden_layer_sizes": (256, 256),
        **TRAINING,
        **SAMPLES,
        "inference": "relaxed",
        "relaxation_steps": 20,
        "relaxation_rate": 0.1,
        "output_precision": 1.0,
        "between_norm": "none",
    },
    "FFRecurrentClassifier": {
        "hidden_layer_sizes": (256, 256),
        **TRAINING,
        **SAMPLES,
        **READOUT,
        "steps": 8,
        "damping": 0.3,
        "first_scored_step": 3,
        "last_scored_step": 5,
        "goodness_function": "sum",
        "threshold": None,
        "negatives": "hard",
        "readout": "sum",
        "input_norm": "rms",
    },
    "FFTextClassifier": {
        "hidden_layer_sizes": (256, 256, 256),
        **TRAINING,
        **READOUT,
        "negatives": "teacher-forced",
        "rollout": 10,
        "threshold": None,
        "readout": "softmax",
        "initialization": "lecun",
        "max_iter": 20,
        "batch_size": 100,
    },
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_and_defaults(name):
    parameters = inspect.signature(getattr(ffref, name)).parameters
    found = {argument: parameter.default for argument, parameter in parameters.items()}
    assert {argument: (type(value), value) for argument, value in found.items()} == {
        argument: (type(value), value) for argument, value in SIGNATURES[name].items()
    }
    first, *others = parameters.values()
    assert (first.name, first.kind) == ("hidden_layer_sizes", first.POSITIONAL_OR_KEYWORD)
    assert {other.kind for other in others} == {first.KEYWORD_ONLY}
