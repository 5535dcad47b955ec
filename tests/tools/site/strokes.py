"""What matplotlib draws, written down as strokes for a page: small, and sharp on any screen and in both themes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

FINE = 4  # steps to a CSS pixel: what is finer nobody sees
LETTERS = {Path.LINETO: "l", Path.CURVE3: "q", Path.CURVE4: "c"}


def strokes(figure: Figure, sharpness: float) -> list[list]:
    """A figure as strokes, each a list that `strokes.js` knows; `sharpness` is its dots per CSS pixel."""
    FigureCanvasAgg(figure)  # measures the text for the layout
    renderer = Strokes(figure, sharpness)
    figure.draw(renderer)
    return renderer.strokes


class Strokes(RendererBase):
    """Keeps every stroke that a figure asks for."""

    def __init__(self, figure: Figure, sharpness: float) -> None:
        super().__init__()
        self._figure, self._step = figure, FINE / sharpness
        self._size = figure.bbox.size
        self._agg = figure.canvas.get_renderer()
        self.strokes: list[list] = []

    # ------------------------------------------------------------------------------------- what matplotlib asks

    def get_canvas_width_height(self) -> tuple[float, float]:
        return tuple(self._size)

    def points_to_pixels(self, points: float) -> float:
        return points * self._figure.dpi / 72

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        return self._agg.get_text_width_height_descent(s, prop, ismath)

    def flipy(self) -> bool:
        return True

    # ------------------------------------------------------------------------------------- what matplotlib draws

    def draw_path(self, gc: GraphicsContextBase, path: Path, transform: Any, rgbFace: Any = None) -> None:
        line = self._written(path, self._to_page(transform), gc, filled=rgbFace is not None)
        if line:
            look, last = [*self._look(gc, rgbFace)], self.strokes[-1] if self.strokes else [""]
            if last[0] == "p" and last[2:] == look and look[3] == [1, 1]:  # bars of one colour are one stroke
                last[1] += line
            else:
                self.strokes.append(["p", line, *look])

    def draw_markers(
        self, gc: GraphicsContextBase, marker_path: Path, marker_trans: Any, path: Path, trans: Any, rgbFace: Any = None
    ) -> None:
        shape = self._written(marker_path, Affine2D(marker_trans.get_matrix()).scale(self._step, -self._step))
        places = self._to_page(trans).transform(path.vertices)
        inside = np.isfinite(places).all(axis=1) & (np.abs(places) < 1e5).all(axis=1)
        if inside.any():
            flat = np.rint(places[inside]).astype(int).ravel().tolist()
            self._keep("m", shape, *self._look(gc, rgbFace), flat)

    def draw_path_collection(
        self, gc: GraphicsContextBase, master_transform: Any, paths: Any, all_transforms: Any, offsets: Any,
        offset_trans: Any, facecolors: Any, edgecolors: Any, linewidths: Any, linestyles: Any, antialiaseds: Any,
        urls: Any, offset_position: Any, *, hatchcolors: Any = None,
    ) -> None:  # fmt: skip
        """Equal shapes of equal looks, such as the dots of a scatter plot, are one stroke with many places."""
        raw = self._iter_collection_raw_paths(master_transform, paths, all_transforms)
        shapes = [
            (self._written(path, Affine2D(transform.get_matrix()).scale(self._step, -self._step)), place)
            for place, (path, transform) in enumerate(raw)
        ]  # fmt: skip
        before, places = None, []
        for x, y, (shape, _), gc0, face in self._iter_collection(
            gc, shapes, offsets, offset_trans, facecolors, edgecolors, linewidths, linestyles, antialiaseds, urls,
            offset_position, hatchcolors=[] if hatchcolors is None else hatchcolors,
        ):  # fmt: skip
            now = (shape, *self._look(gc0, face))
            if now != before and places:
                self._keep("m", *before, places)
                places = []
            before = now
            if shape and np.isfinite([x, y]).all() and max(abs(x), abs(y)) < 1e5:
                places += [round(x * self._step), round((self._size[1] - y) * self._step)]
        if places:
            self._keep("m", *before, places)

    def draw_text(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False,
        mtext: Any = None,
    ) -> None:  # fmt: skip
        if ismath:
            self._draw_text_as_path(gc, x, y, s, prop, angle, ismath)
            return
        width, _, _ = self.get_text_width_height_descent(s, prop, False)
        size = self.points_to_pixels(prop.get_size_in_points()) * self._step
        bold = prop.get_weight() in ("bold", "heavy", "black") or prop.get_weight() == 700
        place = [round(x * self._step), round(y * self._step), short(size), round(width * self._step), round(angle)]
        self._keep("t", s, place, to_hex(gc.get_rgb()[:3]), short(self._opacity(gc), 2), int(bold), self._clip(gc))

    def draw_image(self, gc: GraphicsContextBase, x: float, y: float, im: Any, transform: Any = None) -> None:
        raise NotImplementedError("a live picture with an image in it: teach tests/tools/site/strokes.py to keep it")

    # ------------------------------------------------------------------------------------- written down

    def _keep(self, *stroke: Any) -> None:
        self.strokes.append([*stroke])

    def _to_page(self, transform: Any) -> Affine2D:
        """From matplotlib's display, with its zero at the bottom, to steps from the top."""
        return Affine2D(transform.get_matrix()).scale(1, -1).translate(0, self._size[1]).scale(self._step)

    def _written(self, path: Path, transform: Affine2D, gc: Any = None, filled: bool = False) -> str:
        """A path as SVG writes it, in whole steps, each from the place before."""
        wide, high = self._size * self._step
        clip = None if filled else (-wide, -high, 2 * wide, 2 * high)
        words, before, start = [], np.zeros(2, int), np.zeros(2, int)
        for vertices, code in path.iter_segments(transform, clip=clip, simplify=False if filled else None):
            if code == Path.CLOSEPOLY:
                words.append("z")
                before = start
                continue
            places = np.rint(np.clip(vertices, -1e5, 1e5)).astype(int).reshape(-1, 2)
            if code == Path.MOVETO:
                words.append(f"M{places[0, 0]} {places[0, 1]}")
                start = places[0]
            else:
                right, down = places[-1] - before
                if code == Path.LINETO and 0 in (right, down):
                    words.append(f"h{right}" if down == 0 else f"v{down}")
                else:
                    words.append(LETTERS[code] + " ".join(map(str, (places - before).ravel())))
            before = places[-1]
        return "".join(word for word in words if word not in ("h0", "v0")).replace(" -", "-")

    def _look(self, gc: GraphicsContextBase, face: Any) -> tuple:
        """Line colour and width, fill, opacities, dashes, ends, hatch, and the part of the page that it stays in."""
        forced = gc.get_alpha() if gc.get_forced_alpha() else None
        width = gc.get_linewidth()
        line = "" if width == 0 or gc.get_rgb()[3] == 0 else to_hex(gc.get_rgb()[:3])
        fill = "" if face is None or (len(face) == 4 and face[3] == 0) else to_hex(face[:3])
        fill_alpha = forced if forced is not None else face[3] if face is not None and len(face) == 4 else 1
        offset, dashes = gc.get_dashes()
        return (
            line, short(self.points_to_pixels(width) * self._step), fill,
            [short(self._opacity(gc), 2), short(fill_alpha, 2)],
            [short(self.points_to_pixels(dash) * self._step) for dash in dashes or ()],
            gc.get_capstyle(), gc.get_hatch() or "", self._clip(gc),
        )  # fmt: skip

    def _opacity(self, gc: GraphicsContextBase) -> float:
        return float(gc.get_alpha() if gc.get_forced_alpha() else gc.get_rgb()[3])

    def _clip(self, gc: GraphicsContextBase) -> list[int]:
        box = gc.get_clip_rectangle()
        path, transform = gc.get_clip_path()
        if path is not None:
            box = path.get_extents(transform)
        if box is None:
            return []
        left, top = box.x0 * self._step, (self._size[1] - box.y1) * self._step
        return [round(left), round(top), round(box.width * self._step), round(box.height * self._step)]


def short(number: float, digits: int = 1) -> float | int:
    """A number with few digits, and without a point where it is whole."""
    number = round(float(number), digits)
    return int(number) if number == int(number) else number
