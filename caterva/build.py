"""What this build of the package consists of, for bug reports and for tests of wheels."""

import platform
import struct
import sys
import sysconfig
from typing import Any

from caterva import _build_config, _core

__all__ = ["build_info"]


def build_info() -> dict[str, Any]:
    """Return what this build consists of, and what of it is at work here.

    Returns
    -------
    dict
        Strings, booleans, numbers, and lists and dicts of strings:

        - ``version``: of the package;
        - ``compiler``: name and version; ``build_type``: Meson's, "release" unless asked for otherwise;
        - ``codecs``: for each codec the library that does its work, and that library's version;
        - ``codecs_from``: "system", "static" or "bundled", where these libraries were taken from;
        - ``kernels``: name of the table of SIMD kernels at work; ``kernels_built``: all that are built in,
          best first; ``kernels_runnable``: those of them that this CPU can run, which CATERVA_ISA may name;
        - ``platform``, ``pointer_bits`` and ``byte_order``, "little" or "big";
        - ``python``: implementation and version; ``free_threaded``: whether it was built to run without GIL;
          ``limited_api``: whether the extension uses the stable ABI alone; ``extension``: its file.

    Examples
    --------
    >>> import caterva
    >>> info = caterva.build_info()
    >>> info["kernels"] in info["kernels_runnable"]
    True
    >>> sorted(info["codecs"])
    ['blosclz', 'lz4', 'lz4hc', 'zlib', 'zstd']
    """
    return {
        "version": _build_config.version,
        "compiler": _core.compiler(),
        "build_type": _build_config.build_type,
        "codecs": _core.codec_libraries(),
        "codecs_from": _build_config.codecs_from,
        **_core.kernel_tables(),
        "platform": sysconfig.get_platform(),
        "pointer_bits": 8 * struct.calcsize("P"),
        "byte_order": sys.byteorder,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "limited_api": _build_config.limited_api,
        "extension": _core.__file__,
    }
