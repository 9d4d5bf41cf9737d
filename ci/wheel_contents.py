"""Check what a repaired Linux wheel holds: package, metadata, licences, and one extension that stands alone.

``python ci/wheel_contents.py FILE.whl`` prints what is wrong, and exits with 1 if something is.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parent.parent
NEWEST_GLIBC = (2, 28)  # of manylinux_2_28, what is published
IN_WHEEL = re.compile(r"caterva/\w+(\.py|\.pyi|\.typed|\.[\w-]+\.so)|caterva-[^/]+\.dist-info/.+")
OF_GLIBC = re.compile(r"(libc|libm|libpthread|ld-linux-[\w-]+)\.so\.\d+")


def check_tag(path: Path) -> Iterator[str]:
    """Yield a complaint unless the file's name promises to run with an old enough glibc."""
    versions = [(int(x), int(y)) for x, y in re.findall(r"manylinux_(\d+)_(\d+)_", path.name)]
    if not versions or min(versions) > NEWEST_GLIBC:
        yield f"the tags in its name allow none of glibc {NEWEST_GLIBC} and before"


def check_names(names: list[str]) -> Iterator[str]:
    """Yield what has no place in a wheel, and which licences are not there."""
    for name in names:
        if not IN_WHEEL.fullmatch(name):
            yield f"{name} has no place in it"
    for file in [ROOT / "LICENSE", *(ROOT / "licenses").iterdir()]:
        ending = f".dist-info/licenses/{file.relative_to(ROOT).as_posix()}"
        if not any(name.endswith(ending) for name in names):
            yield f"{ending} is missing"


def check_extension(module: ELFFile) -> Iterator[str]:
    """Yield what an extension module exports beside its init function, and needs beside the C library."""
    symbols = module.get_section_by_name(".dynsym").iter_symbols()
    exported = [s.name for s in symbols if s.entry.st_shndx != "SHN_UNDEF"]
    if exported != ["PyInit__core"]:
        yield f"the extension exports {exported}"
    dynamic = next(s for s in module.iter_sections() if isinstance(s, DynamicSection))
    for tag in dynamic.iter_tags():
        if tag.entry.d_tag == "DT_NEEDED" and not OF_GLIBC.fullmatch(tag.needed):
            yield f"the extension needs {tag.needed}"
        if tag.entry.d_tag in {"DT_RPATH", "DT_RUNPATH", "DT_TEXTREL"}:
            yield f"the extension has {tag.entry.d_tag}"


def problems(path: Path) -> Iterator[str]:
    """Yield all that is wrong with a wheel."""
    yield from check_tag(path)
    with ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        yield from check_names(names)
        modules = [name for name in names if name.endswith(".so")]
        if len(modules) != 1:
            yield f"there is not one extension module: {modules}"
        for name in modules:
            yield from check_extension(ELFFile(io.BytesIO(wheel.read(name))))


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1])))
    print("\n".join(found) or f"{sys.argv[1]}: {Path(sys.argv[1]).stat().st_size / 1e6:.2f} MB")
    sys.exit(bool(found))
