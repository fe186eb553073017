"""Light and printed colors, as a camera sees them."""
