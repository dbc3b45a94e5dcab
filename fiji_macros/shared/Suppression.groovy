import groovy.transform.CompileStatic
import java.awt.geom.Area
import java.awt.geom.Path2D
import java.awt.geom.PathIterator

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
	private final double threshold
	private final int[][] corners
	private final double[] areas
	private final double[] lengths
	private final boolean[] simple
	/** Left, top, right, bottom of each. */
	private final int[][] boxes
	private final double[] crossings

	private Suppression(Candidates candidates, int count, double threshold) {
		this.count = count
		rays = candidates.rays
		this.threshold = threshold
		corners = new int[count][]
		boxes = new int[count][]
		areas = new double[count]
		lengths = new double[count]
		simple = new boolean[count]
		crossings = new double[rays]
		for (int i = 0; i < count; i++) measure(i, candidates)
	}

	/** Indices of the winners, rising; candidates in order of falling probability, of which the first `count` count. */
	static int[] winners(Candidates candidates, double threshold, int count = candidates.count) {
		return count == 0 ? new int[0] : new Suppression(candidates, count, threshold).run()
	}

	private void measure(int i, Candidates candidates) {
		int[] c = candidates.corners(i)
		corners[i] = c
		int left = c[0], right = c[0], top = c[1], bottom = c[1]
		long cy = 100L * candidates.ys[i]
		long cx = 100L * candidates.xs[i]
		long twice = 0
		double length = 0
		boolean star = rays >= 4
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
			if (candidates.distances[i][k] * 100d < LEAST_RADIUS) star = false
		}
		boxes[i] = [left, top, right, bottom] as int[]
		areas[i] = twice / 2.0d
		lengths[i] = length
		simple[i] = star
	}

	private int[] run() {
		boolean[] gone = new boolean[count]
		int[] winners = new int[count]
		int found = 0
		Cells cells = new Cells(boxes, CELL)
		for (int i = 0; i < count; i++) {
			if (gone[i]) continue
			winners[found++] = i
			suppressBy(i, cells, gone)
		}
		return Arrays.copyOf(winners, found)
	}

	private void suppressBy(int winner, Cells cells, boolean[] gone) {
		int[] box = boxes[winner]
		int firstRow = cells.row(box[1] - cells.tallest), lastRow = cells.row(box[3] + cells.tallest)
		int firstColumn = cells.column(box[0] - cells.widest), lastColumn = cells.column(box[2] + cells.widest)
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
		int[] a = boxes[winner]
		int[] b = boxes[other]
		double high = Math.min(a[3], b[3]) - (double) Math.max(a[1], b[1])
		double wide = Math.min(a[2], b[2]) - (double) Math.max(a[0], b[0])
		if (high <= 0 || wide <= 0) return false
		double smaller = Math.min(areas[winner], areas[other]) + EPSILON
		if (!simple[winner] || !simple[other]) return folded(corners[winner], corners[other]) / smaller > threshold
		double limit = threshold * Math.min(areas[winner], areas[other])
		double doubt = ROUNDING * (lengths[winner] + lengths[other])
		if (high * wide < limit - doubt) return false
		double shared = intersection(corners[winner], corners[other])
		if (shared > limit + doubt) return true
		if (shared <= limit - doubt) return false
		double rounded = (inside(corners[winner], corners[other]) + inside(corners[other], corners[winner])) / 2
		// Outlines that share a corner or a stretch of an edge count twice or not at all there.
		if (Math.abs(rounded - shared) > doubt) rounded = shared
		return rounded / smaller > threshold
	}

	/**
	 * Area of the intersection of two polygons without folds: integrates over x the lower of every edge of
	 * one and every edge of the other, signed by direction.
	 */
	private double intersection(int[] a, int[] b) {
		double base = a[1]
		int low = b[0], high = b[0]
		for (int k = 0; k < rays; k++) {
			base = Math.min(base, Math.min(a[2 * k + 1], b[2 * k + 1]))
			low = Math.min(low, b[2 * k])
			high = Math.max(high, b[2 * k])
		}
		double total = 0
		for (int i = 0; i < rays; i++) {
			int i2 = i + 1 < rays ? i + 1 : 0
			int a1 = a[2 * i], a2 = a[2 * i2]
			if (a1 == a2 || Math.max(a1, a2) <= low || Math.min(a1, a2) >= high) continue
			double slopeA = (a[2 * i2 + 1] - (double) a[2 * i + 1]) / (a2 - (double) a1)
			double fromA = a[2 * i + 1] - base
			for (int j = 0; j < rays; j++) {
				int j2 = j + 1 < rays ? j + 1 : 0
				int b1 = b[2 * j], b2 = b[2 * j2]
				int start = Math.max(Math.min(a1, a2), Math.min(b1, b2))
				int stop = Math.min(Math.max(a1, a2), Math.max(b1, b2))
				if (start >= stop) continue
				double slopeB = (b[2 * j2 + 1] - (double) b[2 * j + 1]) / (b2 - (double) b1)
				double fromB = b[2 * j + 1] - base
				double p1 = fromA + slopeA * (start - a1), p2 = fromA + slopeA * (stop - a1)
				double q1 = fromB + slopeB * (start - b1), q2 = fromB + slopeB * (stop - b1)
				double d1 = p1 - q1, d2 = p2 - q2
				double mean
				if (d1 * d2 >= 0) mean = d1 + d2 <= 0 ? (p1 + p2) / 2 : (q1 + q2) / 2
				else { // the edges cross
					double t = d1 / (d1 - d2)
					double cross = p1 + t * (p2 - p1)
					mean = (t * (Math.min(p1, q1) + cross) + (1 - t) * (cross + Math.min(p2, q2))) / 2
				}
				double part = mean * (stop - start)
				if ((a1 < a2) == (b1 < b2)) total += part
				else total -= part
			}
		}
		return total
	}

	/** What the edges of a inside b add to twice the area of the intersection, crossings rounded to whole steps. */
	private double inside(int[] a, int[] b) {
		double total = 0
		for (int i = 0; i < rays; i++) {
			int i2 = i + 1 < rays ? i + 1 : 0
			double ax = a[2 * i], ay = a[2 * i + 1]
			double dx = a[2 * i2] - ax, dy = a[2 * i2 + 1] - ay
			int n = crossingsOf(ax, ay, dx, dy, b)
			double x = ax, y = ay, from = 0
			for (int k = 0; k <= n; k++) {
				double to = k < n ? crossings[k] : 1d
				double nextX = k < n ? rounded(ax + to * dx) : ax + dx
				double nextY = k < n ? rounded(ay + to * dy) : ay + dy
				double middle = (from + to) / 2
				if (holds(b, ax + middle * dx, ay + middle * dy)) total += x * nextY - nextX * y
				x = nextX
				y = nextY
				from = to
			}
		}
		return total
	}

	/** Where an edge crosses those of b: shares of its length, rising; how many. */
	private int crossingsOf(double ax, double ay, double dx, double dy, int[] b) {
		int n = 0
		double sideBefore = dx * (b[2 * rays - 1] - ay) - dy * (b[2 * rays - 2] - ax)
		for (int j = 0; j < rays; j++) {
			int before = j > 0 ? j - 1 : rays - 1
			double side = dx * (b[2 * j + 1] - ay) - dy * (b[2 * j] - ax)
			if ((side > 0) != (sideBefore > 0)) {
				double bx = b[2 * before], by = b[2 * before + 1]
				double ex = b[2 * j] - bx, ey = b[2 * j + 1] - by
				double t = ((bx - ax) * ey - (by - ay) * ex) / (dx * ey - dy * ex)
				if (t > 0 && t < 1) crossings[n++] = t
			}
			sideBefore = side
		}
		Arrays.sort(crossings, 0, n)
		return n
	}

	private boolean holds(int[] b, double x, double y) {
		boolean odd = false
		double x1 = b[2 * rays - 2], y1 = b[2 * rays - 1]
		for (int j = 0; j < rays; j++) {
			double x2 = b[2 * j], y2 = b[2 * j + 1]
			if ((y1 <= y) != (y2 <= y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1)) odd = !odd
			x1 = x2
			y1 = y2
		}
		return odd
	}

	/** A half goes away from zero, as in Clipper. */
	private static double rounded(double value) {
		return value < 0 ? -Math.floor(0.5d - value) : Math.floor(value + 0.5d)
	}

	/** Area of the intersection of polygons of which one has folds: what is wound around counts. */
	private static double folded(int[] a, int[] b) {
		Area shared = new Area(path(a))
		shared.intersect(new Area(path(b)))
		double[] at = new double[6]
		double total = 0, x = 0, y = 0, startX = 0, startY = 0
		for (PathIterator parts = shared.getPathIterator(null); !parts.done; parts.next()) {
			int kind = parts.currentSegment(at)
			if (kind == PathIterator.SEG_MOVETO) {
				startX = at[0]
				startY = at[1]
			} else {
				double toX = kind == PathIterator.SEG_CLOSE ? startX : at[0]
				double toY = kind == PathIterator.SEG_CLOSE ? startY : at[1]
				total += x * toY - toX * y
				at[0] = toX
				at[1] = toY
			}
			x = at[0]
			y = at[1]
		}
		return Math.abs(total) / 2
	}

	private static Path2D path(int[] corners) {
		Path2D.Double path = new Path2D.Double(Path2D.WIND_NON_ZERO)
		path.moveTo((double) corners[0], (double) corners[1])
		for (int k = 2; k < corners.length; k += 2) path.lineTo((double) corners[k], (double) corners[k + 1])
		path.closePath()
		return path
	}
}
