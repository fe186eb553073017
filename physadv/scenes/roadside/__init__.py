"""The roadside: drawn, differentiable scenes of a sign on its post."""
