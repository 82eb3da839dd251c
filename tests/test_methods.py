"""What one record makes: classifiers of every family, their settings, documentation and files."""

import copy
import inspect
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import ffref
from ffref import FFClassifier, HFFClassifier
from ffref.cli.flags import ALGORITHMS, FLAGS
from ffref.estimators import ESTIMATORS, method_classifier
from ffref.estimators._parameters import Parameters, classifier
from ffref.formulas import SUM_OF_SQUARES
from ffref.method import (
    Contrastive,
    Method,
    OnePass,
    OwnParams,
    Unsupervised,
    mean_over_units,
    setting,
)
from ffref.negatives import hybrid_negatives
from ffref.objectives import METHODS
from ffref.objectives.ff import ff
from ffref.objectives.hff import hff, hff_class_scores, hff_initial_prototypes
from tests.small_data import blobs
from tests.small_models import outputs, same, small

each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def kind_of(method):
    return getattr(ffref, f"{method.title}Classifier")


def small_of(method, **parameters):
    """Small, with units that three classes can share."""
    return small(kind_of(method), hidden_layer_sizes=(9, 6), **parameters)


# -- every registered method ---------------------------------------------------------------------


@each_method
def test_name_class_and_module(method):
    kind = kind_of(method)
    assert ESTIMATORS[method.name] is kind is getattr(ffref.estimators, kind.__name__)
    assert kind.__name__ in dir(ffref)
    assert kind.__name__ in ffref.estimators.__all__
    assert method.name in ALGORITHMS


@each_method
def test_documentation_and_signature(method):
    kind = kind_of(method)
    text = inspect.getdoc(kind)
    assert text.startswith(method.summary)
    assert method.source in text
    assert f"`{method.objective.__module__}`" in text
    assert f">>> model = ffref.{kind.__name__}(" in text  # run with all doctests
    signature = inspect.signature(kind).parameters
    for name, field in method.choices.__dataclass_fields__.items():
        assert signature[name].default == field.default
        assert any(flag.parameter == name and method.name in flag.algorithms for flag in FLAGS)
    for name, value in method.defaults.items():
        assert signature[name].default == value


@each_method
def test_fits_saves_loads_and_goes_on(method, tmp_path):
    X, y = blobs()
    model = small_of(method, max_iter=3)
    next(model.fit_epochs(X, y))
    model.save(tmp_path / "model.npz")
    loaded = ffref.load(tmp_path / "model.npz")
    assert type(loaded) is type(model)
    assert [record.epoch for record in loaded.fit_epochs(X, y, resume=True)] == [2, 3]
    whole = small_of(method, max_iter=3).fit(X, y)
    assert np.array_equal(loaded.goodness(X), whole.goodness(X))
    assert all(np.isfinite(loss) for record in whole.history_ for loss in record.loss)
    for twin in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
        assert np.array_equal(twin.predict_proba(X), whole.predict_proba(X))


# -- a record of a method that exists by hand makes the same classifier --------------------------


@dataclass(frozen=True)
class Temperature:
    temperature: float = setting(default=0.1, help="divides the scores")


def hff_objective(choices, place):
    return hff(temperature=choices.temperature)


def hff_params(choices, place, rng):
    prototypes = hff_initial_prototypes(
        rng, classes=place.classes, prototypes_per_class=4, units=place.units
    )
    return OwnParams(learned=(prototypes,))


def hff_scores(choices, place, activity, params):
    return hff_class_scores(activity, params[0], sharpness=1 / choices.temperature)


def hff_logits(choices, goodness, read):
    return goodness / (choices.temperature * len(read))


HFF = Method(
    name="hff-again",
    title="HFFAgain",
    summary="HFF again.",
    source="none",
    family=OnePass(hff_scores),
    objective=hff_objective,
    choices=Temperature,
    initial_params=hff_params,
    logits=hff_logits,
)


def ff_objective(choices, place):
    return ff(threshold=float(place.units))


def hybrids(choices, x, rng):
    return hybrid_negatives(x, image_shape=(2, 4), blurs=10, rng=rng)


FF = Method(
    name="ff-again",
    title="FFAgain",
    summary="FF again.",
    source="none",
    family=Contrastive(lambda choices: SUM_OF_SQUARES),
    objective=ff_objective,
    logits=mean_over_units,
)
HYBRID = FF._replace(title="HybridAgain", family=Unsupervised(hybrids))
HFFAgainClassifier = method_classifier(HFF, module="nowhere")
FFAgainClassifier = method_classifier(FF, module="nowhere")
HybridAgainClassifier = method_classifier(HYBRID, module="nowhere")
PICTURES = {"layers": (("conv", 2, 1, 3), ("dense", 6)), "image_shape": (2, 4)}


