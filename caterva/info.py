"""What `array.info` shows: a table, as text and as HTML."""

from html import escape
from typing import Any

from caterva.codecs import Filter, label


class Info:
    """Labels and values that describe an array."""

    def __init__(self, items: list[tuple[str, str]]) -> None:
        self.items = items

    def __repr__(self) -> str:
        width = max(len(label) for label, _ in self.items)
        return "\n".join(f"{label.ljust(width)} : {value}" for label, value in self.items)

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        rows = "".join(
            f"<tr><th {left}>{escape(label)}</th><td {left}>{escape(value)}</td></tr>"
            for label, value in self.items
        )
        return f'<table class="iarray-info"><tbody>{rows}</tbody></table>'


def plain_info(array: Any) -> Info:
    """Describe an uncompressed array."""
    return Info(_common(array))


def compressed_info(array: Any) -> Info:
    """Describe a compressed array. Reads the headers of its chunks, for the ratio."""
    filters = ", ".join(label(filter_) for filter_ in array.filters if filter_ is not Filter.NOFILTER)
    return Info(
        [
            *_common(array),
            ("Chunks", str(array.chunks)),
            ("Blocks", str(array.blocks)),
            ("Comp. codec", label(array.codec)),
            ("Comp. level", str(array.clevel)),
            ("Comp. filters", f"[{filters}]"),
            ("Comp. ratio", f"{array.cratio:.2f}"),
        ]
    )


def _common(array: Any) -> list[tuple[str, str]]:
    return [
        ("Type", f"NDArray ({array.storage})"),
        ("Itemsize", str(array.itemsize)),
        ("Shape", str(array.shape)),
    ]
