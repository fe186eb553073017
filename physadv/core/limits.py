"""Upper limits of numbers in configurations: above them a number is a slip, not a wish.

Each is well beyond what is of use and what a large machine does in days; without them a slip is found out when memory
or patience has run out.
"""

MAX_STEPS = 1_000_000
"""Steps of a search or a training, epochs, and checks in between."""
MAX_QUERIES = 10_000_000
"""Queries of a black-box attack, a picture."""
MAX_COUNT = 10_000
"""Things of which a step has several: candidates, samples, rounds, members of a population."""
MAX_RESTARTS = 1_000
"""Starts of a search that share nothing."""
MAX_BATCH = 4_096
"""Pictures or frames at once: at 224 x 224 pixels they take 2.5 GB."""
MAX_FRAMES = 1_000_000
"""Frames or pictures that are scored; with so many a share is known to a tenth of a percentage point."""
MAX_HELD_OUT = 100_000
"""Frames or pictures that are looked at in every check of a search or a training."""
MAX_VIEWS = 4_096
"""Frames of a step of a search."""
MAX_SECONDS = 30 * 24 * 3_600
"""A time budget: 30 days."""
MAX_TEXTURE_PX = 2_048
"""Texels along a side of a sign's artwork."""
MAX_PX = 100_000
"""Side of a photograph."""
MAX_SEED = 2**40
"""Seeds stay below it; those of designs lie above it, so that the two never meet."""
MAX_RUN_SEED = 2**31 - 1
"""The largest seed of a command."""
