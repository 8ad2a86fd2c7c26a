"""What a model says of files with and without labels, derived from the model itself."""

import csv
import io

import numpy as np
import pytest
import torch

from common.architecture.initial import initial_weights
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.data.schema_file import load_schema
from common.data.schema_rows import vectors_of
from common.errors import DataError, StorageError
from common.models.export import load_model, save_model
from common.preprocessing.expand import expansion_of
from common.preprocessing.scaling import Scaling
from common.preprocessing.schema import Declared, Schema
from common.seeding import generator
from common.tasks import Classification, Multilabel, Regression, Task
from server_app.cli import main
from server_app.export.found import Told, find
from server_app.export.python import Python
from server_app.export.writing import write
from server_app.predict import predict

SPEC = LayeredSpec((Linear(8, norm="none"),))
NAMES = ("bird", "cat", "dog")
X = generator(0, "x").standard_normal((5, 3)).astype(np.float32)
Y = np.array([2, 0, 1, 1, 2])


def saved(folder, head, scaling=None, **metadata):
    task = Task((3,), head, scaling)
    save_model(folder, SPEC, task, initial_weights(SPEC.lower(task), generator(1)), metadata)
    return folder


@pytest.fixture
def best(tmp_path):
    return saved(tmp_path / "best", Classification(3, NAMES), Scaling((0.5, 0.0, -0.5), (1.0, 2.0, 1.0)))


def table(path, labels=None, name="label", x=X):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*"abc"[: len(x[0])], *([] if labels is None else [name])])
        writer.writerows([*map(str, row), *([] if labels is None else [labels[at]])] for at, row in enumerate(x))
    return str(path)


def wanted(best):
    with torch.inference_mode():
        return load_model(best)(torch.from_numpy(X)).softmax(1).numpy()


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_classes_and_probabilities(best, tmp_path, kind, labelled):
    names = [NAMES[label] for label in Y]
    if kind == "csv":
        file = table(tmp_path / "mine.csv", names if labelled else None)
    else:
        file = str(tmp_path / "mine.npz")
        np.savez(file, x=X, **({"y": Y, "classes": np.array(NAMES)} if labelled else {}))
    found = predict(best, file)
    probabilities = wanted(best)
    assert found.columns == ("predicted", "p(bird)", "p(cat)", "p(dog)", *(["label"] if labelled else []))
    np.testing.assert_allclose([row[1:4] for row in found.rows], probabilities, rtol=1e-5)
    assert [row[0] for row in found.rows] == [NAMES[place] for place in probabilities.argmax(1)]
    if labelled:
        assert [row[4] for row in found.rows] == names
        assert found.metrics["accuracy"] == (probabilities.argmax(1) == Y).mean()
    else:
        assert found.metrics == {}


def test_labels_are_told_by_name_and_not_by_their_number_in_the_file(best, tmp_path):
    few = [2, 4]  # dogs only, which are class 0 of this file and class 2 of the model
    found = predict(best, table(tmp_path / "mine.csv", ["dog", "dog"], x=X[few]))
    assert found.metrics["accuracy"] == (wanted(best)[few].argmax(1) == 2).mean()


def test_the_numbers_of_a_regression(tmp_path):
    best = saved(tmp_path / "best", Regression((100.0,), (20.0,)))
    targets = np.array([100.5, 90.0, 111.0, 87.25, 130.0])
    with torch.inference_mode():
        outputs = load_model(best)(torch.from_numpy(X)).numpy()[:, 0]
    found = predict(best, table(tmp_path / "mine.csv", [str(one) for one in targets], "y"), "y")
    np.testing.assert_allclose([row[0] for row in found.rows], outputs, rtol=1e-5)
    assert found.metrics["mae"] == pytest.approx(np.abs(outputs - targets).mean(), rel=1e-5)
    assert predict(best, table(tmp_path / "bare.csv")).metrics == {}


