import groovy.transform.CompileStatic

/**
 * Greedy suppression of overlapping polygons: each one not yet suppressed wins, and suppresses every later
 * one with intersection / smaller area above the threshold. Cells find the pairs whose boxes meet, an
 * exact area settles nearly all; where it is close, crossings are rounded to whole steps as Clipper in the
 * plugin does. As particlebridge.analysis.starconvex.suppression in Python.
 */
@CompileStatic
class Suppression {

	/** Steps, hundredths of a pixel. */
	private static final double CELL = 6400
	/** Rounded crossings change an area by less than this many steps along the outlines. */
	private static final double ROUNDING = 1
	private static final double LEAST_RADIUS = 10
	private static final double EPSILON = 1e-10d

	private final int count
	private final int rays
	private final Candidates candidates
	private final double[] areas
	private final double[] lengths
	private final boolean[] simple
	private final int[] ys
	private final int[] xs
	/** Radii of discs around each centre: one that lies in the polygon, and one in which it lies. */
	private final double[] inner
	private final double[] outer
	/** Left, top, right, bottom of each, one behind another. */
	private final int[] boxes
	private final SharedArea shares
	private final Cells cells
	/** Areas that pairs share, first index << 32 | second; null: they are not remembered. */
	private final Map<Long, Double> knownExact
	private final Map<Long, Double> knownRounded
	private double threshold
	/** Corners of the winner that suppresses, of the other one, and of whom the first are. */
	private final int[] ownCorners
	private final int[] otherCorners
	private int owner = -1
	private final float[] distances

	/** @param again whether winners at several thresholds will be asked for: then areas are remembered */
	Suppression(Candidates candidates, boolean again = false) {
		this.candidates = candidates
		count = candidates.count
		rays = candidates.rays
		ownCorners = new int[2 * rays]
		otherCorners = new int[2 * rays]
		distances = new float[rays]
		shares = new SharedArea(rays)
		knownExact = again ? new HashMap<Long, Double>() : null
		knownRounded = again ? new HashMap<Long, Double>() : null
		boxes = new int[4 * count]
		areas = new double[count]
		lengths = new double[count]
		simple = new boolean[count]
		ys = candidates.ys
		xs = candidates.xs
		inner = new double[count]
		outer = new double[count]
		for (int i = 0; i < count; i++) measure(i)
		cells = count == 0 ? null : new Cells(boxes, CELL)
	}

	/** Indices of the winners, rising; candidates in order of falling probability. */
	static int[] winners(Candidates candidates, double threshold) { new Suppression(candidates).winners(threshold) }

	private void measure(int i) {
		int[] c = candidates.corners(i, otherCorners)
		candidates.distances(i, distances, 0)
		int left = c[0], right = c[0], top = c[1], bottom = c[1]
		long cy = 100L * ys[i]
		long cx = 100L * xs[i]
		long twice = 0
		double length = 0
		boolean star = rays >= 4
		double shortest = Double.MAX_VALUE, longest = 0
		for (int k = 0; k < rays; k++) {
			int n = k + 1 < rays ? 2 * k + 2 : 0
			long x = c[2 * k], y = c[2 * k + 1], nextX = c[n], nextY = c[n + 1]
			left = Math.min(left, c[2 * k])
			right = Math.max(right, c[2 * k])
			top = Math.min(top, c[2 * k + 1])
			bottom = Math.max(bottom, c[2 * k + 1])
			twice += x * nextY - nextX * y
			length += Math.sqrt((double) ((x - nextX) * (x - nextX) + (y - nextY) * (y - nextY)))
			// Does the outline, as rounded, still run once around its centre without a fold?
			if ((x - cx) * (nextY - cy) - (nextX - cx) * (y - cy) < 0) star = false
			double distance = distances[k] * 100d
			if (distance < LEAST_RADIUS) star = false
			shortest = Math.min(shortest, distance)
			longest = Math.max(longest, distance)
		}
		boxes[4 * i] = left
		boxes[4 * i + 1] = top
		boxes[4 * i + 2] = right
		boxes[4 * i + 3] = bottom
		areas[i] = twice / 2.0d
		lengths[i] = length
		simple[i] = star
		// Corners are rounded to whole steps.
		inner[i] = Math.max(0d, (shortest - 1) * Math.cos(Math.PI / rays))
		outer[i] = longest + 1
	}

	int[] winners(double threshold) { winners(threshold, Double.POSITIVE_INFINITY, null) }

