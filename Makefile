# `make` lists what there is. On Windows, where there is no make, README.md gives the same commands for pip.
PYTHON ?=
LAB_ARGS ?=
TEST_ARGS ?=
NOTEBOOK ?=
BENCH ?=
CLAIM ?=
HANDOUT_ARGS ?=
SUBMISSIONS ?=
GRADE_ARGS ?=
MUTANTS ?=
SITE_ARGS ?=
RUN = .venv/bin/python -m
FIRST = notebooks/01_epochs_batches_iterations.ipynb
# JupyterLab refuses to serve as root unless told; containers often have no other user.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

# JupyterLab, IPython and pip keep settings, notes of their work and downloads below HOME.
ifneq ($(shell [ -z "$$HOME" ] || [ -w "$$HOME" ] || echo read-only),)
$(info $(HOME) cannot be written: settings and downloads go to .venv/home instead.)
export HOME := $(CURDIR)/.venv/home
endif

.PHONY: help setup lab check test other-cpu two-threads notebooks check-notebooks lint format bench claims mutants binder handout grade questions site

help:
	@echo "make lab        open the course in JupyterLab (LAB_ARGS=... for JupyterLab's own options)"
	@echo "make check      lint, types and the quick tests: within a minute, for every save"
	@echo "make test       run every test (TEST_ARGS=... for pytest's own options)"
	@echo "make other-cpu  test the notebooks with an older CPU's instructions"
	@echo "make two-threads  test the notebooks with two threads in every kernel"
	@echo "make notebooks  run the notebooks and refresh their outputs (NOTEBOOK=... for one of them)"
	@echo "make check-notebooks  run the notebooks and fail if their saved outputs would change"
	@echo "make lint       check code and notebooks with ruff, and the types in helpers with mypy"
	@echo "make format     format code and notebooks with ruff"
	@echo "make bench      run the benchmarks (BENCH=... for one of them, BENCH=--list for their names)"
	@echo "make claims     run the claims of the course over their seeds (CLAIM=... for one of them; takes minutes)"
	@echo "make mutants    change one thing at a time and see whether a test notices (hours; MUTANTS='helpers.checks.*' for a part)"
	@echo "make binder     replay what Binder would build from the last commit (takes minutes)"
	@echo "make site       make the course as pages in site/, whose live parts play recorded runs (SITE_ARGS=... for its options)"
	@echo "make handout    make the course for learners in handout/ (HANDOUT_ARGS=... for its options)"
	@echo "make grade      grade what came back (SUBMISSIONS=folder; GRADE_ARGS=... for its options)"
	@echo "make questions  list every exercise of the course"
	@echo "Each sets up .venv first, with PYTHON=... if you name one; the second time that takes a moment."

setup:
	@PYTHON="$(PYTHON)" sh tests/tools/setup.sh

lab: setup
	JUPYTER_CONFIG_PATH="$$PWD/binder/lab$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
	$(RUN) jupyterlab --ServerApp.root_dir="$$PWD" --LabApp.default_url="/lab/tree/$(FIRST)" --LabApp.app_settings_dir="$$PWD/binder/lab" $(AS_ROOT) $(LAB_ARGS)

check: lint
	$(RUN) pytest tests/unit tests/notebooks/test_static.py --quick $(TEST_ARGS)

test: setup
	$(RUN) pytest $(TEST_ARGS)

# The notebooks' numbers must come out the same where the CPU lacks the newer instructions.
other-cpu: setup
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OPENBLAS_CORETYPE=Nehalem $(RUN) pytest notebooks $(TEST_ARGS)

# As it must with another number of threads; one notebook at a time, or the threads wait for each other.
two-threads: setup
	TEST_THREADS=2 $(RUN) pytest notebooks -n 1 $(TEST_ARGS)

notebooks: setup
	$(RUN) tests.tools.refresh $(NOTEBOOK)

check-notebooks: setup
	$(RUN) tests.tools.refresh --check $(NOTEBOOK)

lint: setup
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy

format: setup
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: setup
	$(RUN) tests.benchmarks.run $(BENCH)

claims: setup
	$(RUN) tests.claims.run $(CLAIM)

# The tool is pinned here and not in requirements.txt: nobody who learns or tests needs it.
mutants: setup
	$(RUN) pip install --quiet mutmut==3.8.1
	OMP_NUM_THREADS=1 $(RUN) mutmut run $(MUTANTS)
	$(RUN) tests.tools.mutants

binder: setup
	$(RUN) tests.tools.check_binder

handout: setup
	$(RUN) tests.tools.classroom.handout $(HANDOUT_ARGS)

grade: setup
	$(RUN) tests.tools.classroom.grade "$(SUBMISSIONS)" $(GRADE_ARGS)

questions: setup
	$(RUN) tests.tools.classroom.questions

site: setup
	$(RUN) tests.tools.site $(SITE_ARGS)
