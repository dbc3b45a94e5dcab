import groovy.transform.CompileStatic

/** Voxels that change their label, as runs along x, so that it can be taken back and done again. */
@CompileStatic
class LabelEdit {

	/** z, offset in the slice, length, label before, label after: five numbers a run. */
	private int[] runs = new int[80]
	private int used
	/** Half open, z0 y0 x0 z1 y1 x1; of no voxel it is empty. */
	final int[] box = [Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE, 0, 0, 0] as int[]
	/** Voxels that change, by their label before. */
	final Map<Integer, Long> lost = new TreeMap<Integer, Long>()
	private final Set<Integer> gaining = new TreeSet<Integer>()

	void add(int z, int y, int x, int width, int before, int after) {
		if (before == after) return
		int offset = y * width + x
		int last = used - 5
		boolean goesOn = used > 0 && runs[last] == z && runs[last + 1] + runs[last + 2] == offset &&
			runs[last + 3] == before && runs[last + 4] == after
		if (goesOn) runs[last + 2]++
		else {
			if (used == runs.length) runs = Arrays.copyOf(runs, 2 * used)
			runs[used++] = z
			runs[used++] = offset
			runs[used++] = 1
			runs[used++] = before
			runs[used++] = after
			gaining.add(after)
		}
		Long soFar = lost.get(before)
		lost.put(before, soFar == null ? 1L : soFar + 1L)
		box[0] = Math.min(box[0], z)
		box[1] = Math.min(box[1], y)
		box[2] = Math.min(box[2], x)
		box[3] = Math.max(box[3], z + 1)
		box[4] = Math.max(box[4], y + 1)
		box[5] = Math.max(box[5], x + 1)
	}

	boolean isEmpty() { used == 0 }

	/** All that lose or gain voxels, without the background. */
	Set<Integer> labels() {
		Set<Integer> all = new TreeSet<Integer>(gaining)
		all.addAll(lost.keySet())
		all.remove(0)
		return all
	}

	/** Writes what stands behind the edit, or before it, into slices of labels. */
	void write(LabelStack labels, boolean after) {
		for (int k = 0; k < used; k += 5) labels.fill(runs[k], runs[k + 1], runs[k + 2], runs[after ? k + 4 : k + 3])
	}
}
