"""Data for training: samples on a device, ratings embedded and real, patients; all loading and checking of it."""

from helpers.data.embedded import Truth
from helpers.data.movielens import files_stamp
from helpers.data.ratings import Ratings, Split, load_ratings, split
from helpers.data.samples import Samples, load_diabetes, shuffled_parts, standardise
