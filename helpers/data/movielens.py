"""MovieLens ratings in the formats they were published in: a set by name, a folder, a zip, a ratings.csv of your own.

Harper & Konstan (2015), "The MovieLens Datasets: History and Context", ACM TiiS 5(4). https://grouplens.org/datasets/movielens/
"""

import io
import os
import warnings
import zipfile
import zlib
from contextlib import ExitStack
from csv import QUOTE_NONE
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.checks import LessonError, did_you_mean, shown
from helpers.data.downloads import Archive, cache_folder, fetch, open_archive

HOME = "https://files.grouplens.org/datasets/movielens"
SETS = {
    archive.name.removesuffix(".zip"): archive
    for archive in (
        Archive("ml-latest-small.zip", 978202, "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"),
        Archive("ml-100k.zip", 4924029, "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"),
        Archive("ml-1m.zip", 5917549, "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20"),
        Archive("ml-20m.zip", 198702078, "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3"),
        Archive("ml-25m.zip", 261978986, "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa"),
    )
}
RATINGS_FILES = ("ratings.csv", "u.data", "ratings.dat")
TITLES_FILES = ("movies.csv", "u.item", "movies.dat")
COLUMNS = {"userId": "user_id", "movieId": "movie_id", "rating": "rating", "timestamp": "timestamp"}


class Loaded(NamedTuple):
    """What a source holds, checked, with published ids."""

    name: str
    ratings: pd.DataFrame  # user_id, movie_id, rating (float, stars), timestamp (seconds)
    movies: pd.DataFrame  # movie_id (unique), title, genres ("Action|Sci-Fi", "" where none are known), year (Int64)
    scale: tuple[float, float]


def set_name(source: object) -> str | None:
    """The name that a source gives: "embedded" or a MovieLens set; None for the path of files of one's own."""
    if isinstance(source, os.PathLike) and not os.path.exists(source):
        source = os.fspath(source)  # Path("embedded") means "embedded", unless there is a folder of that name
    return source if isinstance(source, str) and source in ("embedded", *SETS) else None


def _local_path(source: str | os.PathLike, cache: str | os.PathLike | None) -> Path:
    """Where a source's files are, or will be once they are downloaded."""
    name = set_name(source)
    if name in SETS:
        local = Path(os.environ.get("MOVIELENS_DIR") or os.devnull) / name
        return local if local.is_dir() else cache_folder(cache) / SETS[name].name
    return Path(os.path.expanduser(source))


def files_stamp(source: str | os.PathLike, cache: str | os.PathLike | None = None) -> tuple[tuple[str, int, int], ...]:
    """Path, time of change and size of every file that a source is read from: changes as soon as one of them does.

    Empty for the embedded ratings and for what is not there (yet). Costs a few looks at the disk; reads nothing.
    """
    if not isinstance(source, str | os.PathLike) or set_name(source) == "embedded":
        return ()
    path = _local_path(source, cache)
    try:
        folder = path if path.is_dir() else path.parent
        files = [path, *(folder / name for name in (*RATINGS_FILES, *TITLES_FILES))]
        seen = [(str(file), file.stat()) for file in files if file.is_file()]
    except (OSError, ValueError):  # a path that no system has: loading it says so
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in seen)


def load(source: str | os.PathLike, cache: str | os.PathLike | None = None, mirror: str | None = None) -> Loaded:
    """Read a MovieLens set by its name, or a folder, a zip archive or a ratings.csv by its path.

    A set by name is read from the folder MOVIELENS_DIR, where that is set and has it, and otherwise downloaded once.
    Raises `LessonError` for an unknown source, a failed download, and ratings that are not fit to learn from: a missing
    column, no rows, what is not a number, ids below 0, ratings off the scale, two ratings of one movie by one user.
    """
    if not isinstance(source, str | os.PathLike) or not isinstance(os.fspath(source), str):
        raise LessonError(f"A source of ratings is a name or a path, such as 'embedded'; you gave {shown(source)}.")
    path, name = _local_path(source, cache), set_name(source)
    if name in SETS and not os.path.isdir(path):  # unlike Path.is_dir() it takes a path that is too long
        path = fetch(SETS[name], HOME, cache, mirror)
    elif not os.path.exists(path):
        names = ("embedded", *SETS)
        raise LessonError(
            f"There are no ratings called {shown(os.fspath(source))}{did_you_mean(os.fspath(source), names)}; "
            f"there are {', '.join(names)}, and any folder of your own by its path."
        )
    with ExitStack() as stack:
        try:
            return _read(_open_folder(path, stack), path)
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as fault:
            raise LessonError(f"{path} cannot be read ({fault}); fetch it again.") from None


