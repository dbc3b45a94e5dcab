import groovy.transform.CompileStatic

/** Boxes sorted into square cells by their centres. */
@CompileStatic
class Cells {

	final int columns
	final int rows
	/** Of cell k the members starts[k] to starts[k + 1]. */
	final int[] starts
	final int[] members
	/** How far a box reaches from its centre at most, rounded up. */
	final int tallest
	final int widest
	private final int left
	private final int top
	private final double side

	/** @param boxes left, top, right, bottom of each, one behind another, one at least; @param least side of a cell at least */
	Cells(int[] boxes, double least) {
		int count = boxes.length >> 2
		int width = 0, height = 0
		int minX = Integer.MAX_VALUE, minY = Integer.MAX_VALUE, maxX = Integer.MIN_VALUE, maxY = Integer.MIN_VALUE
		int[] extents = new int[count]
		for (int i = 0; i < count; i++) {
			int b = 4 * i
			width = Math.max(width, boxes[b + 2] - boxes[b])
			height = Math.max(height, boxes[b + 3] - boxes[b + 1])
			extents[i] = Math.max(boxes[b + 2] - boxes[b], boxes[b + 3] - boxes[b + 1])
			minX = Math.min(minX, centre(boxes[b], boxes[b + 2]))
			maxX = Math.max(maxX, centre(boxes[b], boxes[b + 2]))
			minY = Math.min(minY, centre(boxes[b + 1], boxes[b + 3]))
			maxY = Math.max(maxY, centre(boxes[b + 1], boxes[b + 3]))
		}
		widest = (width >> 1) + 1
		tallest = (height >> 1) + 1
		Arrays.sort(extents)
		left = minX
		top = minY
		double size = Math.max(least, (double) extents[count >> 1])
		double area = (maxX - (double) minX + size) * (maxY - (double) minY + size)
		// Never more cells than a few for each box, however far apart they lie.
		side = Math.max(size, Math.sqrt(area / (4d * count + 1d)))
		columns = (int) ((maxX - (double) minX) / side) + 1
		rows = (int) ((maxY - (double) minY) / side) + 1
		starts = new int[rows * columns + 1]
		int[] cells = new int[count]
		for (int i = 0; i < count; i++) {
			int b = 4 * i
			cells[i] = row(centre(boxes[b + 1], boxes[b + 3])) * columns + column(centre(boxes[b], boxes[b + 2]))
			starts[cells[i] + 1]++
		}
		for (int k = 0; k < rows * columns; k++) starts[k + 1] += starts[k]
		int[] next = Arrays.copyOf(starts, rows * columns)
		members = new int[count]
		for (int i = 0; i < count; i++) members[next[cells[i]]++] = i
	}

	int row(int y) { Math.max(0, Math.min(rows - 1, (int) Math.floor((y - (double) top) / side))) }

	int column(int x) { Math.max(0, Math.min(columns - 1, (int) Math.floor((x - (double) left) / side))) }

	private static int centre(int from, int to) { (from >> 1) + (to >> 1) }
}
