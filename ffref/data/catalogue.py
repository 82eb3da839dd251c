"""What is known of each data set that has a name."""

from collections.abc import Mapping
from typing import NamedTuple

from ffref.data.errors import DataError

SPLITS = ("train", "test")


class DatasetInfo(NamedTuple):
    """The facts of one named data set."""

    name: str
    image_shape: tuple[int, int, int]
    """height, width, channels of the image that each row of X holds"""
    class_names: tuple[str, ...]
    """the class with label i is class_names[i]"""
    files: Mapping[str, tuple[str, ...]]
    """for "train" and "test" the files below the data folder; none for a bundled data set"""
    source: str
    """where the canonical files come from"""
    licence: str
    samples: Mapping[str, int]
    """for "train" and "test" the number of samples in the canonical files"""


_TEN_DIGITS = tuple("0123456789")


def _idx_files(folder: str) -> dict[str, tuple[str, ...]]:
    parts = (("train", "train"), ("test", "t10k"))
    return {
        split: (f"{folder}/{part}-images-idx3-ubyte", f"{folder}/{part}-labels-idx1-ubyte")
        for split, part in parts
    }


_CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
bowl boy bridge bus butterfly camel can castle caterpillar cattle
chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
plain plate poppy porcupine possum rabbit raccoon ray road rocket
rose sea seal shark shrew skunk skyscraper snail snake spider
squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

_DATASETS = (
    DatasetInfo(
        name="digits",
        image_shape=(8, 8, 1),
        class_names=_TEN_DIGITS,
        files={"train": (), "test": ()},
        source="bundled; E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, "
        "UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49",
        licence="CC BY 4.0",
        samples={"train": 1437, "test": 360},
    ),
    DatasetInfo(
        name="mnist",
        image_shape=(28, 28, 1),
        class_names=_TEN_DIGITS,
        files=_idx_files("mnist"),
        source="Y. LeCun, C. Cortes and C. Burges, http://yann.lecun.com/exdb/mnist/ (the page no "
        "longer serves the files); mirrors: https://storage.googleapis.com/cvdf-datasets/mnist/ "
        "and https://ossci-datasets.s3.amazonaws.com/mnist/",
        licence="none stated by the authors' page; CC BY-SA 3.0 according to the Keras "
        "documentation",
        samples={"train": 60_000, "test": 10_000},
    ),
    DatasetInfo(
        name="fashion-mnist",
        image_shape=(28, 28, 1),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        files=_idx_files("fashion-mnist"),
        source="H. Xiao, K. Rasul and R. Vollgraf, https://github.com/zalandoresearch/"
        "fashion-mnist (data/fashion), "
        "or http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        licence="MIT",
        samples={"train": 60_000, "test": 10_000},
    ),
    DatasetInfo(
        name="cifar10",
        image_shape=(32, 32, 3),
        class_names=tuple(_CIFAR10_CLASSES.split()),
        files={
            "train": tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
            "test": ("cifar-10-batches-bin/test_batch.bin",),
        },
        source="A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz "
        "(unpack it in the data folder)",
        licence="none stated; the authors ask to cite A. Krizhevsky, Learning Multiple Layers of "
        "Features from Tiny Images, 2009",
        samples={"train": 50_000, "test": 10_000},
    ),
    DatasetInfo(
        name="cifar100",
        image_shape=(32, 32, 3),
        class_names=tuple(_CIFAR100_CLASSES.split()),
        files={
            "train": ("cifar-100-binary/train.bin",),
            "test": ("cifar-100-binary/test.bin",),
        },
        source="A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz "
        "(unpack it in the data folder)",
        licence="none stated; the authors ask to cite A. Krizhevsky, Learning Multiple Layers of "
        "Features from Tiny Images, 2009",
        samples={"train": 50_000, "test": 10_000},
    ),
)


def names() -> tuple[str, ...]:
    """List the names that `load` and `describe` know.

    Examples
    --------
    >>> names()
    ('digits', 'mnist', 'fashion-mnist', 'cifar10', 'cifar100')
    """
    return tuple(info.name for info in _DATASETS)


def describe(name: str) -> DatasetInfo:
    """Tell what is known of a data set, without reading a file.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    DatasetInfo
        Image shape, class names, files, source, licence and number of samples.

    Raises
    ------
    DataError
        If there is no data set of that name.

    Examples
    --------
    >>> describe("cifar10").image_shape
    (32, 32, 3)
    """
    for info in _DATASETS:
        if info.name == name:
            return info
    raise DataError(
        f"there is no data set named {name!r}; choose one of {', '.join(names())}, or read your "
        f"own with ffref.data.read_npz"
    )
