"""The matrix of attacks and victims, on pictures of a data set or on signs, and certified accuracy."""
