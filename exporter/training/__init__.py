"""From images and annotations to a model folder."""
