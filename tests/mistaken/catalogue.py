"""Mistakes by name: in which families they can be made, what explains them, where they were made.

`made` names a place of which peers of this project are known to have it; empty: plausible.
"""

from typing import NamedTuple

from tests.mistaken import block, faust, ff, head, hff, labelled, pairs, sides


class Mistake(NamedTuple):
    name: str
    families: tuple[str, ...]
    explanation: str
    made: str = ""


HEADS = {
    "hff": hff.head,
    "symba": pairs.head,
    "cumulative": pairs.head,
    "faust": faust.head,
    "layer-collaboration": sides.collaboration,
    "scff": sides.contrast,
    "mono-forward": labelled.mono,
    "cwc": labelled.channels,
    "deeper-forward": labelled.channels,
    "distance-forward": labelled.distances,
}
"""Families whose code is a head in the layer of `head`."""
LAYERED = ("ff", *HEADS)
ALL = ("ff", "recurrent", *HEADS)
COLLABORATION, SCFF = ("layer-collaboration",), ("scff",)
MONO, CHANNELS, DISTANCE = ("mono-forward",), ("cwc", "deeper-forward"), ("distance-forward",)
LOGISTIC = ("ff", "recurrent", *COLLABORATION)
PAIRED = ("symba", "cumulative")
READ_OUT = (*LOGISTIC, *PAIRED, *SCFF)
FF, HFF, RECURRENT, CUMULATIVE = ("ff",), ("hff",), ("recurrent",), ("cumulative",)
FAUST, BLOCK = ("faust",), ("block",)
PROTOTYPED = ("hff", "block")
LABELLED = (*PROTOTYPED, *MONO, *CHANNELS)
DIRECTED = ("hff", "faust", *DISTANCE)
STACKED = ("ff", "cumulative", *COLLABORATION)

