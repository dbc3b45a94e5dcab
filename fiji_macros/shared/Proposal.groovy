import groovy.transform.CompileStatic

/** What the network says of one image: polygons by falling probability, of which suppression keeps some, and maps. */
@CompileStatic
class Proposal {

	final Candidates candidates
	final GridMaps maps
	private final Suppression suppression
	private double overlap = Double.NaN
	private int[] winners

	Proposal(Candidates candidates, GridMaps maps) {
		this.candidates = candidates
		this.maps = maps
		suppression = new Suppression(candidates, true)
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
}
