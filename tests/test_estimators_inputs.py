"""What the classifiers accept, what they refuse, and that they never touch their inputs."""

import numpy as np
import pytest

from ffref import FFClassifier, HFFClassifier
from ffref.estimators._validation import fit_standardizer
from tests.small_data import blobs
from tests.small_models import KINDS, METHODS, each_kind, outputs, same, small


class Table:
    """As much of a data frame as the classifiers look at."""

    def __init__(self, array, columns):
        self.array, self.columns = array, columns

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)


def _whole_numbers():
    X, y = blobs()
    return np.clip(np.round(X * 20 + 100), 0, 255), y


# -- accepted ------------------------------------------------------------------------------------


def _variants(X):
    read_only = X.astype(np.float32)
    read_only.flags.writeable = False
    padded = np.zeros((2 * len(X), 3 * X.shape[1]), np.float32)
    padded[::2, ::3] = X
    return {
        "float64": X.astype(np.float64),
        "float16": X.astype(np.float16),
        "int64": X.astype(np.int64),
        "uint8": X.astype(np.uint8),
        "big-endian": X.astype(">f4"),
        "objects": X.astype(object),
        "list": X.tolist(),
        "tuple of arrays": tuple(X),
        "Fortran order": np.asfortranarray(X, dtype=np.float32),
        "strided": padded[::2, ::3],
        "reversed": X[:, ::-1].astype(np.float32)[:, ::-1],
        "read-only": read_only,
        "table": Table(X, [f"pixel {i}" for i in range(X.shape[1])]),
    }


@each_kind
@pytest.mark.parametrize("variant", _variants(np.ones((2, 2))))
def test_form_of_samples_does_not_matter(kind, variant):
    X, y = _whole_numbers()
    plain = outputs(small(kind).fit(X.astype(np.float32), y), X.astype(np.float32))
    given = _variants(X)[variant]
    model = small(kind).fit(given, y)
    assert same(outputs(model, given), plain)
    assert model.score(given, y) == (plain["predict"] == y).mean()


@each_kind
def test_form_of_labels_does_not_matter(kind):
    X, y = blobs()
    plain = outputs(small(kind).fit(X, y), X)
    read_only = y.copy()
    read_only.flags.writeable = False
    for given in (y.tolist(), y.astype(object), read_only, np.repeat(y, 2)[::2]):
        model = small(kind).fit(X, given)
        assert same(outputs(model, X), plain)
        assert model.score(X, given) == model.score(X, y)


@each_kind
@pytest.mark.parametrize("size", [8, (8,), [8], np.array([8]), np.int64(8)], ids=repr)
def test_forms_of_hidden_layer_sizes(kind, size):
    X, y = blobs()
    plain = small(kind, hidden_layer_sizes=(8,)).fit(X, y)
    assert same(outputs(small(kind, hidden_layer_sizes=size).fit(X, y), X), outputs(plain, X))


@each_kind
def test_inputs_stay_as_they_are(kind):
    X, y = blobs()
    X_before, y_before = X.copy(), y.copy()
    classes = np.array([2, 0, 1])
    model = small(kind).fit(X, y)
    for name in METHODS:
        getattr(model, name)(X)
    model.score(X, y)
    model.partial_fit(X, y)
    small(kind, standardize=False, input_norm="rms").partial_fit(X, y, classes=classes)
    small(kind).fit_transform(X, y)
    assert np.array_equal(X, X_before)
    assert np.array_equal(y, y_before)
    assert classes.tolist() == [2, 0, 1]


def test_overlay_does_not_write_into_the_samples():
    X, y = blobs()
    before = X.copy()
    model = small(FFClassifier, label_encoding="overlay", standardize=False).fit(X, y)
    model.predict(X)
    assert np.array_equal(X, before)


@each_kind
def test_constant_features_are_harmless(kind):
    X, y = blobs()
    X[:, 0], X[:, 1] = 1e6, -1e-6
    model = small(kind).fit(X, y)
    assert np.isfinite(model.goodness(X)).all()


@pytest.mark.parametrize("unit", [2.0**-100, 2.0**-30, 2.0**100])
def test_the_unit_of_the_samples_does_not_matter(unit):
    """Powers of two are exact, and standardisation divides them out."""
    X, y = blobs()
    plain, other = small(HFFClassifier).fit(X, y), small(HFFClassifier).fit(X * unit, y)
    assert same(outputs(other, X * unit), outputs(plain, X))


def test_a_feature_is_constant_beside_its_own_mean_and_in_no_other_sense():
    tilted = np.array([[1.0, 1e-12, 5e-324], [1 + 1e-8, 3e-12, 0.0]])  # standard deviation 1e-12
    std = fit_standardizer(tilted).std
    assert std.tolist() == [1.0, pytest.approx(1e-12), 1.0]