def _open_folder(path: Path, stack: ExitStack) -> Path | zipfile.Path:
    """The folder that holds the ratings; within a zip archive one that is read in place, never unpacked."""
    if path.suffix == ".zip" and path.is_file():
        archive = stack.enter_context(open_archive(path))
        found = [name for name in archive.namelist() if PurePosixPath(name).name in RATINGS_FILES]
        top = min(found, key=len, default="").rpartition("/")[0]
        return zipfile.Path(archive, f"{top}/" if top else "")
    if path.is_file() and path.suffix != ".csv" and path.name not in RATINGS_FILES:
        raise LessonError(f"{path} is not a file of ratings: give a ratings.csv, a zip or a folder.")
    return path if path.is_dir() else path.parent


def _read(folder: Path | zipfile.Path, path: Path) -> Loaded:
    """Tell the format by the files."""
    name = path.stem if path.is_file() else path.resolve().name
    own = path if path.suffix == ".csv" else folder / "ratings.csv"
    if own.is_file():
        return Loaded(name, _ratings_csv(own), _movies(folder / "movies.csv"), (0.5, 5.0))
    for ratings, movies in (("u.data", "u.item"), ("ratings.dat", "movies.dat")):
        if (folder / ratings).is_file():
            return Loaded(name, _ratings_without_header(folder / ratings), _movies(folder / movies), (1.0, 5.0))
    raise LessonError(
        f"{path} holds no MovieLens ratings: it should have ratings.csv and movies.csv, or u.data and u.item, or "
        "ratings.dat and movies.dat."
    )


