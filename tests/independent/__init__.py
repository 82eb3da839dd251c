"""A second derivation of the formulas, one number at a time, with 50 digits.

Written from the papers alone, without sight of the package. Nothing here imports ffref.
"""