@each_kind
def test_fit_transform_is_fit_then_transform(kind):
    X, y = blobs()
    model = small(kind)
    assert np.array_equal(model.fit_transform(X, y), small(kind).fit(X, y).transform(X))


# -- refused -------------------------------------------------------------------------------------

_X, _y = blobs()
_NAN, _INF = _X.copy(), _X.copy()
_NAN[5, 5], _INF[5, 5] = np.nan, -np.inf

BAD_X = {
    "NaN": (_NAN, "NaN"),
    "infinity": (_INF, "infinity"),
    "beyond float32": (_X.astype(np.float64) * 1e300, "too large for float32"),
    "one axis": (_X[:, 0], "2-D array"),
    "three axes": (_X[:, :, None], "2-D array"),
    "a number": (3.0, "2-D array"),
    "a word": ("samples", "numbers"),
    "nothing": (None, "2-D array"),
    "no samples": (_X[:0], "empty"),
    "no features": (_X[:, :0], "empty"),
    "text": (_X.astype(str), "numbers"),
    "words": (np.full(_X.shape, "a", dtype=object), "numbers"),
    "dates": (np.zeros(_X.shape, "M8[s]"), "numbers"),
    "complex": (_X.astype(complex), "Complex data"),
    "ragged": ([[1.0], [1.0, 2.0]], "inhomogeneous"),
    "masked": (np.ma.masked_greater(_X, 3.0), "masked values"),
}
BAD_y = {
    "one class": (_y * 0, "at least 2, got one class"),
    "too few": (_y[:-1], "inconsistent numbers of samples: 90 and 89"),
    "two columns": (np.column_stack((_y, _y)), "1-D array of labels"),
    "nothing": (None, "requires y"),
    "fractions": (_y + 0.5, "Unknown label type"),
    "NaN": (np.where(_y == 0, np.nan, _y), "NaN"),
    "mixed": (np.array([1, "a", 2] * 30, dtype=object), "mixes text"),
    "None in it": (np.array([None, 1, 2] * 30, dtype=object), "whole numbers or text"),
    "complex": (_y.astype(complex), "whole numbers or text"),
}


@each_kind
@pytest.mark.parametrize("fault", BAD_X)
def test_bad_samples(kind, fault):
    bad, says = BAD_X[fault]
    fresh = small(kind)
    for method in (fresh.fit, fresh.partial_fit, fresh.fit_transform):
        with pytest.raises(ValueError, match=says):
            method(bad, _y)
    assert not [name for name in vars(fresh) if name.endswith("_")]
    model = small(kind).fit(_X, _y)
    for name in METHODS:
        with pytest.raises(ValueError, match=says):
            getattr(model, name)(bad)
    with pytest.raises(ValueError, match=says):
        model.score(bad, _y)


@each_kind
@pytest.mark.parametrize("fault", BAD_y)
def test_bad_labels(kind, fault):
    bad, says = BAD_y[fault]
    fresh = small(kind)
    for method in (fresh.fit, fresh.partial_fit, fresh.fit_transform):
        with pytest.raises(ValueError, match=says):
            method(_X, bad)
    assert not hasattr(fresh, "state_")
    if fault != "one class":
        with pytest.raises(ValueError, match=says):
            small(kind).fit(_X, _y).score(_X, bad)


@each_kind
def test_labels_of_another_type_are_not_all_wrong(kind):
    texts = _y.astype(str)
    with pytest.raises(ValueError, match="of dtype int64, got <U21: text and numbers"):
        small(kind).fit(_X, _y).score(_X, texts)
    with pytest.raises(ValueError, match="of dtype <U21, got int64: text and numbers"):
        small(kind).fit(_X, texts).score(_X, _y)


@each_kind
def test_failed_fit_leaves_the_fitted_model_as_it_was(kind):
    model = small(kind).fit(_X, _y)
    before = outputs(model, _X)
    for bad in (_NAN, _X[:, :3, None]):
        with pytest.raises(ValueError, match="X "):
            model.fit(bad, _y)
    with pytest.raises(ValueError, match="one class"):
        model.fit(_X, _y * 0)
    assert same(outputs(model, _X), before)


@each_kind
def test_wrong_number_of_features(kind):
    model = small(kind).fit(_X, _y)
    says = f"X has 5 features, but {kind.__name__} is expecting 8 features"
    for name in METHODS:
        with pytest.raises(ValueError, match=says):
            getattr(model, name)(_X[:, :5])
    with pytest.raises(ValueError, match=says):
        model.partial_fit(_X[:, :5], _y)


