"""What several tests build: small samples, progress that no run has made, and rating files in every format."""

import io
import zipfile
from pathlib import Path

import torch

from helpers.checks import LessonError
from helpers.data import Samples
from helpers.training import Progress


def patients(
    num_samples: int = 53, num_features: int = 4, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Samples:
    """Features drawn from a normal distribution; each target is their sum and some noise."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(num_samples, num_features, generator=generator, dtype=dtype)
    noise = torch.randn(num_samples, generator=generator, dtype=dtype)
    return Samples(inputs, inputs.sum(1) + 0.3 * noise)


def ratings(num_samples: int = 53, seed: int = 0) -> Samples:
    """Stars from 1 to 5, given at random by 7 users to 11 films."""
    generator = torch.Generator().manual_seed(seed)
    user = torch.randint(7, (num_samples, 1), generator=generator)
    movie = torch.randint(11, (num_samples, 1), generator=generator)
    return Samples(torch.cat([user, movie], 1), 1 + 4 * torch.rand(num_samples, generator=generator))


def made_up_progress(update: int, loss: float, *, num_updates: int, num_epochs: int = 1, **more: object) -> Progress:
    """The progress of one update, with its epoch worked out; `train_loss` marks the end of an epoch."""
    per_epoch = num_updates // num_epochs
    values = {
        "update": update,
        "num_updates": num_updates,
        "epoch": (update - 1) // per_epoch + 1,
        "num_epochs": num_epochs,
        "samples_seen": update * 32,
        "seconds": update * 0.01,
        "loss": torch.tensor(loss),
    }
    return Progress(**{**values, **more})


CSV = "userId,movieId,rating,timestamp\r\n7,10,3.5,964982703\r\n7,20,5.0,964982704\r\n9,10,0.5,964982705\r\n"
CSV_MOVIES = (
    'movieId,title,genres\r\n5,Unrated (1999),War\r\n10,"Garçon, The (1995)",Comedy|Drama\r\n20,Long (2001-2003),'
    "(no genres listed)\r\n"
)
U_DATA = "7\t10\t3\t881250949\n7\t20\t5\t881250950\n9\t10\t1\t881250951\n"
U_ITEM = (
    "10|Garçon, The (1995)|01-Jan-1995||http://example.org|0|0|0|0|0|1|0|0|1|0|0|0|0|0|0|0|0|0|0\n"
    "20|Nameless|||http://example.org|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
)
DAT = "7::10::3::978300760\n7::20::5::978302109\n9::10::1::978301968\n"
DAT_MOVIES = '10::Garçon, The (1995)::Comedy|Drama\n20::"Quoted": Film (2001)::Action\n'

CSV_FORMAT = {"ratings.csv": CSV.encode(), "movies.csv": CSV_MOVIES.encode()}
FORMAT_100K = {"u.data": U_DATA.encode(), "u.item": U_ITEM.encode("latin-1")}
FORMAT_1M = {"ratings.dat": DAT.encode(), "movies.dat": DAT_MOVIES.encode("latin-1")}


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


ROWS = "".join(f"{row % 50 + 1}\t{row // 50 + 1}\t{row % 5 + 1}\t{row}\n" for row in range(4_000))


def make_zip(members: dict[str, str], claim: int | None = None) -> bytes:
    """A zip archive; `claim` is the size its directory claims for the first member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if claim:
            archive.filelist[0].file_size = claim
    return buffer.getvalue()


def one_sentence(error: LessonError) -> bool:
    text = str(error)
    return "\n" not in text and text.endswith(".") and error.__cause__ is None and len(text) < 400
