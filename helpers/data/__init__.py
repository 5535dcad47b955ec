"""Data for training: samples on a device, ratings embedded and real, patients; all loading and checking of it."""

from helpers.data.embedded import Truth
from helpers.data.ratings import Ratings, Samples, Split, load_diabetes, load_ratings, split, standardise

__all__ = ["Ratings", "Samples", "Split", "Truth", "load_diabetes", "load_ratings", "split", "standardise"]
