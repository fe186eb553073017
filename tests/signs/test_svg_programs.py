"""Files as programs write them: drawn with all that they add, as a browser draws them."""

from __future__ import annotations

import pytest

from physadv.signs import svg

INKSCAPE = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- Created with Inkscape (http://www.inkscape.org/) -->
<svg width="600mm" height="600mm" viewBox="-300 -300 600 600" version="1.1" id="svg5" xml:space="preserve"
   inkscape:version="1.2.2" sodipodi:docname="sign.svg"
   xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"
   xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd" xmlns:xlink="http://www.w3.org/1999/xlink"
   xmlns="http://www.w3.org/2000/svg" xmlns:svg="http://www.w3.org/2000/svg" xmlns:cc="http://creativecommons.org/ns#"
   xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <sodipodi:namedview id="namedview7" pagecolor="#ffffff" inkscape:document-units="mm" showgrid="false" />
  <defs id="defs2">
    <inkscape:path-effect effect="spiro" id="path-effect1" is_visible="true" />
    <linearGradient inkscape:collect="always" id="linearGradient1">
      <stop style="stop-color:#ff0000;stop-opacity:1;" offset="0" id="stop1" />
      <stop style="stop-color:#0000ff;stop-opacity:1" offset="1" id="stop2" />
    </linearGradient>
    <linearGradient inkscape:collect="always" xlink:href="#linearGradient1" id="linearGradient2" x1="-300" y1="0"
       x2="300" y2="0" gradientUnits="userSpaceOnUse" gradientTransform="translate(0,0)" />
  </defs>
  <metadata id="m"><rdf:RDF><cc:Work rdf:about=""><cc:license rdf:resource="x" /></cc:Work></rdf:RDF></metadata>
  <g inkscape:label="Layer 1" inkscape:groupmode="layer" id="layer1" style="display:inline">
    <rect style="color:#000000;font-style:normal;font-variant:normal;font-size:medium;line-height:normal;
font-family:sans-serif;font-variant-ligatures:normal;font-feature-settings:normal;text-indent:0;text-align:start;
text-decoration:none;text-decoration-line:none;letter-spacing:normal;word-spacing:normal;text-transform:none;
writing-mode:lr-tb;direction:ltr;text-orientation:mixed;dominant-baseline:auto;baseline-shift:baseline;
text-anchor:start;white-space:normal;shape-padding:0;clip-rule:nonzero;display:inline;overflow:visible;
visibility:visible;opacity:1;isolation:auto;mix-blend-mode:normal;color-interpolation:sRGB;
color-interpolation-filters:linearRGB;solid-color:#000000;solid-opacity:1;vector-effect:none;fill:url(#linearGradient2);
fill-opacity:1;fill-rule:evenodd;stroke:none;stroke-width:0.264583;stroke-linecap:butt;stroke-linejoin:miter;
stroke-miterlimit:4;stroke-dasharray:none;stroke-dashoffset:0;stroke-opacity:1;marker:none;color-rendering:auto;
image-rendering:auto;shape-rendering:auto;text-rendering:auto;enable-background:accumulate;
-inkscape-font-specification:sans-serif;-inkscape-stroke:none;paint-order:stroke fill markers;stop-color:#000000"
       id="rect1" width="600" height="600" x="-300" y="-300" ry="0" inkscape:transform-center-x="1" />
    <path style="fill:#00ff00;fill-rule:evenodd;stroke:#000000;stroke-width:1px;stroke-linecap:butt" id="path1"
       d="m 0,0 h 100 v 100 H 0 Z" sodipodi:nodetypes="ccccc" transform="matrix(1,0,0,1,-50,-50)"
       inkscape:connector-curvature="0" />
  </g>
</svg>"""

ILLUSTRATOR = """<?xml version="1.0" encoding="utf-8"?>
<!-- Generator: Adobe Illustrator 25.0.0, SVG Export Plug-In . SVG Version: 6.00 Build 0)  -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg version="1.1" id="Layer_1" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" x="0px"
   y="0px" width="600px" height="600px" viewBox="-300 -300 600 600" style="enable-background:new -300 -300 600 600;"
   xml:space="preserve">
