import groovy.transform.CompileStatic
import ij.gui.Roi
import ij.process.ImageProcessor

/** An act names a particle that is not there, or no longer as it was. */
class NoLongerFits extends Problem {

	NoLongerFits(String why) { super(why) }
}

/** What acts do to labels: an act is a map with the keys of a line of corrections.jsonl. */
@CompileStatic
class LabelActs {

	/** Particles of other labels are the same only if neither has more than so many times the voxels ... */
	private static final double SAME_SIZE = 2
	/** ... and their boxes have this IoU at least. */
	private static final double SAME_BOX = 0.5

	private final LabelStack labels

	LabelActs(LabelStack labels) { this.labels = labels }

	/** A particle as an act names it. */
	Map reference(int label) {
		Body body = labels.bodies.get(label)
		if (body == null) throw new Problem("There is no particle $label.")
		return [label: label, at: labels.placeOf(label) as List, voxels: body.voxels, box: body.box as List]
	}

	/** The particles that an act names. */
	static List<Map> named(Map act) {
		if (act.get('act') == 'merge') return (List<Map>) act.get('particles')
		return act.get('particle') == null ? new ArrayList<Map>() : [(Map) act.get('particle')]
	}

	static int labelOf(Map particle) { ((Number) particle.get('label')).intValue() }

	/** Labels that an act gives to new particles. */
	static List<Integer> made(Map act) { ((List<Number>) act.get('new') ?: new ArrayList<Number>()).collect { Number n -> n.intValue() } }

	/**
	 * An act as it is on these labels: its particles are those that lie where they lay then.
	 *
	 * @param exact whether it was made on these labels; else new particles get labels above `highest`
	 */
	Map placed(Map act, boolean exact, int highest) {
		Map placed = new LinkedHashMap(act)
		List<Map> found = named(act).collect { Map one -> [label: find(one)] as Map }
		if (act.get('act') == 'merge') {
			if (found.toSet().size() < found.size()) throw new NoLongerFits('two of the particles are one already')
			placed.put('particles', found)
		} else if (found) placed.put('particle', found[0])
		List<Integer> made = made(act)
		if (!exact) made = (0..<made.size()).collect { int k -> highest + 1 + k }
		if (made) placed.put('new', made)
		for (int label : made) {
			if (labels.bodies.containsKey(label)) throw new NoLongerFits("the new label $label is a particle's already")
		}
		if (act.get('act') == 'split' && (!exact || act.get('parts') == null)) {
			throw new Problem('splits a particle by seeds, and which voxels each of them gets only Python can compute')
		}
		return placed
	}

	/** The particle that lies where one lay when an act was made: by the rules of Python's LabelEditor. */
	private int find(Map particle) {
		int[] at = ints(particle.get('at')), box = ints(particle.get('box'))
		int label = labels.holds(at[0], at[1], at[2]) ? labels.get(at[0], at[1], at[2]) : 0
		Body body = labels.bodies.get(label)
		if (body == null) throw new NoLongerFits("there is no particle at ${at as List}, where ${labelOf(particle)} was")
		long voxels = ((Number) particle.get('voxels')).longValue()
		if (Math.max(voxels, body.voxels) > SAME_SIZE * Math.min(voxels, body.voxels)) {
			throw new NoLongerFits("the particle at ${at as List} has $body.voxels voxels, and ${labelOf(particle)} had $voxels")
		}
		double both = 1, first = 1, second = 1
		for (int k = 0; k < 3; k++) {
			both *= Math.max(0, Math.min(box[k + 3], body.box[k + 3]) - Math.max(box[k], body.box[k]))
			first *= box[k + 3] - box[k]
			second *= body.box[k + 3] - body.box[k]
		}
		if (both / (first + second - both) < SAME_BOX) {
			throw new NoLongerFits("the particle at ${at as List} lies elsewhere than ${labelOf(particle)} did: their boxes hardly overlap")
		}
		return label
	}

	/** The voxels that an act changes, which is placed on these labels. */
	LabelEdit edit(Map act) {
		LabelEdit edit = new LabelEdit()
		String what = (String) act.get('act')
		List<Map> particles = named(act)
		if (what == 'delete') replace(edit, labelOf(particles[0]), 0)
		else if (what == 'merge') {
			for (Map other : particles.drop(1)) replace(edit, labelOf(other), labelOf(particles[0]))
		} else if (what == 'cut') cut(edit, act)
		else if (what == 'paint') paint(edit, act)
		else if (what == 'split') part(edit, act)
		else if (!(what in ['accept', 'unsure'])) throw new IllegalArgumentException("the act $what is unknown".toString())
		return edit
	}

