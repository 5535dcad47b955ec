"""The course as pages in which the live parts still move, from recorded runs: `python -m tests.tools.site`.

`record` runs a notebook's live parts for many settings, `strokes` writes matplotlib's drawings down, `combinations`
says which settings, `pages` turns notebooks into pages, and `__main__` puts the site together.
"""