MISTAKES = [
    Mistake("input not normalised", ALL, "the input is not normalised"),
    Mistake("l2 for rms", ALL, "the length is divided out, where the root of the mean square is "
            "meant", "mpezeshki, keras.io: Hinton's hyperparameters with l2"),
    Mistake("rms for l2", ALL, "the root of the mean square is divided out, where the length is "
            "meant"),
    Mistake("eps added to the length", ALL, "eps of the normalisation is 1e-08, added to the "
            "length", "loeweX"),
    Mistake("eps under the root", ALL, "eps of the normalisation is {}, added under the root"),
    Mistake("eps as least length", ALL, "eps of the normalisation is {}, the least length",
            "dah33"),
    Mistake("no eps", ALL, "there is no eps in the normalisation"),
    Mistake("zero rows divided by 0", ALL, "a row of zeros is divided by 0"),
    Mistake("columns normalised", LAYERED, "columns are normalised, not rows"),
    Mistake("one norm of the batch", LAYERED, "one norm of the whole batch is divided out, not "
            "each row's"),
    Mistake("sum of absolutes for the norm", LAYERED, "the sum of absolute values is divided "
            "out, not the norm"),
    Mistake("largest for the norm", LAYERED, "the largest absolute value is divided out, not the "
            "norm"),
    Mistake("mean subtracted", LAYERED, "the mean is subtracted in the normalisation"),
    Mistake("no norm between layers", STACKED, "no normalisation between the layers",
            "LumenPallidium/backprop-alts"),
    Mistake("bias left out", ALL, "the bias is left out"),
    Mistake("weight read as (out, in)", LAYERED, "the weight's numbers are read in the other "
            "order, (out, in) for (in, out)"),
    Mistake("kernel flipped", LAYERED, "the kernel is flipped: a convolution, where a "
            "cross-correlation is meant"),
    Mistake("kernel gradient flipped", LAYERED, "the kernel's gradient is flipped"),
    Mistake("no relu", ALL, "the relu is left out"),
    Mistake("leaky relu", ALL, "the relu is leaky, with slope 0.01"),
    Mistake("gate left out", ALL, "the relu's gate is left out of the gradient",
            "loeweX, on purpose"),
    Mistake("gated", ALL, "the gradient stops at silent units, where it is meant to be handed "
            "straight through"),
    Mistake("raw input in d_weight", ALL, "d_weight is taken with the input before its "
            "normalisation"),
    Mistake("d_weight in the other order", LAYERED, "d_weight's numbers stand in the other order, "
            "(out, in) for (in, out)"),
    Mistake("d_bias a mean", LAYERED, "d_bias is a mean over rows and places, not a sum"),
    Mistake("d_bias left out", ALL, "d_bias is left out",
            "Hinton's Matlab code, of its softmax"),
    Mistake("d_weight doubled", ALL, "d_weight alone is twice as large"),
    Mistake("d_bias doubled", ALL, "d_bias alone is twice as large"),
    Mistake("parameters' gradients over the batch", ALL, "the gradient of every parameter is "
            "divided by the batch once too often"),
    Mistake("leak from above", STACKED, "the loss of the layer above leaks into this layer's "
            "gradient", "one loss of all layers without detach"),
    Mistake("back-propagated from the top", STACKED, "the whole network is back-propagated from "
            "the last layer's loss"),
    # labels
    Mistake("label strength one", FF, "the label's slot holds 1"),
    Mistake("label strength batch-max", FF, "the label's slot holds the largest feature of the "
            "batch", "mpezeshki"),
    Mistake("label strength row-max", FF, "the label's slot holds the largest feature of its row",
            "keras.io"),
    Mistake("slots not zeroed", FF, "the label's slots are not zeroed first"),
    Mistake("label added to slots", FF, "the label is added to what stands in its slots",
            "rmwkwok"),
    Mistake("labels exchanged", FF, "true and wrong labels are exchanged"),
    Mistake("true label in negatives", FF, "negatives carry the true label",
            "mpezeshki, keras.io, nebuly: one in ten"),
    Mistake("labels from 1", FF, "labels are counted from 1"),
    # goodness and threshold
    Mistake("mean for sum", READ_OUT, "the mean of squares, where the sum is meant", "mpezeshki"),
    Mistake("sum for mean", READ_OUT, "the sum of squares, where the mean is meant"),
    Mistake("sign of goodness", LOGISTIC, "the logit has the other sign: goodness "
            "and threshold are exchanged"),
    Mistake("first power", READ_OUT, "goodness is of the activity, not of its square",
            "LumenPallidium/backprop-alts, in validation"),
    Mistake("length as goodness", READ_OUT, "goodness is the root of what is meant: the length"),
    Mistake("mean over channels", ("ff", *PAIRED), "the mean is over channels alone, "
            "summed over places"),
    Mistake("factor 2 of the square left out", READ_OUT, "the derivative of goodness is half as "
            "large: a factor 2 is left out", "Hinton's Matlab code"),
    Mistake("1/n of the mean left out", READ_OUT, "1/units of the mean is left out of its "
            "derivative"),
    Mistake("activity left out of the slope", READ_OUT, "the derivative of the square is taken to "
            "be 2: times the activity is left out"),
    Mistake("no threshold", LOGISTIC, "the threshold is left out"),
    Mistake("threshold added", LOGISTIC, "the threshold is added"),
    Mistake("threshold times units", LOGISTIC, "the threshold is multiplied by the layer's units"),
    Mistake("threshold over units", LOGISTIC, "the threshold is divided by the layer's units"),
    Mistake("threshold 2", LOGISTIC, "the threshold is 2", "keras.io: the text of 1.5"),
    Mistake("no threshold in the gradient", LOGISTIC, "the threshold is left out of the gradient"),
    Mistake("threshold keeps its sign", LOGISTIC, "the threshold keeps its sign, where a low "
            "goodness is good"),
    # logistic loss
    Mistake("sides exchanged", LOGISTIC, "positive and negative samples are exchanged"),
    Mistake("first half positive", LOGISTIC, "the first half of the batch is taken for the "
            "positive samples"),
    Mistake("all rows positive", LOGISTIC, "every row is taken for a positive one"),
    Mistake("targets -1 and 1", LOGISTIC, "cross-entropy with targets -1 and 1, where 0 and 1 "
            "are meant"),
    Mistake("two means", LOGISTIC, "the mean over positives is added to the mean over negatives",
            "dah33"),
    Mistake("negatives left out", LOGISTIC, "negative samples are left out"),
    Mistake("no gradient of negatives", LOGISTIC, "negative samples give no gradient"),
    Mistake("probability maximised", LOGISTIC, "the probability is maximised, not its logarithm",
            "LumenPallidium/backprop-alts"),
    Mistake("negatives add log p", LOGISTIC, "negative samples add log p, where -log(1 - p) is "
            "meant", "nebuly"),
    Mistake("p for 1 - p", LOGISTIC, "sigmoid(s logit) stands where sigmoid(-s logit) is meant"),
    Mistake("side's sign left out", LOGISTIC, "s, the sign of each side, is left out"),
    Mistake("log(1 + exp) overflows", LOGISTIC, "log(1 + exp(x)) overflows, in the loss and the "
            "gradient", "mpezeshki, pytorch/examples, keras.io, fflib, nebuly, CwComp"),
    Mistake("mean over pairs", LOGISTIC, "the mean over rows is a mean over pairs"),
    Mistake("everything halved", ALL, "the loss, and with it the gradient, is half as large: a "
            "factor 2 is left out"),
    Mistake("everything over the batch", ALL, "the loss, and with it the gradient, is divided by "
            "the batch once too often"),
    Mistake("gradient not over the batch", ALL, "the gradient, not the loss, is a sum over the "
            "batch, where its mean is meant: 1/batch is left out"),
    Mistake("gradient over the batch twice", ALL, "the gradient, not the loss, is divided by the "
            "batch once too often"),
    Mistake("gradient halved", ALL, "the gradient, not the loss, is half as large: a factor 2 is "
            "left out", "CaFo: L1 against L2, 0.5 lambda against lambda"),
    Mistake("gradient ascends", ALL, "the gradient, not the loss, is of the other sign",
            "Hinton's Matlab code, on purpose"),
    Mistake("loss summed, gradient not", ALL, "the loss alone is a sum over the batch, where its "
            "mean is meant: 1/batch is left out"),
    # peers
    Mistake("no peers", FF, "peer normalisation is left out"),
    Mistake("peers differentiated", FF, "peer normalisation is differentiated through the moved "
            "mean: 0.2/units of the rule", "loeweX"),
    Mistake("peers by rule", FF, "Hinton's rule stands where peer normalisation is meant to be "
            "differentiated"),
    Mistake("peers' push gated", FF, "the peers' push is gated by the relu"),
    Mistake("peers' sign", FF, "the peers' push has the other sign"),
    Mistake("peers' push over units", FF, "the peers' push is divided by the layer's units"),
    Mistake("1 - momentum left out", FF, "1 - momentum is left out of the peers' derivative"),
    Mistake("old mean pushes", FF, "the running mean of before this batch pushes"),
    Mistake("batch mean pushes", FF, "this batch's mean pushes, not the running one"),
    Mistake("running mean not moved", FF, "the running mean is not moved"),
    Mistake("momentum swapped", FF, "momentum and 1 - momentum are swapped in the running mean"),
    Mistake("peers' mean over all rows", FF, "the running mean is over positive and negative "
            "rows"),
    Mistake("peers push all rows", FF, "the peers push every row, with a share of 1/positives"),
    Mistake("peers' push over the batch", FF, "the peers' push is divided by the batch, not by "
            "its positives"),
    Mistake("peers' mean not subtracted", FF, "the peers' mean is not subtracted"),
    Mistake("peers in the loss too", FF, "peer normalisation adds to the loss"),
    # sphere and scores
    Mistake("activity not normalised", DIRECTED, "the activity is not normalised"),
    Mistake("prototypes not normalised", HFF, "prototypes are not normalised"),
    Mistake("activity: radial part stays", DIRECTED, "the derivative of the activity's length "
            "is left out: its radial part stays"),
    Mistake("activity: normalisation left out of the gradient", DIRECTED, "d_activity is "
            "d_direction: the normalisation is left out of the gradient"),
    Mistake("activity: not over the length", HFF, "d_activity is not divided by the activity's "
            "length"),
    Mistake("prototypes: radial part stays", HFF, "the derivative of the prototypes' length is "
            "left out: their radial part stays"),
    Mistake("prototypes: normalisation left out of the gradient", HFF, "d_prototypes is that of "
            "their directions: the normalisation is left out"),
    Mistake("prototypes: not over the length", HFF, "d_prototypes is not divided by the "
            "prototypes' length"),
    Mistake("silent row over 0", HFF, "a silent row is divided by its length 0"),
    Mistake("prototypes channels last", HFF, "features are flattened channels first, prototypes "
            "channels last"),
    Mistake("own prototypes alone", HFF, "the prototypes of wrong classes are left out of "
            "d_prototypes"),
    Mistake("d_prototypes left out", HFF, "d_prototypes is left out"),
    Mistake("d_prototypes doubled", HFF, "d_prototypes alone is twice as large"),
    Mistake("temperature inverted", PROTOTYPED, "the temperature is multiplied, not divided by"),
    Mistake("no temperature", HFF, "the temperature is left out"),
    Mistake("no temperature in the gradient", PROTOTYPED, "the temperature is left out of the "
            "gradient", "Hinton's Matlab code, of its softmax"),
    Mistake("sum over prototypes", HFF, "the sum over prototypes, where the mean is meant"),
    Mistake("largest prototype", HFF, "the largest cosine, where a smooth maximum is meant"),
    Mistake("mean over prototypes", HFF, "the mean of cosines, where a smooth maximum is meant"),
    Mistake("gradient shared evenly", HFF, "prototypes of a class share its gradient evenly"),
    Mistake("gradient whole to each", HFF, "every prototype of a class gets its whole gradient"),
    Mistake("temperature for sharpness", HFF, "the temperature stands in place of the sharpness"),
    Mistake("sharpness inverted", HFF, "the sharpness is divided by, not multiplied"),
    Mistake("no margin", (*HFF, *DISTANCE), "the margin is left out"),
    Mistake("margin's sign", (*PROTOTYPED, *DISTANCE), "the margin has the other sign"),
    Mistake("margin cut at 0", HFF, "a margin below 0 is cut off"),
    Mistake("margin on wrong classes", HFF, "the margin is on the wrong classes"),
    Mistake("margin on all classes", HFF, "the margin is on all classes"),
    Mistake("margin after temperature", HFF, "the margin is subtracted after the temperature"),
    Mistake("softmax over the batch", PROTOTYPED, "the softmax is over the batch, not over the "
            "classes"),
    Mistake("softmax twice", LABELLED, "softmax twice: probabilities are taken for logits",
            "CwComp"),
    Mistake("no smoothing", (*HFF, *MONO), "label smoothing is left out"),
    Mistake("smoothing over wrong classes", HFF, "label smoothing is spread over the wrong "
            "classes alone"),
    Mistake("labels from 1", (*HFF, *MONO, *CHANNELS), "labels are counted from 1"),
    Mistake("target left out of the gradient", (*HFF, *MONO), "the target is left out of the "
            "gradient: softmax alone"),
    Mistake("wrong classes give no gradient", LABELLED, "wrong classes give no gradient"),
    Mistake("sum over rows", HFF, "the loss, and with it the gradient, is a sum over the batch, "
            "where its mean is meant: 1/batch is left out"),
    Mistake("sum over rows", LOGISTIC, "the mean over rows is a sum, without other terms"),
    # recurrent
    Mistake("damping swapped", RECURRENT, "damping and 1 - damping are swapped"),
    Mistake("no damping", RECURRENT, "damping is left out"),
    Mistake("1 - damping left out of the gradient", RECURRENT, "1 - damping is left out of the "
            "gradient"),
    Mistake("damping in the gradient", RECURRENT, "damping stands for 1 - damping in the "
            "gradient"),
    Mistake("goodness of the new activity", RECURRENT, "goodness is of the new activity, without "
            "the old state"),
    Mistake("gated by the state", RECURRENT, "the gradient is gated by the state, not by the new "
            "activity"),
    Mistake("no input from above", RECURRENT, "the input from above is left out"),
    Mistake("above not normalised", RECURRENT, "the state above is not normalised"),
    Mistake("below not normalised", RECURRENT, "the state below is not normalised"),
    Mistake("d_top_down doubled", RECURRENT, "d_top_down alone is twice as large"),
    # pairs, and what they inherit
    Mistake("paired in order", PAIRED, "positive and negative rows are paired in their order, "
            "whatever the partners are"),
    Mistake("margin's sign", PAIRED, "the margin has the other sign"),
    Mistake("negatives give no gradient", PAIRED, "negative rows give no gradient"),
    Mistake("same push for both", PAIRED, "both rows of a pair are pushed the same way"),
    Mistake("no steepness", PAIRED, "the steepness is left out"),
    Mistake("no steepness in the gradient", PAIRED, "the steepness is left out of the gradient"),
    Mistake("mean over rows for pairs", PAIRED, "the mean is over rows, not over pairs"),
    Mistake("sum over pairs", PAIRED, "the mean over pairs is a sum"),
    Mistake("hinge", PAIRED, "a hinge stands for the softplus"),
    Mistake("p for 1 - p in pairs", PAIRED, "sigmoid(steepness margin) stands where "
            "sigmoid(-steepness margin) is meant"),
    Mistake("log(1 + exp) overflows in pairs", PAIRED, "log(1 + exp(x)) overflows, in the loss "
            "and the gradient"),
    Mistake("softplus cut at 20", PAIRED, "softplus(x) is cut to x above 20",
            "PyTorch's softplus: off by up to 2e-9"),
    Mistake("carried left out", CUMULATIVE, "the margins of the layers below are left out"),
    Mistake("carried subtracted", CUMULATIVE, "the margins of the layers below are subtracted"),
    Mistake("carried weight left out", CUMULATIVE, "the weight of what is carried is left out"),
    Mistake("weight on the own margin", CUMULATIVE, "the weight of what is carried acts on the "
            "layer's own margin as well"),
    Mistake("not handed on", CUMULATIVE, "what was handed up is not handed on: the layer's own "
            "margin alone"),
    Mistake("no remedy", CUMULATIVE, "the remedy against free-riding is left out"),
    Mistake("own loss left out", CUMULATIVE, "the layer's own loss is left out"),
    Mistake("gate turned", CUMULATIVE, "the gate has the other sign: won pairs inherit more"),
    Mistake("depth from 1", CUMULATIVE, "the depth is counted from 1"),
    Mistake("own share of any depth", CUMULATIVE, "the own share does not grow with depth"),
    Mistake("hardness not over its mean", CUMULATIVE, "the weights of hard pairs are not divided "
            "by their mean"),
    Mistake("own share not cut", CUMULATIVE, "the own share is not cut at 0"),
    # labels alone
    Mistake("projection alone learns", MONO, "the activity gets no gradient: the projection alone "
            "learns", "CaFo, on purpose"),
    Mistake("projection rows normalised", MONO, "the projection's rows are divided by their "
            "length"),
    Mistake("logits over the root of the units", MONO, "logits are divided by the root of the "
            "units"),
    Mistake("d_projection doubled", MONO, "d_projection alone is twice as large"),
    Mistake("sum over the units of a class", CHANNELS, "the sum over the units of a class, where "
            "their mean is meant"),
    Mistake("class's mean over channels alone", CHANNELS, "the mean is over channels alone, "
            "summed over places"),
    Mistake("channels in turn", CHANNELS, "channels are dealt out to the classes in turn"),
    Mistake("activity for square", ("cwc",), "the activity itself, where its square is meant"),
    Mistake("square for activity", ("deeper-forward",), "the square of the activity, where the "
            "activity itself is meant"),
    Mistake("factor 2 of the class's square left out", ("cwc",), "the derivative of goodness is "
            "half as large: a factor 2 is left out"),
    Mistake("exp overflows in softmax", ("cwc",), "exp overflows in the softmax"),
    Mistake("softmax for pvn", ("cwc",), "a softmax stands where positive and negative are judged "
            "apart"),
    Mistake("others summed", ("cwc",), "the sum of the other classes, where their mean is meant"),
    Mistake("no threshold in pvn", ("cwc",), "the threshold is left out"),
    Mistake("centroid distance not squared", DISTANCE, "the distance is not squared"),
    Mistake("decay swapped", DISTANCE, "decay and 1 - decay are swapped"),
    Mistake("absent class decays", DISTANCE, "the centroid of a class without rows decays"),
    Mistake("centroids of raw activity", DISTANCE, "the centroids move towards the activity, not "
            "normalised"),
    # sides
    Mistake("others left out", COLLABORATION, "the goodness of other layers is left out"),
    Mistake("others subtracted", COLLABORATION, "the goodness of other layers is subtracted"),
    Mistake("own and others averaged", COLLABORATION, "the logit is the mean of own and carried "
            "goodness"),
    Mistake("goodness not handed on", COLLABORATION, "what was handed up is not handed on: the "
            "layer's own goodness alone"),
    Mistake("contrast: sides exchanged", SCFF, "positive and negative samples are exchanged"),
    Mistake("thresholds exchanged", SCFF, "the thresholds of both sides are exchanged"),
    Mistake("one threshold", SCFF, "both sides have the threshold of the positive rows"),
    Mistake("no penalty", SCFF, "the penalty is left out"),
    Mistake("no penalty in the gradient", SCFF, "the penalty is left out of the gradient"),
    Mistake("penalty squared", SCFF, "the penalty is of the squared goodness",
            "SCFF's text; its code takes the root of the square again"),
    Mistake("contrast: one mean", SCFF, "one mean over all rows, where the means of both sides "
            "are added"),
    Mistake("contrast: means averaged", SCFF, "the means of both sides are averaged, not added"),
    Mistake("contrast: log(1 + exp) overflows", SCFF, "log(1 + exp(x)) overflows, in the loss and "
            "the gradient"),
    # blocks
    Mistake("statistics held constant", BLOCK, "mean and variance are constants in the gradient"),
    Mistake("variance held constant", BLOCK, "the variance is a constant in the gradient"),
    Mistake("running statistics in training", BLOCK, "the running mean and variance normalise, "
            "not the batch's"),
    Mistake("variance of samples normalises", BLOCK, "the variance is divided by one less than "
            "its numbers"),
    Mistake("batch eps outside", BLOCK, "eps is added to the root, not under it"),
    Mistake("Keras's eps", BLOCK, "eps of the batch's variance is 0.001", "Keras's default"),
    Mistake("Keras's momentum", BLOCK, "the momentum is the old value's: Keras's convention"),
    Mistake("biased running variance", BLOCK, "the running variance is the biased one",
            "Keras's convention"),
    Mistake("row norm held constant", BLOCK, "the rows' norm is a constant in the gradient"),
    Mistake("shift left out", BLOCK, "the shift is left out"),
    Mistake("mean pooling", BLOCK, "pooling takes the mean, not the largest"),
    Mistake("all places win", BLOCK, "every place of a window gets the gradient, not its winner "
            "alone"),
    Mistake("shortcut left out", BLOCK, "the shortcut is left out"),
    Mistake("shortcut strided", BLOCK, "the shortcut takes the first pixel of each window, not "
            "the mean", "He et al., option A, on purpose"),
    Mistake("auxiliary bias left out", BLOCK, "the auxiliary bias is left out"),
    Mistake("1/pixels left out", BLOCK, "1/pixels is left out of the gradient of a cell's mean"),
    Mistake("d_scale doubled", BLOCK, "d_scale alone is twice as large"),
    # tuples
    Mistake("-1 is the last row", FAUST, "-1, where there is no member, is read as the last row"),
    Mistake("mean over all rows", FAUST, "the mean is over all rows, not over anchors"),
    Mistake("anchors alone learn", FAUST, "rows learn as anchors alone"),
    Mistake("negatives detached", FAUST, "negatives do not learn as members"),
    Mistake("positive left out of the sum", FAUST, "the positive is left out of the sum: "
            "negatives alone"),
    Mistake("exp overflows", FAUST, "exp overflows in the sum over members"),
    Mistake("dot for cosine", FAUST, "the similarity is the dot product"),
    Mistake("distance not squared", FAUST, "the distance is not squared"),
    Mistake("no scale", (*FAUST, *DISTANCE), "the scale is left out"),
    Mistake("scale inverted", FAUST, "the scale is divided by: a temperature"),
    Mistake("no scale in the gradient", (*FAUST, *DISTANCE), "the scale is left out of the "
            "gradient"),
    Mistake("centroid of raw activity", FAUST, "the centroid is of the activity, not normalised"),
    Mistake("centroid a sum", FAUST, "the centroid is a sum, not a mean"),
    Mistake("centroid of unit length", FAUST, "the centroid is divided by its length"),
    Mistake("score by dot product", FAUST, "the class score is the dot product with the "
            "centroid"),
    Mistake("factor from anchors", FAUST, "the factor learns from anchors alone"),
    Mistake("factor read as (rank, units)", FAUST, "the factor's numbers are read in the other "
            "order, (rank, units) for (units, rank)"),
    Mistake("own share differentiated", CUMULATIVE, "the own share is differentiated"),
]  # fmt: skip


def mistaken(case, names, dtype="float64"):
    """Every quantity of a case, by code with these mistakes."""
    if case.family in HEADS:
        return head.run(HEADS[case.family], case, frozenset(names), dtype)
    run = block.run if case.family == "block" else ff.run
    return run(case, frozenset(names), dtype)


def text_of(mistake, case):
    """Explanation of a mistake in this case; the eps of its normalisation is the case's own."""
    return mistake.explanation.format(f"{case.spec.norm.eps or 1e-8:g}")
