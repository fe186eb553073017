"""SVG that anybody may have written: drawn with what is allowed, refused with what is not, whatever it tries."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from physadv.core.errors import PhysadvError
from physadv.core.files import bundled
from physadv.patches import load_patch, new_patch, save_patch
from physadv.patches.mask import build_mask
from physadv.signs import load_sign, read_sign, svg

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="-300 -300 600 600">'
FACE = '<rect x="-300" y="-300" width="600" height="600" fill="#c00"/>'


def of(*parts: str, head: str = HEAD) -> str:
    return f"{head}{FACE}{''.join(parts)}</svg>"


def own(folder: Path, text: str) -> Path:
    """A user's sign with that artwork."""
    outline = {"shape": "rectangle", "width_mm": 600, "height_mm": 600}
    spec = {"name": "my/sign", "title": "t", "outline": outline, "sheeting": "RA2", "source": "s"}
    (folder / "sign.yaml").write_text(yaml.safe_dump(spec))
    (folder / "sign.svg").write_text(text, encoding="utf-8")
    return folder / "sign.yaml"


ALLOWED = {
    "groups": "<g transform='rotate(20)' opacity='0.5'><circle r='50' style='fill:#00f;filter:none;mask:none'/></g>",
    "gradient": "<linearGradient id='a'><stop offset='0' stop-color='#fff'/></linearGradient>"
    "<rect width='9' height='9' fill='url(#a)'/>",
    "use": "<defs><path id='p' d='M0 0h90v90z'/></defs><use xlink:href='#p'/><use href='#p' x='-80'/>",
    "clip": "<clipPath id='c'><circle r='80'/></clipPath><rect width='200' height='90' clip-path='url(#c)'/>",
    "style": "<style>.st0{fill:#0f0} .st1{clip-path:url(#k);} </style>"
    "<clipPath id='k'><rect width='9' height='9'/></clipPath>"
    "<circle r='60' class='st0'/><circle r='60' class='st1'/>",
    "an editor's own": "<sodipodi:namedview xmlns:sodipodi='http://sodipodi/x'><sodipodi:x/></sodipodi:namedview>"
    "<title>Stop</title><metadata><x xmlns='urn:y'/></metadata><circle r='70' sodipodi:type='arc' xmlns:sodipodi='s'/>",
    "illustrator": "<g style='enable-background:new 0 0 9 9;' xml:space='preserve'><circle r='70'/></g>",
}


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_is_allowed_is_drawn_as_it_was(kind: str) -> None:
    from io import BytesIO

    import resvg_py
    from PIL import Image

    text = of(ALLOWED[kind])
    whole = resvg_py.svg_to_bytes(svg_string=text, width=128, height=128, skip_system_fonts=True)
    wanted = np.asarray(Image.open(BytesIO(bytes(whole))).convert("RGBA"))
    drawing = svg.checked(text)
    for trusted in (True, False):
        np.testing.assert_array_equal(svg.draw(drawing, 128, trusted=trusted), wanted)
    assert drawing.view_box == "-300 -300 600 600"


@pytest.mark.parametrize("path", sorted(bundled("sign_data").glob("*/*.svg")), ids=lambda path: path.stem)
def test_the_artwork_that_ships_is_allowed(path: Path) -> None:
    svg.checked(path.read_text(encoding="utf-8"))


def bomb(levels: int, of_each: int) -> str:
    """A part that shows others, each of which shows others ..."""
    uses = [f"<use href='#g{level + 1}'/>" * of_each for level in range(levels)]
    parts = "".join(f"<g id='g{level}'>{inside}</g>" for level, inside in enumerate(uses))
    return f"<defs>{parts}<rect id='g{levels}' width='600' height='600'/></defs><use href='#g0'/>"


