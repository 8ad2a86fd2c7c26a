from itertools import combinations

import pytest

from server_app.show.drawing import LETTER, drawing_of


def sides(box):
    return box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2, box.y + box.height / 2


def inside(inner, outer):
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def apart(one, other):
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def rectangle(frame):
    return frame.x, frame.y, frame.x + frame.width, frame.y + frame.height


def test_no_two_boxes_overlap_and_no_two_frames(network):
    drawing = drawing_of(network)
    assert all(apart(sides(one), sides(other)) for one, other in combinations(drawing.boxes, 2))
    assert all(apart(rectangle(one), rectangle(other)) for one, other in combinations(drawing.frames, 2))


def test_a_frame_surrounds_the_boxes_of_its_part_and_no_others(network):
    drawing = drawing_of(network)
    for frame in drawing.frames:
        for box in drawing.boxes:
            own = box.name.partition("_")[0] == frame.name
            assert (inside if own else apart)(sides(box), rectangle(frame))


def test_all_is_within_the_drawing(network):
    drawing = drawing_of(network)
    whole = (drawing.left, 0, drawing.right, drawing.height)
    assert all(inside(sides(box), whole) for box in drawing.boxes)
    assert all(inside(rectangle(frame), whole) for frame in drawing.frames)


def test_words_fit_into_their_boxes(network):
    for box in drawing_of(network).boxes:
        assert max(map(len, box.lines)) * LETTER < box.width


def test_the_role_of_a_box_says_whether_it_has_weights_or_brings_together(joined):
    roles = {box.name: box.role for box in drawing_of(joined).boxes}
    assert roles["input"] == "input"
    assert roles["layer0"] == roles["layer0_norm"] == "weights"
    assert roles["layer2_add"] == "join"
    assert roles["layer1"] == roles["layer0_activation"] == "plain"


def test_an_edge_leads_from_the_lower_side_of_a_box_to_the_upper_side_of_another(network):
    drawing = drawing_of(network)
    boxes = {box.name: box for box in drawing.boxes}
    for curve in drawing.curves:
        start, end = boxes[curve.source], boxes[curve.target]
        assert curve.path.startswith(f"M{start.x:.1f},{start.y + start.height / 2:.1f} ")
        last = float(curve.path.rpartition(",")[2] if curve.path.split()[-1][0] != "V" else curve.path.split()[-1][1:])
        assert last == pytest.approx(end.y - end.height / 2, abs=0.1)