@each_kind
def test_sparse_matrices_are_refused(kind):
    sparse = pytest.importorskip("scipy.sparse")
    for make in (sparse.csr_array, sparse.coo_array, sparse.csc_matrix):
        with pytest.raises(TypeError, match="toarray"):
            small(kind).fit(make(_X), _y)
        with pytest.raises(TypeError, match="toarray"):
            small(kind).fit(_X, _y).predict(make(_X))


@each_kind
def test_unfitted(kind):
    for name in METHODS:
        with pytest.raises((ValueError, AttributeError), match="not fitted yet; call fit first"):
            getattr(small(kind), name)(_X)
    with pytest.raises((ValueError, AttributeError), match="not fitted"):
        small(kind).score(_X, _y)
    with pytest.raises((ValueError, AttributeError), match="not fitted"):
        small(kind).save("nowhere.npz")
    with pytest.raises((ValueError, AttributeError), match="not fitted"):
        next(small(kind).fit_epochs(_X, _y, resume=True))


@each_kind
def test_columns_in_another_order_are_noticed(kind):
    names = [f"c{i}" for i in range(8)]
    model = small(kind).fit(Table(_X, names), _y)
    assert model.feature_names_in_.tolist() == names
    assert np.array_equal(model.predict(Table(_X, names)), model.predict(_X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(Table(_X[:, ::-1], names[::-1]))
    assert not hasattr(model.fit(_X, _y), "feature_names_in_")


# -- parameters ----------------------------------------------------------------------------------

BAD_PARAMETERS = {
    "max_iter": (0, -1, 2.5, None, "3", True),
    "batch_size": (0, -1, 2.5, None),
    "hidden_layer_sizes": (0, (8, 0), (8, -1), 7.5, (8, 2.5), (True,), None),
    "learning_rate_init": (0, -1, np.nan, np.inf, None, "0.1"),
    "optimizer": ("rmsprop", None),
    "schedule": ("step", None),
    "warmup_steps": (-1,),
    "input_norm": ("batch", None),
    "between_norm": ("batch", None),
    "random_state": (-1, "seed", 1.5),
    "early_stopping": ("no", 0, None),
    "warm_start": ("no", 1),
}
BAD_OF_HFF = {
    "prototypes_per_class": (0, -1, 1.5),
    "temperature": (0, -1, np.nan, np.inf),
    "sharpness": (0, -1, np.nan, np.inf),
    "margin": (np.nan, np.inf, None),
    "label_smoothing": (1, -0.1, np.nan),
    "prototype_update": ("mean", None),
    "ema_decay": (1, -0.1, np.nan),
    "readout": ("first", None),
    "layer_schedule": ("alternating", None),
    "hidden_layer_sizes": ((),),
    "standardize": ("no", None),
    "image_shape": (8, "8", (8,), (2, 2, 2, 1)),
}
BAD_OF_FF = {
    "goodness_function": ("cosine", None),
    "threshold": (np.nan, np.inf),
    "label_encoding": ("planes", "prepend", None),
    "label_strength": (0, np.nan, np.inf),
    "readout": ("first",),
    "hidden_layer_sizes": ((),),
}
_BAD = [
    (kind, name, value)
    for kind in KINDS
    for name in BAD_PARAMETERS
    for value in BAD_PARAMETERS[name]
]
_BAD += [(HFFClassifier, name, value) for name, values in BAD_OF_HFF.items() for value in values]
_BAD += [(FFClassifier, name, value) for name, values in BAD_OF_FF.items() for value in values]


@pytest.mark.parametrize(("kind", "name", "value"), _BAD)
def test_bad_parameter(kind, name, value):
    model = small(kind, **{name: value})  # the constructor takes anything, as scikit-learn asks
    word = {"hidden_layer_sizes": "hidden_layer_sizes|layer"}.get(name, name)
    with pytest.raises(ValueError, match=word.replace("_", "[_ ]")):
        model.fit(_X, _y)
    assert not hasattr(model, "state_")


@each_kind
def test_get_and_set_params(kind):
    model = small(kind)
    params = model.get_params()
    assert params["hidden_layer_sizes"] == (8, 7)
    assert model.get_params(deep=False) == params
    assert kind(**params).get_params() == params
    assert model.set_params(max_iter=9, momentum=0.5) is model
    assert model.get_params() == params | {"max_iter": 9, "momentum": 0.5}
    with pytest.raises(ValueError, match="'colour'"):
        model.set_params(colour="red")


@each_kind
def test_repr_shows_what_differs_from_the_defaults(kind):
    assert repr(kind()) == f"{kind.__name__}()"
    model = kind(hidden_layer_sizes=(8,), max_iter=3, random_state=0)
    expected = f"{kind.__name__}(hidden_layer_sizes=(8,), max_iter=3, random_state=0)"
    assert repr(model) == repr(model.fit(_X, _y)) == expected
