"""The one error of this room."""


class DataError(ValueError):
    """A data set cannot be found, or a file is not what it should be.

    The text is one line: which file, where in it, what came, what was expected. Nothing is ever
    loaded in part.
    """