def test_several_labels_are_told_by_name_with_their_probabilities(tmp_path):
    best = saved(tmp_path / "best", Multilabel(2, ("furred", "winged")))
    y = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [1, 0]])
    np.savez(tmp_path / "mine.npz", x=X, y=y, classes=np.array(["furred", "winged"]))
    with torch.inference_mode():
        probabilities = load_model(best)(torch.from_numpy(X)).numpy()
    found = predict(best, str(tmp_path / "mine.npz"))
    assert found.columns == ("predicted", "p(furred)", "p(winged)", "label")
    np.testing.assert_allclose([row[1:3] for row in found.rows], probabilities, rtol=1e-5)
    assert [row[3] for row in found.rows] == ["winged", "furred", "furred; winged", "", "furred"]
    likely = [[name for name, p in zip(("furred", "winged"), row, strict=True) if p > 0.5] for row in probabilities]
    assert [row[0] for row in found.rows] == ["; ".join(names) for names in likely]
    wrong = np.where(y == 1, 1 - probabilities, probabilities)
    assert found.metrics["loss"] == pytest.approx(-np.log(1 - wrong).mean(), rel=1e-4)


def test_the_threshold_of_validation_has_its_own_column_and_its_own_scores(tmp_path):
    head = Classification(2, ("well", "ill"))
    ill = predict(saved(tmp_path / "plain", head), table(tmp_path / "x.csv")).rows
    threshold = float(np.median([row[2] for row in ill]))  # two of five are above
    best = saved(tmp_path / "best", head, threshold=threshold)
    labels = ["well", "ill", "ill", "well", "ill"]
    found = predict(best, table(tmp_path / "mine.csv", labels))
    assert found.columns == ("predicted", "p(well)", "p(ill)", "predicted_at_threshold", "label")
    wanted = ["ill" if row[2] > threshold else "well" for row in ill]
    assert sorted(wanted) == ["ill"] * 2 + ["well"] * 3
    assert [row[3] for row in found.rows] == wanted
    assert [row[0] for row in found.rows] == ["ill" if row[2] > 0.5 else "well" for row in ill]
    right = sum(said == label for said, label in zip(wanted, labels, strict=True))
    assert found.metrics["accuracy_at_threshold"] == pytest.approx(right / 5)
    assert found.metrics["threshold"] == threshold

    model, told = find(best)
    write(Python(), model, told, tmp_path / "out", None)
    assert predict(tmp_path / "out", str(tmp_path / "mine.csv")).to_csv() == found.to_csv()


def test_a_file_for_another_model(best, tmp_path):
    with pytest.raises(DataError, match=r"Examples for this model have the shape \(3,\), got \(2,\)"):
        predict(best, table(tmp_path / "mine.csv", x=X[:, :2]))


def test_no_model(tmp_path):
    with pytest.raises(StorageError, match=r"An exported model has its model\.json"):
        predict(tmp_path, table(tmp_path / "mine.csv"))


def test_an_exported_model_says_the_same_by_folder_and_by_file(best, tmp_path):
    model, _ = find(best)
    write(Python(), model, Told(), tmp_path / "out", None)
    file = table(tmp_path / "mine.csv", [NAMES[label] for label in Y])
    ours = predict(best, file)
    for place in (tmp_path / "out", tmp_path / "out" / "model.py"):
        theirs = predict(place, file)
        assert theirs.to_csv() == ours.to_csv()
        assert theirs.metrics == pytest.approx(ours.metrics)


