/** An image to estimate the particle diameter from; squares: pixels of the network for one of it at its own scale. */
class Look {

	float[] pixels
	int h
	int w
	double[] squares
}
