/** An image to estimate the particle diameter from; squares: pixels of the network for one of it at its own scale. */
class Look {

	Pixels pixels
	double[] squares
}
