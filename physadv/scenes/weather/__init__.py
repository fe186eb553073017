"""Weather on the frames of another scene."""
