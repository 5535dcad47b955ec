"""Every format MovieLens was published in, and ratings that are not fit to learn from."""

import hashlib
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from helpers.checks import LessonError
from helpers.data import files_stamp, load_ratings, movielens, split
from tests.builders import CSV, CSV_FORMAT, CSV_MOVIES, FORMAT_1M, FORMAT_100K, one_sentence, write_folder


def write_zip(path: Path, files: dict[str, bytes], top: str = "ml-x/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(top + name, content)
    return path


@pytest.mark.parametrize("kind", ["folder", "file", "zip", "top of a zip", "deep in a zip"])
@pytest.mark.parametrize(
    "files, scale, stars",
    [
        (CSV_FORMAT, (0.5, 5.0), [3.5, 5.0, 0.5]),
        (FORMAT_100K, (1.0, 5.0), [3.0, 5.0, 1.0]),
        (FORMAT_1M, (1.0, 5.0), [3.0, 5.0, 1.0]),
    ],
    ids=["csv", "100k", "1m"],
)
def test_every_format_reads_the_same(tmp_path, files, scale, stars, kind):
    tops = {"zip": "ml-x/", "top of a zip": "", "deep in a zip": "data/ml-x/"}
    if kind in tops:
        source = write_zip(tmp_path / "ml-x.1.zip", files, tops[kind])
    else:
        source = write_folder(tmp_path / "ml-x.1", files) / (next(iter(files)) if kind == "file" else "")
    ratings = load_ratings(source)
    assert ratings.name == (source.stem if kind == "file" else "ml-x.1")
    assert ratings.scale == scale and ratings.truth is None
    assert ratings.table["rating"].tolist() == stars
    assert ratings.user_ids.tolist() == [7, 9] and ratings.movie_ids.tolist() == [10, 20]
    assert ratings.movies["title"][0] == "Garçon, The (1995)" and ratings.movies["genres"][0] == "Comedy|Drama"
    assert ratings.movies["year"][0] == 1995


def test_of_several_ratings_in_a_zip_those_nearest_to_its_top_are_read(tmp_path):
    before = {f"before/{name}": content for name, content in FORMAT_100K.items()}
    assert load_ratings(write_zip(tmp_path / "ml-x.zip", before | CSV_FORMAT)).scale == (0.5, 5.0)


def test_titles_and_genres_that_are_odd(tmp_path):
    csv, old, dat = (
        load_ratings(write_folder(tmp_path / str(n), files)).movies
        for n, files in enumerate((CSV_FORMAT, FORMAT_100K, FORMAT_1M))
    )
    assert (csv["year"][1], csv["genres"][1]) == (2001, "")
    assert old["year"].isna()[1] and old["genres"][1] == ""
    assert dat["title"][1] == '"Quoted": Film (2001)'


def test_ratings_of_your_own_need_no_titles(tmp_path):
    file = tmp_path / "club.csv"
    file.write_bytes(b"\xef\xbb\xbf" + CSV.replace("\r\n", "\n\n").replace("timestamp", "timestamp,mood").encode())
    lines = file.read_bytes().decode().splitlines()
    file.write_text(
        "\n".join(line + ",happy" if line and i else line for i, line in enumerate(lines)), encoding="utf-8"
    )
    ratings = load_ratings(file)  # with a byte order mark, blank lines and a column more
    assert ratings.name == "club" and len(ratings) == 3
    assert ratings.movies["title"].tolist() == ["movie 10", "movie 20"] and ratings.movies["year"].isna().all()


@pytest.mark.fault("one sentence; the ratings beside it are not taken for it")
def test_another_file_is_not_the_ratings_beside_it(tmp_path):
    folder = write_folder(tmp_path / "club", CSV_FORMAT)
    (folder / "notes.txt").write_text("ours")
    with pytest.raises(
        LessonError, match=r"notes.txt is not a file of ratings: give a ratings.csv, a zip or a folder\."
    ):
        load_ratings(folder / "notes.txt")


BAD_CSV = {
    "missing column": (
        CSV.replace("rating,", "stars,"),
        "it needs userId, movieId, rating, timestamp and has userId, movieId, stars, timestamp",
    ),
    "semicolons": (CSV.replace(",", ";"), "has no column 'userId'"),
    "empty": ("", "ratings.csv is empty"),
    "header only": ("userId,movieId,rating,timestamp\n", "holds no ratings, only a header"),
    "NaN": (CSV + "9,30,NaN,1\n", "The rating is missing in row 4 of ratings.csv; 1 such rows"),
    "gap": (CSV + "9,,4.0,1\n", "The movie_id is missing in row 4"),
    "short row": (CSV + "9,30\n", "The rating is missing in row 4"),
    "long row": (CSV + "9,30,4.0,1,2,3\n", "ratings.csv is not a table: .* line 5"),
    "word": (CSV + "9,30,good,1\n", "The rating is 'good', which is not a number, in row 4"),
    "infinite": (CSV + "9,30,inf,1\n", "in row 4"),
    "too high": (CSV + "9,30,5.5,1\n", "The value 5.5 in row 4 in ratings.csv is off the scale of 0.5 to 5.0 stars"),
    "too low": (CSV + "9,30,0,1\n", "off the scale"),
    "negative id": (CSV + "-9,30,4,1\n", "The value -9 in row 4 in the column user_id of ratings.csv is below 0"),
    "half an id": (CSV + "9,30.5,4,1\n", "The value 30.5 in row 4 in the column movie_id .* is not a whole number"),
    "twice": (CSV + "9,10,4,1\n7,10,4,1\n", r"user 9 rates movie 10 more than once \(2 such rows"),
    "beyond 2^53": (CSV + "9007199254740993,30,4,1\n", "in the column user_id of ratings.csv is too large for an id"),
    "at 2^53": (CSV + "9007199254740992,30,4,1\n", "in the column user_id of ratings.csv is too large for an id"),
    "utf-16": (CSV.encode("utf-16"), "ratings.csv is not UTF-8 text"),
    "latin-1": (CSV.replace("7,10,3.5", "é,10,3.5").encode("latin-1"), "ratings.csv is not UTF-8 text"),
}


@pytest.mark.fault("one sentence with the file, the row or column, and the value")
@pytest.mark.parametrize("content, words", BAD_CSV.values(), ids=BAD_CSV)
def test_bad_ratings_are_named_in_one_sentence(tmp_path, content, words):
    folder = write_folder(tmp_path / "bad", CSV_FORMAT)
    (folder / "ratings.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LessonError, match=words) as caught:
        load_ratings(folder)
    assert one_sentence(caught.value)


@pytest.mark.fault("one sentence with the file and what it should have")
@pytest.mark.parametrize(
    "files, words",
    [
        ({"u.data": b"1\t2\t3\n"}, "u.data has 3 columns but needs four"),
        ({"u.data": b"1\t2\t0.5\t1\n"}, "in u.data is off the scale of 1.0 to 5.0"),
        ({"u.data": "1\t2\té\t1\n".encode("latin-1")}, "The rating is 'é', which is not a number"),
        ({"u.data": b""}, "u.data is empty"),
        ({**FORMAT_100K, "u.item": b"1|Film|1995\n"}, "u.item has 3 columns but needs 24"),
        ({"ratings.dat": b"1::2::x::4\n"}, "The rating is 'x'"),
        ({**FORMAT_1M, "movies.dat": b"1::Film\n"}, "movies.dat has 2 columns but needs three: movie, title, genres"),
        ({**CSV_FORMAT, "movies.csv": b"movieId,name\n1,Film\n"}, "movies.csv has no column 'title'"),
        ({**CSV_FORMAT, "movies.csv": CSV_MOVIES.encode("latin-1")}, "movies.csv is not UTF-8 text"),
        ({"readme.txt": b"hello"}, "holds no MovieLens ratings: it should have ratings.csv and movies.csv, or u.data"),
    ],
)
def test_other_bad_folders_are_named_too(tmp_path, files, words):
    with pytest.raises(LessonError, match=words) as caught:
        load_ratings(write_folder(tmp_path / "bad", files))
    assert one_sentence(caught.value)


@pytest.mark.fault("one sentence with what it should have")
def test_an_empty_zip_is_named(tmp_path):
    with pytest.raises(LessonError, match=r"empty\.zip holds no MovieLens ratings"):
        load_ratings(write_zip(tmp_path / "empty.zip", {}))


@pytest.mark.fault("one sentence: damaged, fetch it anew")
def test_a_damaged_zip_is_named(tmp_path):
    archive = write_zip(tmp_path / "ml-x.zip", {"ratings.csv": os.urandom(3000).hex().encode()})
    whole = archive.read_bytes()
    archive.write_bytes(whole[:1500])
    with pytest.raises(LessonError, match=r"ml-x\.zip is damaged or not a zip archive"):
        load_ratings(archive)
    archive.write_bytes(whole[:1000] + bytes(50) + whole[1050:])
    with pytest.raises(LessonError, match="cannot be read") as caught:
        load_ratings(archive)
    assert one_sentence(caught.value)


@pytest.mark.fault("one sentence with the nearest name")
@pytest.mark.parametrize(
    "source, words",
    [
        ("ml-lates-small", "did you mean 'ml-latest-small'"),
        ("Embedded", "did you mean 'embedded'"),
        ("no/such/folder", "There are no ratings called 'no/such/folder'; there are embedded, ml-latest-small"),
        (100, "is a name or a path, such as 'embedded'; you gave 100"),
        (None, "is a name or a path"),
        (b"embedded", "is a name or a path"),
        (Path("Embedded"), "did you mean 'embedded'"),
        ("~nosuchuser/x", "There are no ratings called '~nosuchuser/x'"),
        ("x" * 5_000, "There are no ratings called 'xxx"),
        ("a\0b", "There are no ratings called"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_unknown_source_is_named(source, words):
    with pytest.raises(LessonError, match=words) as caught:
        load_ratings(source)
    assert one_sentence(caught.value)


def test_a_name_given_as_a_path_is_the_name_unless_there_is_such_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_ratings(Path("embedded")).truth is not None
    write_folder(tmp_path / "embedded", CSV_FORMAT)
    assert len(load_ratings(Path("embedded"))) == 3 and len(load_ratings("embedded")) == 125_000


@pytest.mark.parametrize("more", ["", "happy"])
def test_a_comma_too_many_at_the_end_of_every_row_shifts_nothing(tmp_path, recwarn, more):
    folder = write_folder(tmp_path / "club", CSV_FORMAT)
    rows = CSV.splitlines()
    (folder / "ratings.csv").write_text("\n".join([rows[0], *(f"{row},{more}" for row in rows[1:])]) + "\n")
    assert load_ratings(folder).table.equals(load_ratings(write_folder(tmp_path / "ml-x", CSV_FORMAT)).table)
    assert not recwarn.list


@pytest.mark.parametrize("by_file", [False, True], ids=["folder", "file"])
@pytest.mark.parametrize("files", [CSV_FORMAT, FORMAT_100K, FORMAT_1M], ids=["csv", "100k", "1m"])
def test_the_stamp_changes_with_every_file_that_is_read_and_with_nothing_else(tmp_path, files, by_file):
    folder = write_folder(tmp_path / "ml-x", files)
    source = folder / next(iter(files)) if by_file else folder
    seen = {files_stamp(source)}
    (folder / "notes.txt").write_text("ours")
    assert {files_stamp(source), files_stamp(str(source))} == seen
    for number, name in enumerate(files, 1):
        with (folder / name).open("ab") as file:
            file.write(b"\n")
        seen.add(files_stamp(source))
        assert len(seen) == 1 + number
    os.utime(folder / next(iter(files)), (1, 1))  # the same size, another time
    assert files_stamp(source) not in seen


def test_the_stamp_of_a_set_is_that_of_the_files_it_is_read_from(tmp_path, monkeypatch):
    monkeypatch.delenv("MOVIELENS_DIR", raising=False)
    monkeypatch.setenv("EPOCH_CACHE", str(tmp_path / "cache"))
    assert files_stamp("embedded") == files_stamp("ml-100k") == files_stamp("no such") == files_stamp("a\0b") == ()
    archive = write_zip(write_folder(tmp_path / "cache", {}) / "ml-100k.zip", FORMAT_100K)
    assert files_stamp("ml-100k")[0][0] == str(archive)
    monkeypatch.setenv("EPOCH_CACHE", str(tmp_path / "another"))
    assert files_stamp("ml-100k", cache=tmp_path / "cache")[0][0] == str(archive)
    monkeypatch.setenv("MOVIELENS_DIR", str(tmp_path))
    folder = write_folder(tmp_path / "ml-100k", FORMAT_100K)
    assert [Path(name) for name, _, _ in files_stamp("ml-100k")] == [folder / "u.data", folder / "u.item"]
    monkeypatch.chdir(folder)
    assert files_stamp("embedded") == ()  # whatever lies where the learner works


@pytest.fixture(scope="module")
def real(movielens):
    return load_ratings(movielens)


def test_the_real_ml_latest_small(real):
    assert (len(real), real.num_users, real.num_movies) == (100_836, 610, 9_724)
    assert round(real.table["rating"].mean(), 4) == 3.5016 and round(real.table["rating"].std(), 4) == 1.0425
    assert real.movies["title"][real.movie_row(1)] == "Toy Story (1995)"
    assert real.movies["year"].isna().sum() < 20
    parts = split(real)
    assert (len(parts.train), len(parts.validation)) == (80_668, 20_168)
    assert np.array_equal(split(real).train_index, parts.train_index)


def test_the_real_files_are_as_published(movielens):
    hashes = [hashlib.sha256((movielens / name).read_bytes()).hexdigest()[:8] for name in ("ratings.csv", "movies.csv")]
    assert hashes == ["aa289ca8", "5a5f32dd"]


def test_every_set_is_told_to_the_learner_and_can_be_verified():
    hashes = {archive.sha256 for archive in movielens.SETS.values()}
    assert len(hashes) == len(movielens.SETS) >= 5
    for name, archive in movielens.SETS.items():
        assert f'"{name}"' in load_ratings.__doc__ and archive.name == f"{name}.zip"
        assert re.fullmatch("[0-9a-f]{64}", archive.sha256) and archive.size > 900_000
