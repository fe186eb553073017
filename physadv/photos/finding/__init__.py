"""Finding the sign in a photograph: by a person's points, by markers, or by its outline."""