	/**
	 * The winners among those that later candidates cannot change.
	 *
	 * @param limit how far up, in steps, outlines of later candidates reach
	 * @param undecided is set for those that depend on later ones
	 */
	int[] winners(double threshold, double limit, boolean[] undecided) {
		this.threshold = threshold
		boolean[] gone = new boolean[count]
		boolean[] doubtful = count == 0 || limit == Double.POSITIVE_INFINITY ? null : new boolean[cells.rows * cells.columns]
		int[] winners = new int[count]
		int found = 0
		for (int i = 0; i < count; i++) {
			if (gone[i]) continue
			if (doubtful != null && isDoubtful(i, limit, doubtful)) {
				undecided[i] = true
				continue
			}
			winners[found++] = i
			suppressBy(i, gone)
		}
		return Arrays.copyOf(winners, found)
	}

	/** Whether a later candidate, or a more probable one that is undecided, may overlap it; then the cells under it are doubtful, too. */
	private boolean isDoubtful(int i, double limit, boolean[] doubtful) {
		int box = 4 * i
		boolean is = boxes[box + 3] > limit
		for (int pass = 0; pass < 2; pass++) {
			for (int row = cells.row(boxes[box + 1]); row <= cells.row(boxes[box + 3]); row++) {
				for (int column = cells.column(boxes[box]); column <= cells.column(boxes[box + 2]); column++) {
					int cell = row * cells.columns + column
					if (pass == 0) is = is || doubtful[cell]
					else doubtful[cell] = true
				}
			}
			if (!is) return false
		}
		return true
	}

	/** Upper edge of one's box, in steps. */
	int top(int i) { boxes[4 * i + 1] }

	private void suppressBy(int winner, boolean[] gone) {
		int box = 4 * winner
		int firstRow = cells.row(boxes[box + 1] - cells.tallest), lastRow = cells.row(boxes[box + 3] + cells.tallest)
		int firstColumn = cells.column(boxes[box] - cells.widest), lastColumn = cells.column(boxes[box + 2] + cells.widest)
		for (int row = firstRow; row <= lastRow; row++) {
			for (int column = firstColumn; column <= lastColumn; column++) {
				int cell = row * cells.columns + column
				for (int place = cells.starts[cell]; place < cells.starts[cell + 1]; place++) {
					int other = cells.members[place]
					if (other > winner && !gone[other]) gone[other] = covers(winner, other)
				}
			}
		}
	}

	private boolean covers(int winner, int other) {
		int a = 4 * winner, b = 4 * other
		double high = Math.min(boxes[a + 3], boxes[b + 3]) - (double) Math.max(boxes[a + 1], boxes[b + 1])
		double wide = Math.min(boxes[a + 2], boxes[b + 2]) - (double) Math.max(boxes[a], boxes[b])
		if (high <= 0 || wide <= 0) return false
		double smaller = Math.min(areas[winner], areas[other]) + EPSILON
		if (!simple[winner] || !simple[other]) return areaOf(winner, other, false) / smaller > threshold
		double limit = threshold * Math.min(areas[winner], areas[other])
		double doubt = ROUNDING * (lengths[winner] + lengths[other])
		if (high * wide < limit - doubt) return false
		// Discs settle most pairs; the areas of two candidates in one particle are nearly those of discs.
		double apart = 100d * Math.hypot((double) (ys[winner] - ys[other]), (double) (xs[winner] - xs[other]))
		if (apart >= outer[winner] + outer[other]) return false
		if (SharedArea.lens(inner[winner], inner[other], apart) > limit + doubt) return true
		if (SharedArea.lens(outer[winner], outer[other], apart) < limit - doubt) return false
		double shared = areaOf(winner, other, false)
		if (shared > limit + doubt) return true
		if (shared <= limit - doubt) return false
		double rounded = areaOf(winner, other, true)
		// Outlines that share a corner or a stretch of an edge count twice or not at all there.
		if (Math.abs(rounded - shared) > doubt) rounded = shared
		return rounded / smaller > threshold
	}

	/** What two candidates share, with crossings as they are or rounded as in Clipper. */
	private double areaOf(int winner, int other, boolean rounded) {
		Map<Long, Double> known = rounded ? knownRounded : knownExact
		long pair = ((long) winner << 32) | other
		Double area = known?.get(pair)
		if (area == null) {
			if (owner != winner) candidates.corners(winner, ownCorners)
			owner = winner
			int[] a = ownCorners
			int[] b = candidates.corners(other, otherCorners)
			if (rounded) area = shares.rounded(a, b)
			else area = simple[winner] && simple[other] ? shares.intersection(a, b) : SharedArea.folded(a, b)
			known?.put(pair, area)
		}
		return area
	}
}