def _ratings_csv(file: Path | zipfile.Path) -> pd.DataFrame:
    table = _parse(file, encoding="utf-8-sig", skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise LessonError(
            f"{file.name} has no column {missing[0]!r}: it needs {', '.join(COLUMNS)} and has "
            f"{', '.join(map(str, table.columns))}."
        )
    return _check(table[list(COLUMNS)].rename(columns=COLUMNS), file.name, (0.5, 5.0))


def _ratings_without_header(file: Path | zipfile.Path) -> pd.DataFrame:
    table = _parse(file, encoding="latin-1", header=None)
    if table.shape[1] < len(COLUMNS):
        raise LessonError(f"{file.name} has {table.shape[1]} columns but needs four: user, movie, rating, timestamp.")
    return _check(table.iloc[:, :4].set_axis(list(COLUMNS.values()), axis=1), file.name, (1.0, 5.0))


def _parse(file: Path | zipfile.Path, **options) -> pd.DataFrame:
    """A delimited file as a table, blank lines left out. Raises `LessonError` where it is not one."""
    with file.open("rb") as opened:
        if file.name.endswith((".dat", ".data", ".item")):
            options |= {"quoting": QUOTE_NONE, "sep": "|" if file.name == "u.item" else "\t"}
        if file.name.endswith(".dat"):
            # One character between columns lets pandas use its fast parser; no published file has tabs.
            opened = io.BytesIO(opened.read().replace(b"::", b"\t"))
        try:
            with warnings.catch_warnings(action="ignore", category=pd.errors.ParserWarning):
                # A comma too many at the end of every row is not a first column without a name.
                return pd.read_csv(opened, index_col=False, **options)
        except pd.errors.EmptyDataError:
            raise LessonError(f"{file.name} is empty.") from None
        except UnicodeError:
            raise LessonError(f"{file.name} is not UTF-8 text; save it again with the encoding UTF-8.") from None
        except pd.errors.ParserError as fault:
            raise LessonError(f"{file.name} is not a table: {str(fault).strip().splitlines()[-1]}.") from None


def _check(ratings: pd.DataFrame, file: str, scale: tuple[float, float]) -> pd.DataFrame:
    """The four columns as numbers. Raises `LessonError` naming the first wrong row; row 1 is the first rating."""
    if ratings.empty:
        raise LessonError(f"{file} holds no ratings, only a header.")
    columns = {
        column: (_numbers if column == "rating" else _whole_numbers)(ratings[column], file) for column in ratings
    }
    for column in ("user_id", "movie_id"):
        _refuse(columns[column] < 0, columns[column], f"in the column {column} of {file} is below 0, as no id is")
    columns["rating"] = rating = columns["rating"].astype(float)
    off_scale = (rating < scale[0]) | (rating > scale[1])
    _refuse(off_scale, rating, f"in {file} is off the scale of {scale[0]} to {scale[1]} stars")
    checked = pd.DataFrame(columns)
    twice = checked.duplicated(["user_id", "movie_id"])
    if twice.any():
        first = checked[twice.to_numpy()].iloc[0]
        raise LessonError(
            f"In {file} user {first.user_id:.0f} rates movie {first.movie_id:.0f} more than once ({twice.sum():,} such "
            "rows in all); keep one rating of each, for example the newest."
        )
    return checked


def _numbers(column: pd.Series, file: str) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy()
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        value = column.iloc[bad[0]]
        what = "is missing" if pd.isna(value) else f"is {shown(value)}, which is not a number,"
        raise LessonError(f"The {column.name} {what} in row {bad[0] + 1:,} of {file}; {len(bad):,} such rows in all.")
    return numbers


def _whole_numbers(column: pd.Series, file: str) -> np.ndarray:
    numbers = _numbers(column, file)
    _refuse(numbers % 1 != 0, numbers, f"in the column {column.name} of {file} is not a whole number")
    _refuse(
        np.abs(numbers) >= 2**53, numbers, f"in the column {column.name} of {file} is too large for an id or a time"
    )
    return numbers.astype(np.int64)


def _refuse(wrong: np.ndarray, values: np.ndarray, why: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise LessonError(f"The value {values[rows[0]]} in row {rows[0] + 1:,} {why}; {len(rows):,} such rows in all.")


# fmt: off
GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)
# fmt: on


def _movies(file: Path | zipfile.Path) -> pd.DataFrame:
    """Titles, genres and years. u.item has: id, title, release date, another, address, a flag for each genre."""
    if not file.is_file():  # ratings of your own need no titles
        return _tidy_movies([], [], [])
    if file.name == "movies.csv":
        # Converters keep the text: to pandas "Null" is no title, and "007" a number.
        table = _parse(file, encoding="utf-8-sig", converters={"title": str, "genres": str})
        missing = [column for column in ("movieId", "title", "genres") if column not in table.columns]
        if missing:
            raise LessonError(f"{file.name} has no column {missing[0]!r}: it needs movieId, title, genres.")
        return _tidy_movies(_whole_numbers(table["movieId"], file.name), table["title"], table["genres"])
    table = _parse(file, encoding="latin-1", header=None, converters={1: str})
    flagged, count = file.name == "u.item", table.shape[1]
    if count != 5 + len(GENRES_100K) if flagged else count < 3:
        needs = 5 + len(GENRES_100K) if flagged else "three: movie, title, genres"
        raise LessonError(f"{file.name} has {count} columns but needs {needs}.")
    genres = table[2]
    if flagged:
        flags = table.iloc[:, 5:].to_numpy() == 1
        genres = ["|".join(genre for genre, flag in zip(GENRES_100K, row, strict=True) if flag) for row in flags]
    return _tidy_movies(_whole_numbers(table[0].rename("movie"), file.name), table[1], genres)


def _tidy_movies(movie_id: object, title: object, genres: object) -> pd.DataFrame:
    movies = pd.DataFrame({"movie_id": np.asarray(movie_id, dtype=np.int64), "title": title, "genres": genres})
    movies["title"] = movies["title"].astype("str").str.strip().replace({"": None})
    movies["genres"] = movies["genres"].astype("str").replace({"(no genres listed)": "", "unknown": ""})
    # "Toy Story (1995)", and series as "Rome (2005-2007)"; a few titles have no year.
    movies["year"] = movies["title"].str.extract(r"\((\d{4})(?:[-–]\d{0,4})?\)$")[0].astype("Int64")
    return movies.drop_duplicates("movie_id")
