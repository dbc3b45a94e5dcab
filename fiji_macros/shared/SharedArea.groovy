import groovy.transform.CompileStatic
import java.awt.geom.Area
import java.awt.geom.Path2D
import java.awt.geom.PathIterator

/** Areas that two shapes share; corners of polygons are x, y, x, y, ... */
@CompileStatic
class SharedArea {

	private final int rays
	private final double[] crossings

	SharedArea(int rays) {
		this.rays = rays
		crossings = new double[rays]
	}

	/**
	 * Area of the intersection of two polygons without folds: integrates over x the lower of every edge of
	 * one and every edge of the other, signed by direction.
	 */
	double intersection(int[] a, int[] b) {
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

	/** The same with crossings rounded to whole steps, as Clipper does. */
	double rounded(int[] a, int[] b) { (inside(a, b) + inside(b, a)) / 2 }

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
				double nextX = k < n ? wholeStep(ax + to * dx) : ax + dx
				double nextY = k < n ? wholeStep(ay + to * dy) : ay + dy
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
	private static double wholeStep(double value) {
		return value < 0 ? -Math.floor(0.5d - value) : Math.floor(value + 0.5d)
	}

	/** Area of the intersection of polygons of which one has folds: what is wound around counts. */
	static double folded(int[] a, int[] b) {
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

	/** Area that two discs share whose centres are that far apart. */
	static double lens(double a, double b, double apart) {
		if (apart >= a + b) return 0
		double least = Math.min(a, b)
		if (apart <= Math.abs(a - b)) return Math.PI * least * least
		double x = (apart * apart + a * a - b * b) / (2 * apart)
		double y = Math.sqrt(Math.max(0d, a * a - x * x))
		return a * a * Math.atan2(y, x) + b * b * Math.atan2(y, apart - x) - apart * y
	}
}
