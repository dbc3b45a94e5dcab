"""TensorFlow 1.x in a JVM of its own."""