	private void replace(LabelEdit edit, int from, int to) {
		for (Voxels v = new Voxels(labels, from, labels.bodies.get(from).box); v.next();) edit.add(v.z, v.y, v.x, labels.width, from, to)
	}

	/** Beyond the plane lies the new particle. */
	private void cut(LabelEdit edit, Map act) {
		int label = labelOf((Map) act.get('particle')), other = made(act)[0]
		double[] p = doubles(act.get('point')), n = doubles(act.get('normal'))
		for (Voxels v = new Voxels(labels, label, labels.bodies.get(label).box); v.next();) {
			if ((v.z - p[0]) * n[0] + (v.y - p[1]) * n[1] + (v.x - p[2]) * n[2] >= 0) edit.add(v.z, v.y, v.x, labels.width, label, other)
		}
		checkParts(edit, act)
	}

	/** The parts as Python's watershed found them. */
	private void part(LabelEdit edit, Map act) {
		int label = labelOf((Map) act.get('particle'))
		int[] box = ints(act.get('box'))
		List<Integer> made = made(act)
		List<BitSet> parts = ((List<String>) act.get('parts')).collect { String text -> PackedMask.unpack(text, volumeOf(box)) }
		for (Voxels v = new Voxels(labels, label, box); v.next();) {
			int k = indexIn(box, v.z, v.y, v.x)
			for (int i = 0; i < parts.size(); i++) {
				if (!parts[i].get(k)) continue
				edit.add(v.z, v.y, v.x, labels.width, label, made[i])
				break
			}
		}
		checkParts(edit, act)
	}

	/** Every part has voxels, the first one, too. */
	private void checkParts(LabelEdit edit, Map act) {
		int label = labelOf((Map) act.get('particle'))
		if (!edit.labels().containsAll(made(act))) throw new NoLongerFits("a part of particle $label would have no voxels")
		if (edit.lost.get(label) == labels.bodies.get(label).voxels) throw new NoLongerFits("nothing of particle $label would be left")
	}

	private void paint(LabelEdit edit, Map act) {
		int label = act.get('particle') == null ? made(act)[0] : labelOf((Map) act.get('particle'))
		int[] box = ints(act.get('box'))
		BitSet add = mask(act.get('add'), box), remove = mask(act.get('remove'), box)
		int k = 0
		for (int z = box[0]; z < box[3]; z++) {
			for (int y = box[1]; y < box[4]; y++) {
				for (int x = box[2]; x < box[5]; x++) {
					int before = labels.get(z, y, x)
					if (add.get(k)) edit.add(z, y, x, labels.width, before, label)
					else if (before == label && remove.get(k)) edit.add(z, y, x, labels.width, label, 0)
					k++
				}
			}
		}
	}

	private static BitSet mask(Object text, int[] box) { text == null ? new BitSet() : PackedMask.unpack((String) text, volumeOf(box)) }

	/** An act that makes a selection the section of a particle in a slice; null if it is that already. */
	static Map section(LabelStack labels, int label, int z, Roi selection) {
		ImageProcessor painted = Outlines.paint([selection], labels.height, labels.width)
		Body changed = new Body()
		for (int y = 0; y < labels.height; y++) {
			for (int x = 0; x < labels.width; x++) {
				if ((painted.get(x, y) > 0) != (labels.get(z, y, x) == label)) changed.add(z, y, x)
			}
		}
		if (changed.voxels == 0) return null
		BitSet add = new BitSet(), remove = new BitSet()
		int[] box = changed.box
		int k = 0
		for (int y = box[1]; y < box[4]; y++) {
			for (int x = box[2]; x < box[5]; x++) {
				boolean wanted = painted.get(x, y) > 0
				if (wanted != (labels.get(z, y, x) == label)) (wanted ? add : remove).set(k)
				k++
			}
		}
		Map act = [act: 'paint', particle: null, box: box as List]
		if (!add.empty) act.put('add', PackedMask.pack(add, k))
		if (!remove.empty) act.put('remove', PackedMask.pack(remove, k))
		return act
	}

	static int volumeOf(int[] box) { (box[3] - box[0]) * (box[4] - box[1]) * (box[5] - box[2]) }

	static int indexIn(int[] box, int z, int y, int x) { ((z - box[0]) * (box[4] - box[1]) + y - box[1]) * (box[5] - box[2]) + x - box[2] }

	static int[] ints(Object numbers) { ((List<Number>) numbers).collect { Number n -> n.intValue() } as int[] }

	private static double[] doubles(Object numbers) { ((List<Number>) numbers).collect { Number n -> n.doubleValue() } as double[] }
}
