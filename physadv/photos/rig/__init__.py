"""The rig of markers around a sign: what it is, how photographs show it, and where its markers really hang."""
