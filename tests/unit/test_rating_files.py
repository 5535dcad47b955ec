"""Files of ratings that were spoilt on their way, in each of MovieLens's formats."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.checks import LessonError
from helpers.data import load_ratings
from tests.builders import CSV, CSV_FORMAT, DAT, FORMAT_1M, FORMAT_100K, U_DATA, make_zip, one_sentence, write_folder

# File of ratings, its text, its separator, the file of titles beside it.
FORMATS = {
    "csv": (CSV_FORMAT, "ratings.csv", CSV.replace("\r\n", "\n"), ",", "movies.csv"),
    "100k": (FORMAT_100K, "u.data", U_DATA, "\t", "u.item"),
    "1m": (FORMAT_1M, "ratings.dat", DAT, "::", "movies.dat"),
}
every_format = pytest.mark.parametrize("kind", FORMATS)


def appended(row: str):
    return lambda text, separator: text + row.replace(",", separator) + "\n"


def without_last_column(text: str, separator: str) -> str:
    return "".join(line.rpartition(separator)[0] + "\n" for line in text.splitlines())


REFUSED = {
    "another encoding": (lambda text, separator: text.encode("utf-16"), "not UTF-8|not a number|needs four"),
    "a missing column": (without_last_column, "has no column|needs four"),
    "a rating twice": (appended("9,10,4,5"), "user 9 rates movie 10 more than once"),
    "a negative id": (appended("9,-30,4,5"), "below 0"),
    "an id out of all bounds": (appended("9,99999999999999999999,4,5"), "too large for an id"),
    "a time out of all bounds": (appended("9,30,4,1e40"), "too large for an id or a time"),
    "a rating off the scale": (appended("9,30,6,5"), "off the scale"),
    "a rating in words": (appended("9,30,good,5"), "'good', which is not a number"),
    "no rating at all": (lambda text, separator: "", "is empty"),
}
TAKEN = {
    "blank lines": lambda text, separator: "\n" + text.replace("\n", "\n\n"),
    "spaces": lambda text, separator: text.replace(separator, separator + " "),
    "a column more": lambda text, separator: "".join(f"{line}{separator}9\n" for line in text.splitlines()),
}


def spoilt(folder: Path, kind: str, change) -> Path:
    files, name, text, separator, _ = FORMATS[kind]
    content = change(text, separator)
    return write_folder(folder / "ml-x", {**files, name: content if isinstance(content, bytes) else content.encode()})


@pytest.mark.fault("one sentence with the file, the row or column, and what should be there")
@pytest.mark.parametrize("fault", REFUSED)
@every_format
def test_a_file_of_ratings_that_was_spoilt(tmp_path: Path, kind: str, fault: str) -> None:
    change, words = REFUSED[fault]
    with pytest.raises(LessonError, match=words) as caught:
        load_ratings(spoilt(tmp_path, kind, change))
    assert one_sentence(caught.value)


@pytest.mark.fault("the ratings, as if nothing were odd")
@pytest.mark.parametrize("fault", TAKEN)
@every_format
def test_a_file_of_ratings_that_is_odd_but_right(tmp_path: Path, kind: str, fault: str) -> None:
    ratings = load_ratings(spoilt(tmp_path, kind, TAKEN[fault]))
    assert len(ratings) == 3 and ratings.user_ids.tolist() == [7, 9] and ratings.movie_ids.tolist() == [10, 20]


@pytest.mark.fault("one sentence with the file and the row of the id that is none")
@pytest.mark.parametrize("number", ["x", "10.5", ""])
@every_format
def test_a_film_without_a_proper_number(tmp_path: Path, kind: str, number: str) -> None:
    files, *_, titles = FORMATS[kind]
    content = files[titles].replace(b"\n10", b"\n" + number.encode(), 1)
    content = number.encode() + content[2:] if content.startswith(b"10") else content
    with pytest.raises(LessonError, match=rf"\bmovie(Id)? .*{titles}") as caught:
        load_ratings(write_folder(tmp_path / "ml-x", {**files, titles: content}))
    assert one_sentence(caught.value)


@pytest.mark.fault("one sentence with the size that is claimed; nothing is unpacked")
@every_format
def test_an_archive_that_claims_ten_gigabytes(tmp_path: Path, kind: str) -> None:
    _, name, text, _, _ = FORMATS[kind]
    archive = tmp_path / "ml-x.zip"
    archive.write_bytes(make_zip({f"ml-x/{name}": text}, claim=10**10))
    with pytest.raises(LessonError, match="claims 10 GB") as caught:
        load_ratings(archive)
    assert one_sentence(caught.value) and list(tmp_path.iterdir()) == [archive]


ROW = st.tuples(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.integers(1, 5), st.integers(0, 2**40))
TABLES = st.lists(ROW, min_size=1, max_size=20, unique_by=lambda row: row[:2])


@every_format
def test_any_table_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    _, name, text, separator, _ = FORMATS[kind]
    header = text.splitlines()[:1] if kind == "csv" else []

    @settings(max_examples=50, deadline=None, database=None)
    @given(TABLES)
    def comes_back(rows: list[tuple[int, int, int, int]]) -> None:
        lines = [*header, *(separator.join(map(str, row)) for row in rows)]
        folder = write_folder(tmp_path_factory.mktemp("any"), {name: "\n".join(lines).encode() + b"\n"})
        ratings = load_ratings(folder)
        written = pd.DataFrame(rows, columns=["user_id", "movie_id", "rating", "timestamp"]).astype({"rating": float})
        pd.testing.assert_frame_equal(ratings.table[list(written)], written)
        assert np.array_equal(ratings.user_ids[ratings.table["user"]], written["user_id"])
        assert np.array_equal(ratings.movie_ids[ratings.table["movie"]], written["movie_id"])

    comes_back()


ODD_TITLES = {
    "csv": "movieId,title,genres\n10,NA,War\n20,007,War\n",
    "100k": f"10|NA|||{'|0' * 19}\n20|007|||{'|0' * 19}\n",
    "1m": "10::NA::War\n20::007::War\n",
}


@every_format
def test_a_title_may_look_like_nothing_or_like_a_number(tmp_path: Path, kind: str) -> None:
    files, *_, titles = FORMATS[kind]
    folder = write_folder(tmp_path / "ml-x", files | {titles: ODD_TITLES[kind].encode()})
    assert load_ratings(folder).movies["title"].tolist() == ["NA", "007"]


def test_a_film_that_is_listed_twice_keeps_its_first_title(tmp_path: Path) -> None:
    movies = CSV_FORMAT["movies.csv"] + b"10,Another,War\r\n"
    folder = write_folder(tmp_path, CSV_FORMAT | {"movies.csv": movies})
    assert load_ratings(folder).movies["title"].tolist() == ["Garçon, The (1995)", "Long (2001-2003)"]


def test_a_title_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    movies = "movieId,title,genres\r\n10,Null,None\r\n20,007,NA\r\n"
    folder = write_folder(tmp_path, CSV_FORMAT | {"movies.csv": movies.encode()})
    found = load_ratings(folder).movies
    assert list(found["title"]) == ["Null", "007"] and list(found["genres"]) == ["None", "NA"]
    (folder / "movies.csv").write_text("movieId,title,genres\n10,,\n20,1,2\n")
    assert list(load_ratings(folder).movies["title"]) == ["movie 10", "1"]