@pytest.mark.parametrize(
    ("again", "by_hand", "choices"),
    [
        (HFFAgainClassifier, HFFClassifier, {}),
        (HFFAgainClassifier, HFFClassifier, {"temperature": 0.3, "readout": "last"}),
        (HFFAgainClassifier, HFFClassifier, {"layer_schedule": "greedy", "between_norm": "l2"}),
        (FFAgainClassifier, FFClassifier, {}),
        (FFAgainClassifier, FFClassifier, {"negatives": "hard", "readout": "sum"}),
        (FFAgainClassifier, FFClassifier, {"readout": "softmax", "label_strength": 2.0}),
        (FFAgainClassifier, FFClassifier, {"label_encoding": "planes", **PICTURES}),
    ],
)
def test_same_bits_as_the_classifier_by_hand(again, by_hand, choices):
    X, y = blobs()
    assert same(
        outputs(small(again, **choices).fit(X, y), X),
        outputs(small(by_hand, **choices).fit(X, y), X),
    )


def test_same_bits_without_labels():
    X, y = blobs()
    again = small(HybridAgainClassifier, **PICTURES).fit(X, y)
    by_hand = small(FFClassifier, negatives="hybrid", readout="softmax", **PICTURES).fit(X, y)
    for name in ("goodness", "predict_proba", "transform"):
        assert np.array_equal(getattr(again, name)(X), getattr(by_hand, name)(X))
    assert len(again.readout_goodness(X)[0]) == 0
    with pytest.raises(ValueError, match="never saw a label"):
        again.layer_goodness(X)


def test_one_pass_on_images():
    X, y = blobs()
    for layers in (PICTURES["layers"], (("local", 2, 1, 3), ("conv", 1, 1, 2))):
        model = small(HFFAgainClassifier, image_shape=(2, 4), layers=layers).fit(X, y)
        assert model.layer_goodness(X).shape == (2, 90, 3)
        # 1 x 3 places of 3 channels
        assert model.state_.network.layers[0].params[0].shape == (3, 4, 9)


def test_places_say_where_a_layer_stands():
    seen = []

    def watching(choices, place):
        seen.append(place)
        return ff_objective(choices, place)

    kind = method_classifier(FF._replace(objective=watching), module="nowhere")
    X, y = blobs()
    small(kind, label_encoding="planes", **PICTURES).fit(X, y)
    assert seen[:2] == [(0, 2, 9, 3, 3), (1, 2, 6, 6, 3)]


def test_a_file_of_a_method_that_is_not_registered_is_not_called_damaged(tmp_path):
    small(HFFAgainClassifier).fit(*blobs()).save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="algorithm 'hff-again', which is none of this ffref"):
        ffref.load(tmp_path / "model.npz")


def test_a_derivative_that_is_forgotten_is_counted():
    def forgetful(choices, place):
        whole = hff_objective(choices, place)

        def evaluate(*given):
            return whole.evaluate(*given)._replace(d_params=())

        return whole._replace(evaluate=evaluate)

    kind = method_classifier(HFF._replace(objective=forgetful), module="nowhere")
    with pytest.raises(ValueError, match="of its params: got 0, expected 1"):
        small(kind).fit(*blobs())


# -- settings ------------------------------------------------------------------------------------


def test_an_unknown_default_is_refused():
    with pytest.raises(ValueError, match=r"no settings \['betwen_norm'\]"):
        method_classifier(FF._replace(defaults={"betwen_norm": "none"}), module="nowhere")


@classifier
class Base(Parameters):
    """Base."""

    first: int = setting(default=1, help="first", kw_only=False)
    second: str = setting(default="a", help="second", choices=("a", "b"))


@classifier
class Left(Base):
    """Left."""

    third: float | None = setting(default=None, help="third", more="Or none.", shapes=True)


@classifier
class Right(Base):
    """Right."""

    second: str = "b"


@classifier
class Both(Left, Right):
    """Both.

    Examples
    --------
    none
    """

    first: int = 3


def test_a_redeclared_setting_changes_its_default_alone():
    assert Right.settings()["second"] == Base.settings()["second"]
    assert (Base().second, Right().second) == ("a", "b")
    assert repr(Both(7)) == "Both(first=7)"
    assert list(inspect.signature(Both).parameters) == ["first", "second", "third"]
    with pytest.raises(TypeError):
        Both(1, "b")


def test_a_sibling_s_default_wins_over_that_of_the_common_base():
    assert (Both().first, Both().second, Both().third) == (3, "b", None)


def test_settings_are_documented_before_the_examples():
    text = inspect.getdoc(Both)
    assert text.startswith("Both.\n\nParameters\n----------\nfirst : int, default 3\n    First.\n")
    assert 'second : {"a", "b"}, default \'b\'\n    Second.\n' in text
    assert "third : float, optional\n    Third. Or none.\n\nExamples\n--------\n" in text


def test_choices_are_checked_and_shapes_remembered():
    with pytest.raises(ValueError, match="second must be one of a, b, got 'c'"):
        Both(second="c")._check_parameters()
    Both(second="a")._check_parameters()
    assert Both(third=2.0)._structure() == {"third": 2.0}


@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=lambda kind: kind.__name__)
def test_help_shows_every_parameter(kind):
    text = inspect.getdoc(kind)
    for name in inspect.signature(kind).parameters:
        assert f"\n{name} : " in text
    assert text.count("Parameters\n----------\n") == 1
