"""A drawing as an SVG that can be read on light and on dark pages."""

from __future__ import annotations

from xml.etree import ElementTree

from common.architecture.cost import cost_of
from common.architecture.graph import Graph
from server_app.show.drawing import LETTER, Box, Curve, Drawing, Frame, drawing_of

_NAMESPACE = "http://www.w3.org/2000/svg"
_MARGIN, _HEADING = 20.0, 66.0
_FONT = "Helvetica, Arial, sans-serif"
_ROLES = {
    "input": ("#ffffff", "#57606a"),
    "plain": ("#ffffff", "#8c959f"),
    "weights": ("#ddf4ff", "#0969da"),
    "join": ("#fff8c5", "#9a6700"),
}
"""Fill and stroke of boxes, by the role of `Box`."""
_DARK = """
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117 }
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .frame rect { fill: #161b22; stroke: #3d444d }
  .label rect { fill: #161b22 }
  .input rect, .plain rect { fill: #21262d; stroke: #9198a1 }
  .weights rect { fill: #0c2d6b; stroke: #58a6ff }
  .join rect { fill: #3b2300; stroke: #d29922 }
  .edge { stroke: #9198a1 }
  .tip { fill: #9198a1 }
}
"""
"""Colours are attributes, which every program knows; browsers that show a dark page take these instead."""
_EDGE = "#57606a"


def svg_of(title: str, described: str, graph: Graph, number_bytes: int) -> str:
    """Return the picture of a network; the same arguments always give the same text.

    Parameters
    ----------
    title : str
        What the network is, in a few words; its costs follow it.
    described : str
        One line that says what it is made of, for those who cannot see the picture.
    graph : Graph
        The network, for one task.
    number_bytes : int
        Of each number in a message.
    """
    drawing, cost = drawing_of(graph), cost_of(graph)
    sent = (cost.parameters + cost.buffers) * number_bytes
    costs = f"{cost.parameters:,} parameters · {cost.macs:,} MACs · {sent:,} bytes a message"
    legend = "blue: has weights · yellow: brings inputs together"
    drawn = drawing.right - drawing.left
    width = max(drawn, LETTER * max(len(costs), len(legend), 1.3 * len(title))) + 2 * _MARGIN
    height = drawing.height + _HEADING + 2 * _MARGIN
    root = _root(width, height)
    _sub(root, "title", f"{title}: {costs}")
    _sub(root, "desc", described)
    _sub(root, "style", _DARK)
    root.append(_tip())
    _sub(root, "rect", None, class_="page", width=width, height=height, fill="#ffffff")
    _text(root, title, _MARGIN, _MARGIN + 14, font_size=16, font_weight="bold")
    _text(root, costs, _MARGIN, _MARGIN + 34)
    _text(root, legend, _MARGIN, _MARGIN + 52, class_="quiet", fill="#57606a", font_size=11)
    root.append(_body(drawing, (width - drawn) / 2 - drawing.left, _HEADING + _MARGIN))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _root(width: float, height: float) -> ElementTree.Element:
    size = {"width": _number(width), "height": _number(height)}
    box = {"viewBox": f"0 0 {size['width']} {size['height']}"}
    return ElementTree.Element(
        "svg", {"xmlns": _NAMESPACE, **size, **box, "role": "img", "font-family": _FONT, "font-size": "12"}
    )


def _tip() -> ElementTree.Element:
    definitions = ElementTree.Element("defs")
    marker = _sub(
        definitions, "marker", None, id="tip", viewBox="0 0 8 8", refX=7, refY=4, markerWidth=7, markerHeight=7
    )
    marker.set("orient", "auto")
    _sub(marker, "path", None, class_="tip", d="M0,0 L8,4 L0,8 z", fill=_EDGE)
    return definitions


def _body(drawing: Drawing, x: float, y: float) -> ElementTree.Element:
    """Return all that is drawn: frames below edges, and boxes on top."""
    body = ElementTree.Element("g", {"transform": f"translate({_number(x)},{_number(y)})"})
    for frame in drawing.frames:
        _add_frame(body, frame)
    for curve in drawing.curves:
        _add_curve(body, curve)
    for frame in drawing.frames:
        _add_label(body, frame)
    for box in drawing.boxes:
        _add_box(body, box)
    return body


def _add_frame(body: ElementTree.Element, frame: Frame) -> None:
    group = _sub(body, "g", None, class_="frame", data_part=frame.name)
    place = {"x": frame.x, "y": frame.y, "width": frame.width, "height": frame.height}
    _sub(group, "rect", None, **place, rx=8, fill="#f6f8fa", stroke="#d0d7de")


def _add_label(body: ElementTree.Element, frame: Frame) -> None:
    """Add the words of a frame on a plate of its colour, so that an edge which passes there does not cross them out."""
    group = _sub(body, "g", None, class_="label")
    place = {"x": frame.x + 6, "y": frame.y + 4, "width": LETTER * 11 / 12 * len(frame.label) + 8, "height": 16}
    _sub(group, "rect", None, **place, fill="#f6f8fa", fill_opacity=0.75)
    _text(group, frame.label, frame.x + 10, frame.y + 16, class_="quiet", fill="#57606a", font_size=11)


def _add_curve(body: ElementTree.Element, curve: Curve) -> None:
    ends = {"data_from": curve.source, "data_to": curve.target}
    _sub(body, "path", None, class_="edge", **ends, d=curve.path, fill="none", stroke=_EDGE, marker_end="url(#tip)")


def _add_box(body: ElementTree.Element, box: Box) -> None:
    fill, stroke = _ROLES[box.role]
    group = _sub(body, "g", None, class_=f"node {box.role}", data_node=box.name)
    _sub(group, "title", box.told)
    place = {"x": box.x - box.width / 2, "y": box.y - box.height / 2, "width": box.width, "height": box.height}
    _sub(group, "rect", None, **place, rx=5, fill=fill, stroke=stroke)
    _text(group, box.lines[0], box.x, box.y - 3, text_anchor="middle")
    _text(group, box.lines[1], box.x, box.y + 12, text_anchor="middle", class_="quiet", fill="#57606a", font_size=11)


def _text(parent: ElementTree.Element, text: str, x: float, y: float, **attributes: str | float) -> None:
    _sub(parent, "text", text, **{"fill": "#1f2328", **attributes, "x": x, "y": y})


def _sub(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str | float
) -> ElementTree.Element:
    """Add an element; ``class_`` is class, and ``font_size`` is font-size."""
    named = {name.rstrip("_").replace("_", "-"): _number(value) for name, value in attributes.items()}
    child = ElementTree.SubElement(parent, tag, named)
    child.text = text
    return child


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
