"""The parts of attacks on pictures: what may change, through what it is seen, and how it is searched."""
