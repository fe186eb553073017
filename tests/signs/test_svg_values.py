"""Values of SVG and CSS: drawn as a browser draws them, or refused in a sentence that says what would be right."""

from __future__ import annotations

import numpy as np
import pytest

from physadv.signs import svg
from physadv.signs.svg_values import BadSvg

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 100">\n'
STOPS = "<stop stop-color='#000'/><stop offset='1' stop-color='#fff'/>"
COLOR = "a color (a name, #rrggbb, rgb() or hsl())"
LENGTH = "a number with a decimal point"


def of(*parts: str, head: str = HEAD) -> str:
    return f"{head}{''.join(parts)}</svg>"


def full(attributes: str) -> str:
    """A square over all of the picture."""
    return f"<rect width='100' height='100' {attributes}/>"


def pixel(text: str, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(value) for value in svg.draw(svg.checked(text), 100, trusted=True)[y, x])


# ---- colors -------------------------------------------------------------------------------------------------------

COLORS = {
    "red": (255, 0, 0, 255),
    "RebeccaPurple": (102, 51, 153, 255),
    "#1a2": (17, 170, 34, 255),
    "#1A28": (17, 170, 34, 136),
    "#123456": (18, 52, 86, 255),
    "#12345680": (18, 52, 86, 128),
    "rgb(200, 100, 50)": (200, 100, 50, 255),
    "RGB(100%,0%,50%)": (255, 0, 128, 255),
    "rgb(200 100 50 / 50%)": (200, 100, 50, 128),
    "rgba(0,0,255,.2)": (0, 0, 255, 51),
    "rgb(300,-5,0)": (255, 0, 0, 255),
    "hsl(120, 100%, 25%)": (0, 128, 0, 255),  # green: lightness 0.25 = half of 255, rounded up
    "hsl(240 100% 50%)": (0, 0, 255, 255),
    "hsla(0,100%,50%,0.4)": (255, 0, 0, 102),
    "hwb(0 20% 20%)": (204, 51, 51, 255),
    "color(srgb 1 0 0.4)": (255, 0, 102, 255),
    "transparent": (0, 0, 0, 0),
    "none": (0, 0, 0, 0),
    "NONE": (0, 0, 0, 0),
    " red ": (255, 0, 0, 255),
    "currentColor": (0, 0, 255, 255),
    "inherit": (0, 128, 0, 255),
    "unset": (0, 128, 0, 255),
    "initial": (0, 0, 0, 255),
    "url(#a)": (255, 0, 0, 255),
    "url('#a') blue": (255, 0, 0, 255),
    "": (0, 128, 0, 255),
}
_RED = "<linearGradient id='a'><stop stop-color='red'/></linearGradient>"


@pytest.mark.parametrize("value", COLORS)
@pytest.mark.parametrize("where", ["attribute", "style", "sheet"])
def test_a_color_is_the_one_of_the_hand(value: str, where: str) -> None:
    if where == "attribute":
        part = full(f'fill="{value}"')
    elif where == "style":
        part = full(f'style="fill:{value}"' if value else "")
    else:
        part = f"<style>.a{{fill:{value or 'green'}}}</style>" + full("class='a'")
    shown = pixel(of(_RED, f"<g color='#00f' fill='green'>{part}</g>"), 50, 50)
    assert shown[3] == COLORS[value][3]
    # the renderer keeps colors times alpha, in 8 bits
    np.testing.assert_allclose(shown[:3], COLORS[value][:3], atol=0 if shown[3] in (0, 255) else 3)


NO_COLORS = (
    *("redd", "#12345", "#12", "#ggg", "var(--x)", "var(--x, red)", "oklch(0.6 0.2 20)"),
    *("lab(50% 40 59)", "oklab(0.5 0 0)", "color-mix(in srgb, red, blue)", "light-dark(red, blue)", "CanvasText"),
    *("#fff icc-color(a, 0.1)", "device-cmyk(0 1 1 0)", "rgb(1,2)", "rgb(a,b,c)", "hsl(0, 200%, 50%)"),
    *("rgb(calc(1),0,0)", "red blue", "1", "context-fill", "child", "#fff;", "curentcolor"),
)


