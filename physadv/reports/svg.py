"""Elements of SVG and HTML as escaped markup. A plain string becomes text, never markup."""

from __future__ import annotations

from markupsafe import Markup, escape


def tag(element: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element; ``class_`` is ``class``, ``stroke_width`` is ``stroke-width``, an attribute that is None is left out.

    >>> str(tag("text", "a < b", x=1.50, class_="n"))
    '<text x="1.5" class="n">a &lt; b</text>'
    """
    named = (
        (name.rstrip("_").replace("_", "-"), number(value) if isinstance(value, (int, float)) else value)
        for name, value in attributes.items()
        if value is not None
    )
    opening = "".join(f' {name}="{escape(value)}"' for name, value in named)
    inner = Markup("").join(children)
    return Markup(f"<{element}{opening}>{inner}</{element}>" if inner else f"<{element}{opening}/>")


def number(value: float) -> str:
    """A coordinate with at most one decimal.

    >>> number(3.0), number(3.14)
    ('3', '3.1')
    """
    return f"{value:.1f}".removesuffix(".0") if round(value, 1) else "0"


def drawing(*shapes: Markup, width: float, height: float, title: str, summary: str, class_: str = "") -> Markup:
    """A whole picture that scales with its container; ``title`` and ``summary`` are what a screen reader says."""
    return tag(
        "svg",
        *shapes,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_label=f"{title}. {summary}" if summary else title,
        class_=class_ or None,
    )


def elide(text: str, length: int) -> str:
    """At most ``length`` characters, the cut marked by an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
