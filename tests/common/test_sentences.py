"""What other people's errors say, in one sentence."""

from __future__ import annotations

import pytest
import yaml

from common.sentences import one_line, place_of


def test_a_story_becomes_a_line():
    assert one_line(ValueError("It\n  fails.\n\nConfig search path:\n\tprovider=main")) == "It fails"


def test_yaml_tells_the_place():
    with pytest.raises(yaml.YAMLError) as error:
        yaml.safe_load("a: 1\nb: [")
    assert place_of(error.value).startswith("line 2: ")
    assert place_of(ValueError("no mark.")) == "no mark"
