"""The licences of the bundled codecs are those of the pinned sources, and an installed package has them."""

from importlib.metadata import distribution

import pytest

#: File in licenses/ to where its text stands in the unpacked sources.
SOURCES = {
    "divsufsort.txt": "zstd-1.5.7/lib/dictBuilder/divsufsort.c",  # its first comment
    "libdeflate.txt": "libdeflate-1.23/COPYING",
    "lz4.txt": "lz4-1.10.0/lib/LICENSE",
    "zstd.txt": "zstd-1.5.7/LICENSE",
}


def first_comment(text):
    """The text of the comment that a C file begins with."""
    lines = text.split("*/")[0].removeprefix("/*\n").splitlines()
    return "".join(line.removeprefix(" *").removeprefix(" ") + "\n" for line in lines if line != " ")


def test_no_license_file_is_forgotten(tree):
    assert {path.name for path in (tree / "licenses").iterdir()} == SOURCES.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_a_license_is_that_of_the_pinned_source(tree, name):
    source = tree / "subprojects" / SOURCES[name]
    if not source.exists():
        pytest.skip("needs the codecs' sources: ci/codecs")
    text = source.read_text()
    if source.suffix == ".c":
        text = first_comment(text)
    assert (tree / "licenses" / name).read_text() == text


@pytest.mark.parametrize("name", ["LICENSE", *(f"licenses/{name}" for name in SOURCES)])
def test_an_installed_package_has_the_license(name):
    package = distribution("caterva")
    assert name in package.metadata.get_all("License-File")
    assert [path for path in package.files if path.as_posix().endswith(f".dist-info/licenses/{name}")]
