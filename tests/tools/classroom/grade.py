"""Grade a folder of submissions.

    python -m tests.tools.classroom.grade SUBMISSIONS             into the folder `grades`
    python -m tests.tools.classroom.grade SUBMISSIONS --to DIR    into another

SUBMISSIONS holds a folder of notebooks, or one notebook, for each learner, named after them. Every finished notebook is
kept at once: started again after an interrupt, it goes on where it was, and grades again only what has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import astuple
from pathlib import Path

import joblib
from tqdm.auto import tqdm

from helpers.checks import LessonError, positive_int
from helpers.exercises.instructor import judges_file
from tests.tools.classroom.assignment import NOTEBOOKS, Assignment, assignments
from tests.tools.classroom.feedback import table, write_csv, write_pages
from tests.tools.classroom.grading import NOT_JUDGED, Grade, grade
from tests.tools.classroom.kernels import Limits
from tests.tools.classroom.submissions import Submission, find
from tests.tools.kernel import course_environment

HELPERS = Path(__file__).resolve().parents[3] / "helpers"


def grade_all(
    submissions: Path, to: Path, course: list[Assignment], limits: Limits, workers: int, notebooks: Path = NOTEBOOKS
) -> list[Grade]:
    """Grade every submission, several at once, and write `grades.csv` and the pages of feedback into `to`.

    An interrupt keeps what is finished and raises KeyboardInterrupt.
    """
    found = find(submissions, course)
    kept = to / "finished"
    kept.mkdir(parents=True, exist_ok=True)
    judges = judges_file(notebooks)
    rules = _digest(course, limits, judges)
    files = {one: kept / f"{_key(one, rules)}.json" for one in found}
    grades = {one: Grade.from_json(file.read_text(encoding="utf-8")) for one, file in files.items() if file.exists()}
    waiting = [one for one in found if one not in grades]
    if len(waiting) < len(found):
        print(f"{len(found) - len(waiting)} of {len(found)} were graded before and have not changed.")

    def one_by_one(one: Submission) -> Grade:
        try:
            done = grade(one, limits, notebooks)
        except Exception as error:  # one learner's file does not cost the others their grades; tried again next time
            return Grade(one.learner, one.file.name, problem=f"could not be graded: {type(error).__name__}: {error}")
        # Judges that do not work are no learner's fault: tried again next time.
        if not any(mark.hint.startswith(f"{NOT_JUDGED}: LessonError") for mark in done.marks.values()):
            part = files[one].with_suffix(".part")
            part.write_text(done.to_json(), encoding="utf-8")
            part.replace(files[one])
        return done

    pool = ThreadPoolExecutor(workers)
    try:
        with course_environment():
            if judges:
                os.environ["EPOCH_JUDGES"] = str(judges)  # kernels run in a copy of the folder, or elsewhere
            jobs: dict[Future[Grade], Submission] = {pool.submit(one_by_one, one): one for one in waiting}
            for job in tqdm(as_completed(jobs), total=len(jobs), desc="grading", unit=" notebooks", disable=not jobs):
                grades[jobs[job]] = job.result()
    finally:
        pool.shutdown(cancel_futures=True)
        ordered = [grades[one] for one in found if one in grades]
        write_csv(ordered, to / "grades.csv")
        write_pages(ordered, to / "feedback")
    return ordered


def _digest(course: list[Assignment], limits: Limits, judges: Path | None) -> bytes:
    """What a grade depends on besides the submission: the exercises, their judges, and the limits."""
    digest = hashlib.sha256(repr(astuple(limits)).encode())
    for file in [*sorted(HELPERS.rglob("*.py")), *(one.path for one in course), judges]:
        if file is not None:
            digest.update(file.read_bytes())
    return digest.digest()


def _key(one: Submission, rules: bytes) -> str:
    content = one.file.read_bytes() if one.file.is_file() else b""
    return hashlib.sha256(b"\0".join([rules, str(one.file).encode(), one.problem.encode(), content])).hexdigest()[:32]


def main(arguments: list[str] | None = None) -> int:
    """The command line; 1 where there is nothing to grade."""
    parser = argparse.ArgumentParser(description="Grade a folder of submissions.")
    parser.add_argument("submissions", help="one folder, or one notebook, for each learner")
    parser.add_argument("--to", type=Path, default=Path("grades"), help="where the results go (default: grades)")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="the course (default: this one)")
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="for one notebook")
    parser.add_argument("--cell-seconds", type=float, default=Limits.cell_seconds, help="for one cell")
    parser.add_argument("--megabytes", type=int, default=Limits.megabytes, help="of memory for one notebook")
    parser.add_argument("--at-once", type=int, default=joblib.cpu_count(), help="notebooks (default: one a core)")
    options = parser.parse_args(arguments)
    submissions = Path(options.submissions)
    if not options.submissions or not submissions.is_dir():
        said = options.submissions or "That"  # `make grade` without SUBMISSIONS=… gives an empty name
        print(f"{said} is no folder: name the one that holds the submissions.", file=sys.stderr)
        return 1
    limits = Limits(options.cell_seconds, options.seconds, options.megabytes)
    course = assignments(options.notebooks)
    try:
        at_once = positive_int("--at-once", options.at_once)
        grades = grade_all(submissions, options.to, course, limits, at_once, options.notebooks)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted: what is finished is kept in {options.to}; the same command goes on from there.")
        return 130
    if not grades:
        print(f"{submissions} holds no submissions.", file=sys.stderr)
        return 1
    print(table(grades))
    print(f"\n{options.to / 'grades.csv'} has all of it; {options.to / 'feedback'} has a page for each learner.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
