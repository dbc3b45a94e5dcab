import groovy.transform.CompileStatic

/**
 * Candidates of an image that arrive band by band, from the top. Where they are many, overlaps are resolved among those
 * that no later one can reach: the winners are put aside and what they suppress is dropped. The winners are those of
 * all candidates at once, because each one depends only on more probable ones that it overlaps.
 */
@CompileStatic
class Bands {

	/** More candidates are not kept until all are there. */
	static int most = 1 << 20
	/** No outline is expected to reach further up from its centre, pixels of the network; one that does is an error. */
	static int reach = 512

	/** Those that are not settled yet. */
	Candidates open
	private final Candidates winners
	private final double nms
	/** Where the last band began that was not there when others were settled, and how far down these were. */
	private int seen = 0
	private double settled = Double.NEGATIVE_INFINITY

	/** @param nms overlap threshold; NaN: it is not settled yet, all are kept */
	Bands(int rays, double least, double nms) {
		open = new Candidates(rays, least)
		winners = new Candidates(rays, least)
		this.nms = nms
	}

	/** All candidates above a row of the network's image are there. */
	void settle(int row) {
		if (!Double.isNaN(nms) && open.count > most) settleTo(100d * (row - reach), row)
	}

	/** The winners of all, by falling probability. */
	Candidates winners() {
		settleTo(Double.POSITIVE_INFINITY, Integer.MAX_VALUE)
		winners.sort()
		return winners
	}

	private void settleTo(double limit, int row) {
		open.sort()
		Suppression suppression = new Suppression(open)
		for (int i = 0; i < open.count; i++) {
			if (open.ys[i] >= seen && suppression.top(i) < settled) {
				throw new Problem("An outline reaches ${Math.round(open.ys[i] - suppression.top(i) / 100d)} pixels up from its centre, where the " +
					"network expects particles far below $reach: the model or the particle diameter (diameter=...) does not fit this image.")
			}
		}
		boolean[] undecided = new boolean[open.count]
		float[] distances = new float[open.rays]
		for (int i : suppression.winners(nms, limit, undecided)) {
			open.distances(i, distances, 0)
			winners.add(open.ys[i], open.xs[i], open.probs[i], distances, 0)
		}
		Candidates rest = new Candidates(open.rays, open.least)
		for (int i = 0; i < open.count; i++) {
			if (!undecided[i]) continue
			open.distances(i, distances, 0)
			rest.add(open.ys[i], open.xs[i], open.probs[i], distances, 0)
		}
		open = rest
		seen = row
		settled = limit
	}
}