def test_the_command_prints_csv_and_scores_apart(best, tmp_path, capsys):
    file = table(tmp_path / "mine.csv", [NAMES[label] for label in Y])
    assert main(["predict", str(best), file]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.reader(io.StringIO(out)))
    assert (rows[0][0], len(rows)) == ("predicted", 6)
    assert "5 examples, accuracy 0." in err or "5 examples, accuracy 1." in err
    assert main(["predict", str(best), file, "--out", str(tmp_path / "out.csv")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "out.csv").read_text() == out


def test_what_is_wrong_in_a_file_is_told_in_full(best, tmp_path, capsys):
    file = table(tmp_path / "mine.csv", x=[["1", "two", "3"]])
    assert main(["predict", str(best), file]) == 1
    assert "row 2, column 'b': 'two'" in capsys.readouterr().err


def test_images_without_folders_for_classes(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    task = Task((1, 4, 4), Classification(2))
    save_model(tmp_path / "best", LayeredSpec(()), task, initial_weights(LayeredSpec(()).lower(task), generator(0)))
    (tmp_path / "images").mkdir()
    pixels = generator(0, "pixels").integers(0, 256, (3, 4, 4), np.uint8)
    for number, image in enumerate(pixels):
        pillow.fromarray(image).save(tmp_path / "images" / f"{number}.png")
    with torch.inference_mode():
        inputs = torch.from_numpy(pixels[:, None].astype(np.float32) / 255)
        probabilities = load_model(tmp_path / "best")(inputs).softmax(1).numpy()
    found = predict(tmp_path / "best", str(tmp_path / "images"))
    np.testing.assert_allclose([row[1:] for row in found.rows], probabilities, rtol=1e-5)


SCHEMA = """
columns:
  age: {role: number, unit: years, missing: true}
  smoker: {role: yes_no}
  kind: {role: category, values: [a, b]}
  ill: {role: label, classes: ["yes", "no"]}
  site: {role: client}
"""
ROWS = "age;kind;smoker;more;ill\n61,5;a;1;x;no\n;b;no;y;yes\n40;b;true;z;yes\n"


def of_schema(tmp_path):
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    schema = load_schema(tmp_path / "schema.yaml")
    width = len(expansion_of(schema).names)
    task = Task((width,), Classification(2, ("no", "yes")), Scaling((0.0,) * width, (1.0,) * width), schema=schema)
    save_model(tmp_path / "best", SPEC, task, initial_weights(SPEC.lower(task), generator(1)))
    told = [
        {"age": 61.5, "kind": "a", "smoker": 1},
        {"kind": "b", "smoker": "no"},
        {"age": 40, "kind": "b", "smoker": "yes"},
    ]
    x = vectors_of(schema, told)
    with torch.inference_mode():
        return tmp_path / "best", load_model(tmp_path / "best", x)(torch.from_numpy(x)).softmax(1).numpy()


def test_raw_rows_are_read_by_the_schema_of_the_model(tmp_path):
    best, probabilities = of_schema(tmp_path)
    (tmp_path / "raw.csv").write_text(ROWS)
    found = predict(best, str(tmp_path / "raw.csv"))
    np.testing.assert_allclose([row[1:3] for row in found.rows], probabilities, rtol=1e-5)
    assert [row[3] for row in found.rows] == ["no", "yes", "yes"]
    assert found.metrics["accuracy"] == pytest.approx((probabilities.argmax(1) == [0, 1, 1]).mean())


@pytest.mark.parametrize("raw", [ROWS.replace(";ill", ";other"), ROWS.replace("x;no", "x;")], ids=["none", "a gap"])
def test_raw_rows_need_no_label_and_each_is_told_of(raw, tmp_path):
    best, probabilities = of_schema(tmp_path)
    (tmp_path / "raw.csv").write_text(raw)
    found = predict(best, str(tmp_path / "raw.csv"))
    np.testing.assert_allclose([row[1:] for row in found.rows], probabilities, rtol=1e-5)
    assert found.metrics == {}


@pytest.mark.parametrize("labelled", [True, False])
def test_raw_rows_may_have_several_labels(labelled, tmp_path):
    schema = Schema((Declared("age", "number"), Declared("ill", "label"), Declared("coughs", "label")))
    head = Multilabel(2, ("coughs", "ill"))
    task = Task((1,), head, Scaling((0.0,), (1.0,)), schema=schema)
    save_model(tmp_path / "best", SPEC, task, initial_weights(SPEC.lower(task), generator(1)))
    labels = ["ill,coughs", "yes,1", "no,0", "no,1"] if labelled else ["other,more", "yes,1", "no,0", "no,1"]
    ages = ["age", "61", "50", "40"]
    (tmp_path / "raw.csv").write_text("\n".join(map(",".join, zip(ages, labels, strict=True))))
    found = predict(tmp_path / "best", str(tmp_path / "raw.csv"))
    x = np.float32([[61], [50], [40]])
    with torch.inference_mode():
        probabilities = load_model(tmp_path / "best", x)(torch.from_numpy(x)).numpy()
    width = 3 if labelled else None
    np.testing.assert_allclose([row[1:width] for row in found.rows], probabilities, rtol=1e-5)
    if labelled:
        y = np.array([[1, 1], [0, 0], [1, 0]])
        assert found.metrics == pytest.approx(head.metrics(head.before_readout(probabilities), y), rel=1e-5)
    else:
        assert found.metrics == {}


def test_raw_rows_must_have_the_features_of_the_schema(tmp_path):
    best, _ = of_schema(tmp_path)
    with pytest.raises(DataError, match="must have the columns that its schema declares"):
        predict(best, table(tmp_path / "mine.csv"))
