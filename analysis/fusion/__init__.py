"""From views to particles: consensus, flow and paper; agreement of views; joining of blocks."""
