"""A worker's own life: one job after the other, until the process that started it ends."""

import itertools
import os
import pickle
import shutil
import sys
import threading
import time
from pathlib import Path

import cloudpickle

from helpers.data_parallel.sharing import rank, start
from helpers.data_parallel.workers import LOOK_AGAIN, write


def work(folder: Path) -> None:
    """Take jobs from the folder and put results there, or the error that ends this worker."""
    pipe = os.dup(sys.stdin.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())  # nobody answers input() here: it must not wait
    threading.Thread(target=_end_with_the_launcher, args=(pipe, folder), daemon=True).start()
    start()
    write(folder / f"worker-{rank()}", str(os.getpid()).encode())
    for number in itertools.count(1):
        job = folder / f"job-{number}"
        while not job.exists():
            time.sleep(LOOK_AGAIN)
        try:
            function, arguments = pickle.loads(job.read_bytes())
            write(folder / f"result-{number}-{rank()}", cloudpickle.dumps(function(**arguments)))
        except BaseException as error:  # sys.exit() too
            write(folder / f"error-{rank()}", f"{type(error).__name__}: {error}".encode(errors="replace"))
            os._exit(1)  # not sys.exit(): leaving in order would wait for workers that are no longer there


def _end_with_the_launcher(pipe: int, folder: Path) -> None:
    os.read(pipe, 1)  # returns when the launching process has ended or closed the pipe
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
