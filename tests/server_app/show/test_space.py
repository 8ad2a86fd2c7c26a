import io

import pytest
from rich.console import Console

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.show.space import render
from server_app.show.survey import survey
from server_app.spaces.cell import CellSpace
from server_app.spaces.layered import LayeredSpace
from server_app.spaces.listed import ListedSpace
from server_app.spaces.mobile import MobileSpace

TASK = Task((4,), Classification(3))
IMAGE = Task((1, 8, 8), Classification(10))


def shown(space, wanted=100, width=80):
    console = Console(record=True, width=width, file=io.StringIO())
    for line in render("mine", space, survey(space, generator(0, "test"), wanted, 20 * wanted)):
        console.print(line)
    return [line.rstrip() for line in console.export_text().splitlines()]


def layered(task=TASK, **options):
    return LayeredSpace(task, LayeredSpace.Options(**options))


def rows(lines):
    """Return the words after each first word."""
    return {words[0]: " ".join(words[1:]) for line in lines if (words := line.split())}


def test_it_says_what_there_is_to_choose_from():
    found = rows(shown(layered(Task((9, 32), Classification(6)), max_layers=3, width=[8, 16]), width=160))
    assert found["layers"] == "1, 2, 3"
    assert found["operations"] == "linear, conv1d, max_pool, log_energy"
    assert found["width"] == "8, 16"
    assert found["skip"] == "from the input or any earlier layer, with probability 0.25"
    assert found["join"] == "none, log_energy 8"
    assert found["limits"] == "space.max_parameters=500000, space.max_macs=20000000"


@pytest.mark.parametrize(
    ("options", "size"),
    [
        # none before the last layer, or one: 3 widths; with two activations twice as many
        ({"width": [2, 3, 4], "activation": ["relu"]}, "4 architectures, before constraints"),
        ({"width": [2, 3, 4], "activation": ["relu", "gelu"]}, "7 architectures, before constraints"),
        ({"width": [2], "activation": ["relu"], "min_layers": 1}, "1 architecture, before constraints"),
        (
            {"width": [2], "dropout": {"low": 0.0, "high": 0.5}},
            "infinite, as dropout can be any number in a range, before constraints",
        ),
        # 2 widths, 2 activations, 32 layers: 4 ** 32 = 1.8 x 10^19
        ({"width": [2, 3], "min_layers": 32, "max_layers": 32}, "about 1.8 x 10^19 architectures, before constraints"),
    ],
)
def test_it_says_how_many_there_are(options, size):
    plain = {"max_layers": 1, "norm": ["none"], "dropout": 0.0, "skip": 0.0}
    assert rows(shown(layered(**{**plain, **options}), width=160))["size"] == size


def test_it_shows_five_samples_with_their_costs_and_two_histograms():
    space = layered()
    lines = shown(space)
    samples = [spec for spec, _ in survey(space, generator(0, "test"), 100, 2000).different[:5]]
    for spec in samples:
        (at,) = [index for index, line in enumerate(lines) if line.endswith(spec.id)]
        cost = space.cost(spec)
        assert lines[at].split() == [f"{cost.parameters:,}", "parameters", f"{cost.macs:,}", "MACs", spec.id]
    for title in ("parameters  least", "MACs  least"):
        (at,) = [index for index, line in enumerate(lines) if line.startswith(title)]
        bins = [line.split() for line in lines[at + 1 :]]
        bins = bins[: bins.index([]) if [] in bins else None]
        assert sum(int(words[4].replace(",", "")) for words in bins) == 100
        assert max(len(words[5]) for words in bins if len(words) > 5) == 40


def test_it_says_what_broke_constraints():
    lines = shown(layered(max_parameters=2000), wanted=20)
    (line,) = [line for line in lines if line.endswith("with more than 2,000 parameters")]
    broken = int(line.split()[0])
    (told,) = [line for line in lines if line.startswith("draws")]
    assert told.split()[1:6] == [f"{20 + broken},", "of", "which", "20", "are"]


def test_a_space_without_anything_legal_is_shown_so():
    lines = shown(layered(max_parameters=1), wanted=5)
    assert lines[-1].startswith("None of them is legal")
    assert "samples" not in lines


def test_a_list_tells_its_specs_one_below_the_other_and_how_many_more_there_are():
    few = [LayeredSpec((Linear(width),)) for width in (3, 5)]
    lines = shown(ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in few])))
    at = lines.index("choices")
    assert lines[at + 1 : at + 3] == ["  specs  linear 3", "         linear 5"]
    assert rows(lines)["size"] == "2 architectures, before constraints"
    assert rows(lines)["limits"] == "none"
    many = [LayeredSpec((Linear(width),)).to_dict() for width in range(1, 24)]
    lines = shown(ListedSpace(TASK, ListedSpace.Options(many)))
    at = lines.index("choices")
    assert [line.strip() for line in lines[at + 20 : at + 22]] == ["linear 20", "and 3 more"]


def test_cells_tell_what_goes_by_their_form_and_by_the_data():
    long = Task((9, 200), Classification(6))  # 200, 100, 50: two strides of 2 leave at most 64 steps
    found = rows(shown(CellSpace(long, CellSpace.Options(form="nasbench201")), 5, width=160))
    assert (found["form"], found["nodes"]) == ("nasbench201", "3")
    assert found["operations"] == "none, skip, conv1, conv3, avg_pool3"
    assert found["stem_strides"] == "2"


def test_mobile_networks_tell_each_stage():
    stages = [{"width": [4, 6], "depth": [1, 2]}, {"width": 8, "stride": 2}]
    found = rows(shown(MobileSpace(IMAGE, MobileSpace.Options(stages=stages, blocks=["mb2_k3", "identity"])), 5))
    told = {name: words for name, words in found.items() if name.startswith(("stages", "blocks"))}
    assert told == {
        "stages.0.width": "4, 6",
        "stages.0.stride": "1",
        "stages.0.depth": "1, 2",
        "stages.1.width": "8",
        "stages.1.stride": "2",
        "stages.1.depth": "1",
        "blocks": "mb2_k3, identity",
    }


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("space", [layered(IMAGE), CellSpace(IMAGE), MobileSpace(IMAGE)], ids=type)
def test_no_line_is_longer_than_the_screen_is_wide(space, width):
    assert max(map(len, shown(space, 20, width))) <= width
