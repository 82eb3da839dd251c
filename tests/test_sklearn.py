"""scikit-learn's own checks of the classifiers, and its tools around them."""

import warnings
from unittest import SkipTest

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import sklearn
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import DataConversionWarning, FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

from ffref import HFFClassifier
from ffref.estimators import ESTIMATORS
from tests.small_data import blobs
from tests.small_models import KINDS, each_kind, outputs, same, small

CHECKS_OF = {"1.9": 61}
"""Checks of each classifier, by versions of scikit-learn in which they were counted."""
LEAST_CHECKS = 55  # in others
MAY_SKIP = {
    "check_array_api_input",  # runs only where SCIPY_ARRAY_API is set
    "check_classifier_data_not_an_array",  # runs only where pandas is installed
}


SETTINGS = {
    # units of a layer are split evenly among the classes, of which the checks have 1 to 3
    "cwc": {"hidden_layer_sizes": (24,)},
    "deeper-forward": {"hidden_layer_sizes": (24,), "learning_rate_init": 0.03},  # a mean: slower
    # the default, of pictures, compares the features of a sample: of the two here a sign is left
    "scff": {"input_norm": "none"},
}
NO_TABLE = {"ff-text"}  # takes windows of one-hot symbols and nothing else
MORE_KINDS = tuple(
    kind for name, kind in ESTIMATORS.items() if kind not in KINDS and name not in NO_TABLE
)
"""Made of a `Method`, as one of `KINDS` is: they share all but the objective."""


def _checks(kind):
    """All checks of scikit-learn, with settings that learn their data in a moment."""
    usual = {"hidden_layer_sizes": (16,), "max_iter": 25, "learning_rate_init": 0.01}
    model = kind(**(usual | SETTINGS.get(kind.algorithm, {})), random_state=0)
    with warnings.catch_warnings():
        # ours need no scikit-learn, so they cannot be children of its BaseEstimator
        warnings.filterwarnings("ignore", "Estimator .* does not inherit from")
        return list(estimator_checks_generator(model))


CHECKS = {kind: _checks(kind) for kind in (*KINDS, *MORE_KINDS)}


def _name(check):
    return check.func.__name__ if hasattr(check, "func") else getattr(check, "__name__", "")


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(*pair, marks=() if kind in KINDS else pytest.mark.slow)
        for kind, pairs in CHECKS.items()
        for pair in pairs
    ],
    ids=lambda value: _name(value) or type(value).__name__,
)
def test_scikit_learn_check(estimator, check):
    if _name(check) in MAY_SKIP:
        check(estimator)
        return
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"skipped itself: {reason}")


def test_every_classifier_is_checked():
    assert {kind.algorithm for kind in CHECKS} | NO_TABLE == set(ESTIMATORS)


@pytest.mark.parametrize("kind", CHECKS, ids=lambda kind: kind.__name__)
def test_number_of_checks(kind):
    names = [_name(check) for _, check in CHECKS[kind]]
    release = ".".join(sklearn.__version__.split(".")[:2])
    assert len(names) == CHECKS_OF.get(release, len(names)) >= LEAST_CHECKS
    wanted = {
        "check_estimator_cloneable",
        "check_no_attributes_set_in_init",
        "check_fit2d_1sample",
        "check_estimators_nan_inf",
        "check_classifiers_train",
        "check_methods_subset_invariance",
        "check_methods_sample_order_invariance",
        "check_estimators_pickle",
        "check_estimators_unfitted",
        "check_n_features_in_after_fitting",
        "check_transformer_general",
        "check_classifiers_one_label",
        "check_estimators_partial_fit_n_features",
    }
    assert wanted <= set(names)


@each_kind
def test_tags(kind):
    tags = get_tags(kind())
    assert is_classifier(kind())
    assert tags.estimator_type == "classifier"
    assert tags.target_tags.required
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert tags.classifier_tags.multi_class


@each_kind
def test_clone_keeps_parameters_and_drops_the_rest(kind):
    X, y = blobs()
    model = small(kind).fit(X, y)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "classes_")
    assert same(outputs(twin.fit(X, y), X), outputs(model, X))


@each_kind
def test_unfitted_raises_scikit_learns_error(kind):
    with pytest.raises(NotFittedError, match="call fit first"):
        small(kind).predict(blobs()[0])


@each_kind
def test_column_of_labels_warns_once(kind):
    X, y = blobs()
    for method in ("fit", "partial_fit", "fit_transform"):
        with pytest.warns(DataConversionWarning, match="column-vector") as caught:
            getattr(small(kind), method)(X, y[:, None])
        assert len(caught) == 1


@each_kind
def test_pipeline_grid_search_and_cross_validation(kind):
    X, y = blobs()
    names = np.array(["ant", "bee", "cat"])[y]
    pipeline = make_pipeline(MinMaxScaler(), small(kind, max_iter=3))
    assert pipeline.fit(X, names).predict(X).shape == (90,)
    assert cross_val_score(pipeline, X, names, cv=2).shape == (2,)
    step = kind.__name__.lower()
    search = GridSearchCV(pipeline, {f"{step}__max_iter": [1, 15]}, cv=2).fit(X, names)
    assert search.best_params_[f"{step}__max_iter"] in (1, 15)
    assert set(search.predict(X)) <= set(names)


def test_grid_search_in_two_processes():
    X, y = blobs()
    grid = {"max_iter": [1, 15]}
    search = GridSearchCV(small(HFFClassifier), grid, cv=2, n_jobs=2).fit(X, y)
    alone = GridSearchCV(small(HFFClassifier), grid, cv=2).fit(X, y)
    for score in ("mean_test_score", "std_test_score"):
        assert search.cv_results_[score].tolist() == alone.cv_results_[score].tolist()
    assert same(outputs(search.best_estimator_, X), outputs(alone.best_estimator_, X))


@each_kind
def test_calibrated(kind):
    X, y = blobs(150)
    names = np.array(["ant", "bee", "cat"])[y]
    quick = small(kind, max_iter=15, learning_rate_init=0.03)
    model = CalibratedClassifierCV(quick, cv=2, ensemble=False).fit(X, names)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert model.score(X, names) > 0.8


def test_diverging_candidate_of_a_grid_search_is_a_failed_fit():
    X, y = blobs()
    grid = {"learning_rate_init": [0.01, 1e60]}
    model = small(HFFClassifier, optimizer="heavy-ball", max_iter=2)
    with pytest.warns(FitFailedWarning, match="DivergenceError"):
        search = GridSearchCV(model, grid, cv=2, error_score=-1).fit(X, y)
    assert search.cv_results_["mean_test_score"][1] == -1
    assert search.best_params_ == {"learning_rate_init": 0.01}


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "balanced_accuracy"])
@each_kind
def test_scorers_understand_two_classes(kind, scoring):
    X, y = blobs(classes=2)
    scores = cross_val_score(small(kind, max_iter=5), X, y, cv=2, scoring=scoring)
    assert np.isfinite(scores).all()
