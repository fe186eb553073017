"""A print shop, a pair of hands, a car park and a phone, all simulated: the loop of printing and photographing, whole.

It is there to check the package against something that was not written with the same parts. Nothing here imports
physadv: sheets are read as a person reads them (poppler's pixels and words, the cutter's SVG), inks are Neugebauer's
model, pictures are path-traced by Mitsuba 3, and the phone's lens, exposure, noise and JPEG are written out here.
"""
