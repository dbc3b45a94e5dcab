import groovy.transform.CompileStatic

/** What the network says of one image: polygons by falling probability, of which suppression keeps some, and maps. */
@CompileStatic
class Proposal {

	final int h
	final int w
	final Candidates candidates
	final GridMaps maps
	private final Suppression suppression
	private double overlap = Double.NaN
	private int[] winners

	/** @param again whether it will be asked at several thresholds */
	Proposal(int h, int w, Candidates candidates, GridMaps maps, boolean again) {
		this.h = h
		this.w = w
		this.candidates = candidates
		this.maps = maps
		suppression = new Suppression(candidates, again)
	}

	/**
	 * Indices of the candidates that are more probable than `prob` and not suppressed. Whether one is suppressed
	 * depends on more probable ones alone, so that for another `prob` nothing is computed.
	 */
	int[] winners(double prob, double nms) {
		if (nms != overlap) {
			winners = suppression.winners(nms)
			overlap = nms
		}
		int last = candidates.above(prob)
		int n = 0
		while (n < winners.length && winners[n] < last) n++
		return Arrays.copyOf(winners, n)
	}

	/** Pixels of the image for one of the network. */
	double getFactorY() { h / (double) maps.netH }

	double getFactorX() { w / (double) maps.netW }
}
