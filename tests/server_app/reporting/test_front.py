from rich.console import Console

from server_app.reporting.front import front_of_result


def member(trial, accuracy, macs, *, knee=False, test=None):
    return {
        "trial": trial,
        "knee": knee,
        "rung": 2,
        "values": {"accuracy": accuracy, "macs": macs},
        "test": {} if test is None else {"accuracy": test},
        "architecture": f"linear {trial} [bold]",
    }


def said(front, hypervolume=0.0, reference=None):
    console = Console(width=200)
    with console.capture() as captured:
        for line in front_of_result({"front": front, "hypervolume": hypervolume, "reference": reference}):
            console.print(line)
    return captured.get()


def test_a_search_with_one_objective_has_nothing_to_say():
    assert list(front_of_result({"winner": {}})) == []


def test_each_member_has_a_row_the_knee_first():
    front = [member(3, 0.9, 2000.0, knee=True, test=0.875), member(1, 0.5, 10.0), member(7, 0.95, 900000.0, test=0.9)]
    text = said(front, 4321.5, {"accuracy": 0.25, "macs": 100000.0})
    assert text.index("linear 3 [bold]") < text.index("linear 1 [bold]") < text.index("linear 7 [bold]")
    assert "test accuracy" in text
    assert "900,000" in text
    assert "The front has 3 members: no other trial that reached rung 2 is better than one of them" in text
    assert "Hypervolume 4321.5, measured from accuracy 0.2500 and macs 100,000." in text


def test_one_member_equal_ones_and_none_are_told_apart():
    reference = {"accuracy": 0.25, "macs": 1000.0}
    alone = said([member(3, 0.9, 200.0, knee=True)], 1.0, reference)
    assert "The front has one member" in alone
    equal = said([member(3, 0.9, 200.0, knee=True), member(4, 0.9, 200.0)], 1.0, reference)
    assert "The front has 2 members, 1 of them equal to another" in equal
    assert "No trial keeps all constraints, so there is no front" in said([])