<style type="text/css">
	.st0{clip-path:url(#SVGID_2_);}
	.st1{fill-rule:evenodd;clip-rule:evenodd;fill:#FF0000;}
	.st2{fill:url(#SVGID_3_);stroke:#231F20;stroke-width:0;stroke-miterlimit:10;}
	.st3{font-family:'MyriadPro-Regular'; font-size:12px; opacity:0.2;isolation:isolate;}
</style>
<g>
	<defs>
		<rect id="SVGID_1_" x="-300" y="-300" width="600" height="600"/>
	</defs>
	<clipPath id="SVGID_2_">
		<use xlink:href="#SVGID_1_"  style="overflow:visible;"/>
	</clipPath>
	<g class="st0">
		<path class="st1" d="M-400-400h800v800h-800V-400z M-10-10"/>
		<linearGradient id="SVGID_3_" gradientUnits="userSpaceOnUse" x1="-50" y1="0" x2="50" y2="0">
			<stop  offset="0" style="stop-color:#00FF00"/>
			<stop  offset="1" style="stop-color:#00FF00"/>
		</linearGradient>
		<polygon class="st2" points="-50,-50 50,-50 50,50 -50,50 	"/>
	</g>
</g>
</svg>"""

FIGMA = """<svg width="600" height="600" viewBox="-300 -300 600 600" fill="none" xmlns="http://www.w3.org/2000/svg">
<g clip-path="url(#clip0_1_2)">
<rect x="-300" y="-300" width="600" height="600" fill="url(#paint0_linear_1_2)"/>
<path fill-rule="evenodd" clip-rule="evenodd" d="M-50 -50H50V50H-50V-50Z" fill="#0F0" fill-opacity="1"/>
</g>
<defs>
<linearGradient id="paint0_linear_1_2" x1="-300" y1="0" x2="300" y2="0" gradientUnits="userSpaceOnUse">
<stop stop-color="#FF0000"/>
<stop offset="1" stop-color="#0000FF"/>
</linearGradient>
<clipPath id="clip0_1_2">
<rect width="600" height="600" fill="white" transform="translate(-300 -300)"/>
</clipPath>
</defs>
</svg>"""

WIKIMEDIA = """<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="600" height="600"
 viewBox="-300 -300 600 600">
<title>Sign</title><desc>Public domain</desc>
<style>svg{fill:red} #a, .b{fill:lime}
 /* the border */ .c{stroke:#fff;stroke-width:9px;fill:none;}</style>
<rect x="-300" y="-300" width="100%" height="100%"/>
<g id="a" font-family="Arial" font-size="12" text-anchor="middle" stroke-linejoin="round" aria-label="x" role="img">
<path d="M-50-50h100v100h-100zm0,0"/></g>
<use xlink:href="#a" transform="scale(.5)" style="cursor:pointer"/><circle class="c" r="290" pointer-events="none"/>
</svg>"""

RED, GREEN, BLUE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)
FILES = {
    "Inkscape": (INKSCAPE, RED, BLUE),
    "Illustrator": (ILLUSTRATOR, RED, RED),
    "Figma": (FIGMA, RED, BLUE),
    "Wikimedia": (WIKIMEDIA, RED, RED),
}


@pytest.mark.parametrize("program", FILES)
def test_a_file_of_a_program_is_drawn(program: str) -> None:
    text, left, right = FILES[program]
    drawn = svg.draw(svg.checked(text), 300, trusted=True)
    assert tuple(drawn[150, 150]) == GREEN
    assert tuple(drawn[2, 0]) == left
    assert tuple(drawn[2, 299]) == right