@pytest.mark.parametrize("value", NO_COLORS)
@pytest.mark.parametrize("name", ["fill", "stroke", "stop-color", "color"])
def test_what_is_no_color_is_refused_by_name(value: str, name: str) -> None:
    with pytest.raises(BadSvg) as caught:
        svg.checked(of(full(f'{name}="{value}"')))
    said = str(caught.value)
    assert f"has {name}='{value[:40]}" in said
    assert "it should be a" in said
    assert said.endswith("(line 2)")
    if value == "#fff;":  # an end of a declaration of CSS
        return
    for part in (full(f"style='{name}:{value}'"), f"<style>\n.a{{{name}:{value}}}</style>"):
        with pytest.raises(BadSvg, match=f"has the style {name}:") as caught:
            svg.checked(of(part))
        assert str(caught.value).endswith("(line 3)" if "<style>" in part else "(line 2)")


# ---- what was drawn wrongly and silently ---------------------------------------------------------------------------

WRONG = {
    # lengths
    "a decimal comma": ("<rect width='3,5' height='9'/>", "has width='3,5' at <rect>; it should be", LENGTH),
    "a word": ("<rect width='wide' height='9'/>", "width='wide'", LENGTH),
    "an unknown unit": ("<rect width='100foo' height='9'/>", "width='100foo'", LENGTH),
    "calc": ("<rect width='calc(1px + 2px)' height='9'/>", "width='calc(1px + 2px)'", LENGTH),
    "em": ("<rect width='2em' height='9'/>", "width='2em'", LENGTH),
    "a point without digits": ("<circle r='5.'/>", "r='5.'", LENGTH),
    "below zero": ("<rect width='-9' height='9'/>", "width='-9'", "not below zero"),
    "without end": ("<circle r='1e999'/>", "r='1e999'", "not so large"),
    "a width of a line": ("<path d='M0 0h9' stroke-width='2,5'/>", "stroke-width='2,5'", LENGTH),
    "a share of a line": ("<path d='M0 0h9' stroke-width='5%'/>", "stroke-width='5%'", "share"),
    "opacity": ("<rect opacity='0,5'/>", "opacity='0,5'", "a number from 0 to 1"),
    "an offset": ("<linearGradient><stop offset='a'/></linearGradient>", "offset='a'", "a number from 0 to 1"),
    "a share in a symbol": ("<symbol id='s'><rect width='5%'/></symbol>", "width='5%'", "share"),
    # geometry in CSS
    "x in a style": ("<rect style='x:9px'/>", "has the style x:9px at <rect>", "the attribute x"),
    "width in a style sheet": ("<style>rect{width:9px}</style><rect/>", "style width:9px", "the attribute width"),
    "d": ("<path style='d:path(\"M0 0h9v9z\")'/>", "has the style d:path", "the attribute d"),
    "r": ("<circle style='r:9'/>", "has the style r:9", "the attribute r"),
    # what cuts and what moves
    "inset": (full("clip-path='inset(9px)'"), "clip-path='inset(9px)'", "none, or a clipPath of its own"),
    "circle": (full("style='clip-path:circle(9px at 0 0)'"), "style clip-path:circle(", "a clipPath of its own"),
    "polygon": ("<style>g{clip-path:polygon(0 0,9px 0,0 9px)}</style>", "style clip-path:polygon", "in <style>"),
    "a mask of webkit": (full("style='-webkit-mask:linear-gradient(#000,#fff)'"), "style -webkit-mask:", "none"),
    "a mask of CSS": (full("style='mask-image:url(#a)'"), "style mask-image:", "plain shapes"),
    "an origin": (full("transform='rotate(9)' transform-origin='50 50'"), "transform-origin='50 50'", "0 0"),
    "an origin in a style": (full("style='transform-origin:center'"), "style transform-origin:center", "0 0"),
    "a box": (full("style='transform-box:fill-box'"), "transform-box:fill-box", "view-box"),
    "transform in a style": (full("style='transform:rotate(9deg)'"), "transform:rotate(9deg)", "attribute transform"),
    "scale": (full("style='scale:2'"), "style scale:2", "make it none"),
    "rotate": ("<style>.a{rotate:9deg}</style>", "style rotate:9deg", "make it none"),
    "translate": (full("style='translate:9px'"), "style translate:9px", "make it none"),
    "a path to move along": (full("style='offset-path:path(\"M0 0h9\")'"), "offset-path", "make it none"),
    "a line of one width": (full("vector-effect='non-scaling-stroke'"), "vector-effect", "none"),
    "blending": (full("style='mix-blend-mode:multiply'"), "mix-blend-mode:multiply", "normal"),
    "a background": (full("style='background:#fff'"), "background:#fff", "plain shapes"),
    "an animation": (full("style='animation:a 1s'"), "animation:a 1s", "none"),
    "a property that nobody knows": (full("style='fil:red'"), "style fil:red", "not known here; remove it"),
    "a join of SVG 2": (full("stroke-linejoin='arcs'"), "stroke-linejoin='arcs'", "miter or round or bevel"),
    "a limit": (full("stroke-miterlimit='0.5'"), "stroke-miterlimit='0.5'", "1 or more"),
    "an order": (full("paint-order='stroke stroke'"), "paint-order", "in an order"),
    "a rule": (full("fill-rule='odd'"), "fill-rule='odd'", "nonzero or evenodd"),
    "an opacity from around": (full("opacity='inherit'"), "opacity='inherit'", "at the element itself"),
    # references
    "no gradient": (full("fill='url(#nope)'"), "fill='url(#nope)'", "nothing is named #nope"),
    "no gradient for a line": (full("stroke='url(#nope) red'"), "stroke='url(#nope) #ff0000'", "named #nope"),
    "no gradient, by style": (full("style='fill:url(#nope)'"), "url(#nope)", "<linearGradient> or <radialGradient>"),
    "no part": ("<use href='#nope'/>", "href='#nope' at <use>", "a shape, a group or a symbol"),
    "no clip": (full("clip-path='url(#nope)'"), "clip-path='url(#nope)'", "the id of <clipPath>"),
    "no gradient for a gradient": ("<linearGradient href='#nope'/>", "href='#nope' at <linearGradient>", "nothing"),
    "a clip as a color": ("<clipPath id='c'/>" + full("fill='url(#c)'"), "#c is <clipPath>", "<linearGradient>"),
    "a gradient without stops": ("<linearGradient id='a'/>" + full("fill='url(#a)'"), "without <stop>", "give it one"),
    "a gradient of itself": ("<linearGradient id='a' href='#a'/>", "gradient within itself", "line 2"),
    "a focus outside": (
        f"<radialGradient id='a' r='.2' fx='.9'>{STOPS}</radialGradient>",
        "the focus (fx, fy, fr) of a gradient outside of its circle",
        "it should lie inside",
    ),
    "a part of another name": ("<use href='a.svg'/>", "refers to 'a.svg'", "its own parts"),
    # paths, points, transforms, boxes
    "a path cut off": ("<path d='M0 0 L10 10 L20'/>", "L needs 2 numbers, or a multiple, and has 1", "'L20'"),
    "a path with a word": ("<path d='M0 0 L10 foo'/>", "it should be commands of a path", "'foo'"),
    "a path with a comma too many": ("<path d='M0,0,,9,9'/>", "commands of a path", "',9,9'"),
    "a path without M": ("<path d='L9 9'/>", "the first is M or m", "L9 9"),
    "an arc": ("<path d='M0 0A9 9 0 2 0 9 9'/>", "after A", "'2 0 9 9'"),
    "a cut arc": ("<path d='M0 0A9 9 0 1'/>", "A needs 7 numbers", "has 4"),
    "a curve": ("<path d='M0 0C1 2 3 4 5'/>", "C needs 6 numbers", "has 5"),
    "numbers after z": ("<path d='M0 0h9v9z 5 5'/>", "z needs no number", "has 2"),
    "points": ("<polygon points='0 0 9 0 9'/>", "points='0 0 9 0 9'", "pairs of numbers; it has 5"),
    "a point": ("<polyline points='0,0 9,a'/>", "points='0,0 9,a'", "numbers; it has 'a'"),
    "degrees": (full("transform='rotate(45deg)'"), "transform='rotate(45deg)'", "it has 'deg'"),
    "pixels": (full("transform='translate(9px, 9px)'"), "transform='translate(9px, 9px)'", "'px, 9px'"),
    "a transform of CSS": (full("transform='translateX(9)'"), "transform='translateX(9)'", "plain numbers"),
    "too few numbers": (full("transform='matrix(1 0 0 1 0)'"), "transform='matrix(1 0 0 1 0)'", "plain numbers"),
    "no bracket": (full("transform='rotate(45'"), "transform='rotate(45'", "plain numbers"),
    "a gradient's move": ("<linearGradient gradientTransform='x'/>", "gradientTransform='x'", "plain numbers"),
    "units": ("<linearGradient gradientUnits='user'/>", "gradientUnits='user'", "userSpaceOnUse or"),
    "a method": ("<linearGradient spreadMethod='Pad'/>", "spreadMethod='Pad'", "pad or reflect or repeat"),
    "a box of a symbol": ("<symbol viewBox='0 0 0 9'/>", "viewBox='0 0 0 9'", "above zero"),
    "a place in it": ("<symbol preserveAspectRatio='mid'/>", "preserveAspectRatio='mid'", "xMidYMid"),
    "a symbol that moves": ("<symbol transform='scale(2)'/>", "transform at <symbol>", "at <use>"),
    # style sheets
    "a medium": ("<style>@media print{rect{fill:red}}</style>", "has @media in <style>", "plain rules"),
    "a layer": ("<style>@layer a{rect{fill:red}}</style>", "has @layer in <style>", "plain rules"),
    "a condition": ("<style>@supports (a:b){rect{fill:red}}</style>", "has @supports", "plain rules"),
    "is": ("<style>\n:is(rect, g){fill:red}</style>", "has the selector ':is(rect, g)'", "(line 3)"),
    "nth": ("<style>rect:nth-child(2){fill:red}</style>", "'rect:nth-child(2)'", "names, .classes and #ids"),
    "an attribute": ("<style>[fill]{fill:red}</style>", "the selector '[fill]'", "names, .classes"),
    "a neighbor": ("<style>g + rect{fill:red}</style>", "the selector 'g + rect'", "names, .classes"),
    "no selector": ("<style>a,{fill:red}</style>", "the selector 'a,'", "names, .classes"),
    "a rule in a rule": ("<style>g{rect{fill:red}}</style>", "has the style rect{fill:red}", "a list of name:value;"),
    "no end of a rule": ("<style>.a{fill:red}} .b{fill:blue}</style>", "in <style>", "line 2"),
    "no colon": (full("style='fill red'"), "style with an error", "a list of name:value;"),
    "sass": ("<style type='text/sass'/>", "<style> of another type", "CSS for all"),
    "print": ("<style media='print'/>", "<style> of another type or medium", "CSS for all"),
    "a style in what is not drawn": ("<metadata><style>rect{fill:red}</style></metadata>", "has <style> in", "<defs>"),
    "a language": ("<g systemLanguage='de'/>", "systemLanguage at <g>", "remove it"),
    "no language": ("<rect systemLanguage=''/>", "systemLanguage at <rect>", "remove it"),
    "no extensions": ("<rect requiredExtensions=''/>", "requiredExtensions at <rect>", "remove it"),
    "features": ("<rect requiredFeatures='x'/>", "requiredFeatures at <rect>", "remove it"),
    "no features": ("<use requiredFeatures=''/>", "requiredFeatures at <use>", "remove it"),
    # radii and sizes that are left to the viewer
    "rx of an ellipse": ("<ellipse rx='auto' ry='20'/>", "has rx='auto' at <ellipse>", LENGTH),
    "ry of an ellipse": ("<ellipse rx='20' ry='auto'/>", "has ry='auto' at <ellipse>", LENGTH),
    "rx of a rect": ("<rect width='50' height='50' rx='auto' ry='20'/>", "has rx='auto' at <rect>", LENGTH),
    "ry of a rect": ("<rect width='50' height='50' rx='20' ry='auto'/>", "has ry='auto' at <rect>", LENGTH),
    "an empty radius": ("<ellipse rx='' ry='20'/>", "has rx='' at <ellipse>", LENGTH),
    "a symbol's width": ("<symbol id='s'/><use href='#s' width='auto'/>", "has width='auto' at <use>", LENGTH),
    "a symbol's empty width": ("<symbol id='s'/><use href='#s' width=''/>", "has width='' at <use>", LENGTH),
    "an end of a gradient": ("<linearGradient x2=''/>", "has x2='' at <linearGradient>", LENGTH),
    "an empty method": ("<linearGradient spreadMethod=''/>", "spreadMethod=''", "pad or reflect or repeat"),
    "a skew of 90": (full("transform='skewX(90)'"), "transform='skewX(90)'", "without a skew of 90 degrees"),
    "none for a gradient": ("<linearGradient gradientTransform='none'/>", "gradientTransform='none'", "plain numbers"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_the_renderer_would_draw_wrongly_is_refused(kind: str) -> None:
    part, *words = WRONG[kind]
    with pytest.raises(BadSvg) as caught:
        svg.checked(of(part))
    said = str(caught.value)
    assert "\n" not in said
    assert "(line " in said
    for one in words:
        assert one in said


FLAT = (
    *("scale(0)", "scale(1 0)", "scale(0,1)", "matrix(1 0 0 0 0 0)", "matrix(1 2 2 4 5 6)", "matrix(3 .3 1 .1 0 0)"),
    *(
        "translate(5) scale(0) rotate(9)",
        "scale(1e-8)",
        "scale(1 1e-7)",
        "scale(1e9 1e-9)",
        "scale(1e300) scale(1e300)",
    ),
)


@pytest.mark.parametrize("move", FLAT)
@pytest.mark.parametrize("kind", ["linearGradient", "radialGradient"])
def test_a_gradient_that_is_moved_flat_is_refused(kind: str, move: str) -> None:
    with pytest.raises(BadSvg) as caught:
        svg.checked(of(f"<{kind} id='a' gradientTransform='{move}'>{STOPS}</{kind}>", full("fill='url(#a)'")))
    said = f"has gradientTransform='{move}' at <{kind}>; it should be"
    if "1e300" in move:
        assert str(caught.value).startswith(said)
    else:
        assert (
            str(caught.value) == f"{said} a transform that can be inverted, without a scale of 0 or nearly 0 (line 2)"
        )


ROOTS = {
    "a box of words": ('viewBox="a b c d"', "four numbers: left, top"),
    "a box of commas": ('viewBox="0,0,,9,9"', "four numbers: left, top"),
    "a size": ('viewBox="0 0 9 9" width="9,5"', "width='9,5' at <svg>"),
    "other proportions": ('viewBox="0 0 9 9" width="20mm" height="10mm"', "20mm x 10mm with the view box 0 0 9 9"),
    "by style": ('viewBox="0 0 9 9" width="9" style="width:2cm;height:10mm"', "the same proportions"),
}


@pytest.mark.parametrize("kind", ROOTS)
def test_a_root_of_no_sure_size_is_refused(kind: str) -> None:
    attributes, words = ROOTS[kind]
    with pytest.raises(BadSvg, match=words):
        svg.checked(of(head=f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>'))


def test_a_style_sheet_of_another_file_is_refused() -> None:
    with pytest.raises(BadSvg, match=r"style sheet of another file.*\(line 1\)"):
        svg.checked('<?xml-stylesheet href="a.css"?>' + of())


@pytest.mark.slow
def test_rules_that_would_take_for_ever_are_refused() -> None:
    rules = "".join(f"g g g g .a{number}, * {{fill:red}}" for number in range(5_000))
    with pytest.raises(BadSvg, match="too many style rules"):
        svg.checked(of(f"<style>{rules}</style>", "<g/>" * 5_000))


def test_styles_without_end_are_refused() -> None:
    with pytest.raises(BadSvg, match=r"20,001 characters of style at <rect>; it may have 20,000 \(line 2\)"):
        svg.checked(of(full(f"style='{'a' * 20_001}'")))
    with pytest.raises(BadSvg, match="500,001 characters of style sheets; it may have 500,000"):
        svg.checked(of(f"<style>{'a' * 500_001}</style>"))


# ---- what is drawn, at a pixel -------------------------------------------------------------------------------------

RED, GREEN, BLUE, CLEAR = (255, 0, 0, 255), (0, 128, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
DRAWN = {
    "millimeters are 96 / 25.4": ("<rect width='20mm' height='1in' fill='red'/>", {(74, 95): RED, (76, 50): CLEAR}),
    "points": ("<rect width='60pt' height='5pc' fill='red'/>", {(79, 79): RED, (80, 50): CLEAR, (50, 80): CLEAR}),
    "a share of the view box": (
        "<rect x='50%' width='50%' height='25%' fill='red'/>",
        {(50, 24): RED, (50, 25): CLEAR},
    ),
    "a share of the diagonal": ("<circle cx='50%' cy='50%' r='50%' fill='red'/>", {(1, 50): RED, (1, 1): CLEAR}),
    "flags without gaps": ("<path d='M10 50a40 40 0 0180 0z' fill='red'/>", {(50, 20): RED, (50, 80): CLEAR}),
    "numbers without gaps": ("<path d='M.5.5 90.5.5V90H0z' fill='red'/>", {(50, 50): RED, (95, 50): CLEAR}),
    "important": ("<style>rect{fill:red!important}</style>" + full("style='fill:blue'"), {(5, 5): RED}),
    "weights": (
        "<style>#i{fill:red} .a{fill:green} rect{fill:blue}</style>" + full("id='i' class='a'"),
        {(5, 5): RED},
    ),
    "order": ("<style>.a{fill:blue} .b{fill:red}</style>" + full("class='b a'"), {(5, 5): RED}),
    "style over sheet": ("<style>.a{fill:blue}</style>" + full("class='a' style='fill:red'"), {(5, 5): RED}),
    "sheet over attribute": ("<style>rect{fill:red}</style>" + full("fill='blue'"), {(5, 5): RED}),
    "children": (
        "<style>svg>g>.a{fill:red} svg>.a{fill:blue}</style><g>" + full("class='a'") + "</g>",
        {(5, 5): RED},
    ),
    "within": (
        "<style>svg g g .a, path{fill:red} g>.b .a{fill:green} .a{fill:blue}</style>"
        "<g><g><g>" + full("class='a'") + "</g></g></g>",
        {(5, 5): RED},
    ),
    "comments and capitals": (
        "<style>/* a */.a{/* b */FILL:/* c */RED;}/* d */</style>" + full("class='a'"),
        {(5, 5): RED},
    ),
    "an escape": (r"<style>.a{f\69ll:red}</style>" + full("class='a'"), {(5, 5): RED}),
    "CDATA": ("<style><![CDATA[svg > .a{fill:red}]]></style>" + full("class='a'"), {(5, 5): RED}),
    "a sheet at the end": (full("class='a'") + "<style>.a{fill:red}</style>", {(5, 5): RED}),
    "the first of a name": (
        f"{_RED}<linearGradient id='a'>{STOPS}</linearGradient>" + full("fill='url(#a)'"),
        {(5, 5): RED},
    ),
    "href over xlink:href": (
        "<defs><rect id='a' width='9' height='9' fill='red'/><rect id='b' width='9' height='9'/></defs>"
        "<use href='#a' xlink:href='#b'/>",
        {(5, 5): RED},
    ),
    "a symbol of no size": (
        "<symbol id='s' viewBox='0 0 10 10'><rect width='5' height='5' fill='red'/></symbol><use href='#s'/>",
        {(45, 45): RED, (55, 55): CLEAR},
    ),
    "a gradient of all": (
        f"<linearGradient id='a' gradientUnits='userSpaceOnUse'>{STOPS}</linearGradient>"
        "<rect width='50' height='100' fill='url(#a)'/>",
        {(49, 5): (126, 126, 126, 255)},
    ),
    "a gradient in turn": (
        f"<linearGradient id='b' x2='50%'>{STOPS}</linearGradient><linearGradient id='a' xlink:href='#b'/>"
        + full("fill='url(#a)'"),
        {(25, 5): (130, 130, 130, 255), (60, 5): (255, 255, 255, 255)},
    ),
    "a flat line": (_RED + "<path d='M0 50H100' stroke-width='20' stroke='url(#a) blue'/>", {(50, 50): BLUE}),
    "shares of opacity": (full("fill='red' opacity='50%'"), {(5, 5): (255, 0, 0, 128)}),
    "a color of around": ("<g color='blue' fill='currentColor'>" + full("color='red'") + "</g>", {(5, 5): RED}),
    "stops' own color": (
        "<linearGradient id='a' color='red'><stop stop-color='currentColor'/></linearGradient>"
        + full("fill='url(#a)'"),
        {(5, 5): RED},
    ),
    "a turn": (
        "<rect width='10' height='10' fill='red' transform='translate (50) rotate(0,10,10),scale(2 2)'/>",
        {(55, 15): RED, (45, 5): CLEAR},
    ),
    "a shape that is moved flat": (
        full("fill='red' stroke='red' transform='scale(1 0)'") + full("fill='red' transform='matrix(1 1 1 1 0 0)'"),
        {(0, 0): CLEAR, (50, 0): CLEAR, (50, 50): CLEAR},
    ),
    "a gradient that is moved": (
        f"<linearGradient id='a' gradientTransform='translate(0.5) scale(.5 2) rotate(0) skewX(0)'>{STOPS}"
        "</linearGradient>" + full("fill='url(#a)'"),
        {(49, 5): (0, 0, 0, 255), (75, 5): (130, 130, 130, 255)},
    ),
    "nothing said": (
        full("fill='red' style='' class='' transform='' filter='' stroke='' clip-path=''"),
        {(5, 5): RED},
    ),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_what_is_drawn_is_what_the_hand_says(kind: str) -> None:
    part, pixels = DRAWN[kind]
    assert {place: pixel(of(part), *place) for place in pixels} == pixels


# ---- selectors, and what <use> shows -------------------------------------------------------------------------------

PART = "<rect class='q' id='u' width='100' height='100'/>"
GROUP = "<g class='p'><g class='r' id='u'><g><rect class='q' width='100' height='100'/></g></g></g>"
SYMBOL = "<symbol class='p' id='u'><rect class='q' width='100' height='100'/></symbol>"
PAINTED = (
    "<g id='u'><linearGradient id='a'><stop class='q' stop-color='currentColor'/></linearGradient>"
    "<rect width='100' height='100' fill='url(#a)'/></g>"
)
REACHING = {
    "svg .q": PART,
    "defs .q": PART,
    "defs > .q": PART,
    "svg > defs > #u": PART,
    "* .q": PART,
    "svg #u": PART,
    ".p .q": GROUP,
    "defs g .q": GROUP,
    ".p > .r .q": GROUP,
    "svg rect": SYMBOL,
    "svg > defs > symbol > .q": SYMBOL,
}


@pytest.mark.parametrize("selector", REACHING)
@pytest.mark.parametrize("around", ["{}", "<clipPath>{}</clipPath>", "<defs><g>{}</g></defs>"])
def test_a_selector_that_reaches_into_what_use_shows_is_refused(selector: str, around: str) -> None:
    """A browser draws black here: it sees no more than the part that the use refers to."""
    use = around.format("<use href='#u'/>")
    with pytest.raises(BadSvg) as caught:
        svg.checked(of(f"<style>\n{selector}{{fill:red}}</style><defs>{REACHING[selector]}</defs>{use}"))
    assert str(caught.value) == (
        f"has the selector '{selector}' in <style>, which reaches into #u from outside, so that <use> shows #u "
        "without it; it should be one that begins in #u (line 3)"
    )


INSIDE = {
    ".q": (PART, RED),
    "#u": (PART, RED),
    "use .q": (PART, (0, 0, 0, 255)),
    ".r .q": (GROUP, RED),
    "#u .q": (GROUP, RED),
    "g g > .q": (GROUP, RED),
    "#u > g > .q": (GROUP, RED),
    "symbol > .q": (SYMBOL, RED),
    ".p .q": (SYMBOL, RED),
    "svg > .q": (SYMBOL, (0, 0, 0, 255)),
    "svg use": (PART, RED),
    "svg stop": (PAINTED, RED),
}


@pytest.mark.parametrize("selector", INSIDE)
def test_a_selector_within_what_use_shows_is_drawn(selector: str) -> None:
    part, shown = INSIDE[selector]
    text = of(f"<style>{selector}{{fill:red;color:red}}</style><defs>{part}</defs><use href='#u'/>")
    assert pixel(text, 50, 50) == shown


UNCHANGED = {
    "it says the same": "<style>svg .q{fill:red}</style><defs><rect class='q' id='u' width='100' height='100' "
    "fill='#f00'/></defs><use href='#u'/>",
    "another wins": "<style>svg .q{fill:blue} #u{fill:red}</style><defs>" + PART + "</defs><use href='#u'/>",
    "nobody uses it": "<style>svg .q{fill:red}</style>"
    + full("class='q'")
    + "<defs><g id='u'/></defs><use href='#u'/>",
}


@pytest.mark.parametrize("kind", UNCHANGED)
def test_a_selector_that_changes_nothing_of_what_use_shows_is_drawn(kind: str) -> None:
    assert pixel(of(UNCHANGED[kind]), 50, 50) == RED


def test_the_size_in_a_style_is_the_size() -> None:
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="9" viewBox="0 0 1 1" style="width:20mm;height:2cm">'
    assert svg.checked(of(head=head)).size == ("20mm", "2cm")