REFUSED = {
    "a local file": ("<image href='file:///etc/passwd' width='9' height='9'/>", "has <image>, which is not drawn"),
    "embedded data": ("<image xlink:href='data:image/png;base64,AAAA'/>", "has <image>"),
    "text": ("<text>STOP</text>", "has <text>, which is not drawn; convert text to paths"),
    "a filter": ("<filter id='f'><feTurbulence numOctaves='99999'/></filter>", "has <filter>"),
    "a filter's use": ("<rect filter='url(#f)'/>", "has filter="),
    "a filter by style": ("<rect style='fill:red;filter:url(#f)'/>", "style filter"),
    "a filter by style sheet": ("<style>rect{/**/filter:blur(9px)}</style>", "style filter"),
    "a mask": ("<mask id='m'><rect/></mask>", "has <mask>"),
    "a pattern": ("<pattern id='p'/>", "has <pattern>"),
    "dashes": ("<path d='M0 0h600' stroke-dasharray='1e-9'/>", "stroke-dasharray"),
    "a script": ("<script>x</script>", "has <script>"),
    "html": ("<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'/></foreignObject>", "has <foreignObject>"),
    "a drawing in a drawing": ("<svg/>", "has <svg>"),
    "another file": ("<use href='other.svg#a'/>", "refers to 'other.svg#a'"),
    "the network": ("<use xlink:href='http://a/b.svg#c'/>", "refers to 'http"),
    "another file's colors": ("<rect fill='url(http://a/b.svg#c)'/>", r"fill='url\(http.*of its own"),
    "an import": ("<style>@import 'a.css';</style>", "has @import in <style>"),
    "an escape": (r"<style>.a{f\69lter:x}</style>", "style filter:x"),
    "a font": ("<style>@font-face{src:url(#a)}</style>", "has @font-face in <style>"),
    "itself": ("<g id='a'><use href='#a'/></g>", "within itself"),
    "itself, by way of another": ("<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g>", "within itself"),
    "clipped by itself": ("<clipPath id='a'><rect clip-path='url(#a)'/></clipPath>", "within itself"),
    "clipped by itself through a class": (
        "<style>.k{clip-path:url(#a)}</style><clipPath id='a'><rect class='k'/></clipPath>",
        "within itself",
    ),
    "references that multiply": (bomb(12, 10), "elements through references"),
    "20,000 groups": ("<g>" * 19_000 + "</g>" * 19_000, "nested deeper than 100"),
    "many elements": ("<rect/>" * 30_000, "beyond the 20,000 elements"),
    "not closed": ("<g>", "mismatched tag"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_allowed_is_one_sentence_at_once(tmp_path: Path, kind: str) -> None:
    part, words = REFUSED[kind]
    start = time.monotonic()
    with pytest.raises(PhysadvError, match=words) as caught:
        read_sign(own(tmp_path, of(part)))
    assert str(caught.value).startswith(f"{tmp_path / 'sign.svg'}: ")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < 10


WHOLE = {
    "entities": (
        '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + of("<title>&b;</title>"),
        "declares an entity",
    ),
    "an outer entity": ('<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + of(), "declares an entity"),
    "html": ("<html><body/></html>", "begins with <html>"),
    "no name space": ("<svg viewBox='0 0 9 9'/>", "should be <svg xmlns="),
    "too long": (of("<!--" + "x" * 5_000_000 + "-->"), "5 MB; a sign's artwork may have 4 MB"),
    "nothing": ("", "not an SVG that can be drawn"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_that_is_no_plain_svg_is_one_sentence(tmp_path: Path, kind: str) -> None:
    text, words = WHOLE[kind]
    with pytest.raises(PhysadvError, match=words) as caught:
        read_sign(own(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_document_type_without_entities_is_fine(tmp_path: Path) -> None:
    public = (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://none/svg11.dtd">'
    )
    read_sign(own(tmp_path, public + of()))


def test_nothing_but_what_was_checked_reaches_the_renderer(tmp_path: Path) -> None:
    """Attributes that are not known are left out; so is what another reader of XML might take for an element."""
    text = of()
    drawn = svg.checked(text).text
    assert "image" not in drawn
    assert "onload" not in drawn
    assert "file:" not in drawn


def test_a_slow_drawing_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(svg, "MAX_SECONDS", 1)
    with pytest.raises(PhysadvError, match="not drawn within 1 s"):
        read_sign(own(tmp_path, of()))


def test_a_renderer_that_crashes_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_CHILD", "import os; os.abort()")
    with pytest.raises(PhysadvError, match="the renderer ends"):
        read_sign(own(tmp_path, of()))


HEAVY = {
    "faces": "<rect x='-300' y='-300' width='600' height='600' fill='url(#g)' opacity='0.5'/>" * 15_000
    + "<radialGradient id='g'><stop stop-color='#fff'/></radialGradient>",
    "a scribble": f"<path d='M0 0{''.join(f'L{x % 601 - 300} {-300 if x % 2 else 300}' for x in range(300_000))}'/>",
    "groups in groups": "<g opacity='0.9'>" * 90 + FACE + "</g>" * 90,
    "uses in uses": "<defs>"
    + "".join(f"<g id='d{n}'>{'<g>' * 60}<use href='#d{n + 1}'/>{'</g>' * 60}</g>" for n in range(90))
    + "</defs><use href='#d0'/>",
    "huge numbers": "<rect x='-1e38' y='-1e38' width='3e38' height='3e38' stroke='#000' stroke-width='1e38'/>",
    "a gradient of itself": "<linearGradient id='a' href='#b'/><linearGradient id='b' href='#a'/>"
    "<rect width='9' height='9' fill='url(#a)'/>",
}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in HEAVY])
def test_heavy_artwork_is_drawn_or_refused_within_time_and_memory(tmp_path: Path, kind: str) -> None:
    path = own(tmp_path, of(HEAVY[kind]))
    code = (
        "import re, resource, sys\nfrom pathlib import Path\nfrom physadv.core.errors import PhysadvError\n"
        "from physadv.signs import read_sign\n"
        "try: print('drawn', read_sign(Path(sys.argv[1])).name)\nexcept PhysadvError as error: print(error)\n"
        # RUSAGE_SELF counts what the process was forked from, the test's own worker
        "own = re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())\n"
        "print(max(int(own[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    said, kilobytes = done.stdout.splitlines()
    assert said == "drawn my/sign" or said.startswith(str(tmp_path)), said
    assert int(kilobytes) < 2_000_000


def test_the_artwork_is_part_of_the_sign_and_of_its_bundle(tmp_path: Path) -> None:
    sign = read_sign(own(tmp_path, of()))
    changed = read_sign(own(tmp_path, of().replace("#c00", "#c01")))
    assert sign != changed
    assert repr(sign) != repr(changed)
    mask = build_mask("bars", sign)
    patch = new_patch(sign, mask, np_paint(), name="p")
    save_patch(patch, tmp_path / "bundle")
    (tmp_path / "bundle" / "sign.svg").write_text(of("<image href='/etc/hostname' width='9' height='9'/>"))
    with pytest.raises(PhysadvError, match=r"sign\.svg: .*has <image>"):
        load_patch(tmp_path / "bundle")
    assert load_sign("us/stop").svg in svg.shipped()


def np_paint() -> object:
    import torch

    return torch.full((3, 64, 64), 0.5)
