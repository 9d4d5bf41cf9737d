"""The README's examples give what it prints: each block of code runs as a doctest, one after another."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

README = Path(__file__).resolve().parent.parent / "README.md"  # ci/wheel copies it too


def draw_logo(path):
    """Draw a small RGBA picture of the seed's size, 70 rows of 128 pixels, with smooth and flat parts."""
    image = Image.new("RGBA", (128, 70), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    boxes = {"navy": (12, 14, 34, 56), "teal": (44, 20, 76, 52), "goldenrod": (84, 10, 120, 60)}
    for color, box in boxes.items():
        pen.rounded_rectangle(box, radius=6, fill=color)
    image.save(path)


@pytest.fixture
def printed_as_in_the_seed(monkeypatch, tmp_path):
    """An empty folder with the picture, and NumPy printing as then: no shape after a shortened array."""
    monkeypatch.chdir(tmp_path)
    draw_logo(tmp_path / "logo.png")
    with np.printoptions(legacy="2.1"):
        yield


@pytest.mark.usefixtures("printed_as_in_the_seed")
def test_readme_examples_print_what_they_say(capsys):
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, README.name, str(README), 0)
    assert len(test.examples) >= 40
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed = runner.run(test).failed
    assert failed == 0, capsys.readouterr().out


def test_readme_names_only_files_that_exist(tree):
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([\w./-]+)\)", text)
    named = links + re.findall(r"`((?:ci|docs|tests|subprojects|caterva)/[\w./-]*)`", text)
    missing = [name for name in named if not (tree / name).exists()]
    assert links
    assert missing == []
