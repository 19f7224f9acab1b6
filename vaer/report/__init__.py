"""A page to look at: what an evaluation found, in one HTML file. It computes no score."""
