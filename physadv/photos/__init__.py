"""What real photographs say: of signs and poses, and of a printer's and a camera's colors."""
