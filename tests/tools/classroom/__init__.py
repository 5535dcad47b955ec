"""For a class: hand out the notebooks, and grade what comes back.

python -m tests.tools.classroom.handout    make `handout/`, the course for learners
python -m tests.tools.classroom.grade      grade a folder of submissions
"""
