import ij.gui.Roi

/** A review of a run's particles: what was done stands in corrections.jsonl, and here is what it makes of the labels. */
class Review {

	/** Lines are kept to this fraction of a pixel: then every program finds the same voxels on either side of one. */
	private static final int STEPS = 16

	final ReviewFolder folder
	final LabelStack labels
	private final CorrectionLog log
	private final String digest
	private final LabelActs acts
	private final String by
	private final Report report
	/** Acts that count: as made, as placed on these labels, and the edit; the latter two are null if it no longer fits. */
	private final List<Map> done = []
	/** Acts that were undone and can be done again, the next last. */
	private final List<Map> undone = []
	/** The highest label that a particle has or ever had. */
	private int highest
	/** Of a new particle, the one that it was a part of. */
	private final Map<Integer, Integer> parents = [:]
	/** The particles of what was undone or done again last. */
	List<Integer> touched = []

	/** @param by how acts come about, for the log: fiji or script */
	Review(ReviewFolder folder, String by, Report report) {
		this.folder = folder
		this.by = by
		this.report = report
		def image = ImageFiles.open(folder.labels)
		digest = LabelRecord.digestOf(image, folder.labels)
		log = new CorrectionLog(folder.log)
		// What becomes of them is no file of the run.
		image.setProperty('Info', "Corrected with Review Particles; fused labels: $digest\n".toString())
		labels = new LabelStack(image)
		acts = new LabelActs(labels)
		highest = labels.bodies.keySet().max() ?: 0
		if (log.notice) report.say("warning: $log.notice")
		replay()
		report.say("$folder.labels: ${labels.bodies.size()} particles" + (log.acts ? ", with the corrections of $log.file (${log.acts.size()} lines)" : ''))
	}

	/** Does what stands in the log again; acts on labels that were fused in another way are carried over by place. */
	private void replay() {
		def kept = []
		log.acts.eachWithIndex { act, i ->
			if (act.act == 'undo') { if (kept) undone << kept.remove(kept.size() - 1) }
			else if (act.act == 'redo') { if (undone) kept << undone.remove(undone.size() - 1) }
			else {
				kept << act
				undone.clear()
			}
			// Labels that were given once are never given again.
			if (isExact(act)) LabelActs.made(act).each { highest = Math.max(highest, it) }
		}
		int carried = 0, others = kept.count { !isExact(it) }
		kept.each { act ->
			int number = log.acts.findIndexOf { it.is(act) } + 1
			try {
				done << placed(act)
				labels.write(done.last().edit, true)
				if (!isExact(act)) carried++
			} catch (NoLongerFits misfit) {
				done << [act: act]
				report.say("warning: line $number of the corrections ($act.act) no longer fits: $misfit.message")
			} catch (Problem onlyPython) {
				throw new Problem("$log.file: line $number $onlyPython.message; this review goes on in Python: particlebridge review \"$folder.folder\"")
			} catch (Exception broken) {
				throw new Problem("$log.file: line $number cannot be used ($broken.message); move the file away, or restore it from a copy.", broken)
			}
		}
		if (carried) report.say("warning: the particles were fused again since $carried corrections were made: they are carried over by place")
		if (4 * carried < others) {
			throw new Problem("$log.file: holds corrections of other labels ($others acts), of which only $carried fit the particles here, " +
				'so they are of another volume; move the file away.')
		}
	}

	private boolean isExact(Map act) { act.labels == digest }

	/** An act with what it does to the labels as they are. */
	private Map placed(Map act) {
		def placed = acts.placed(act, isExact(act), highest)
		def edit = acts.edit(placed)
		LabelActs.made(placed).each {
			highest = Math.max(highest, it)
			if (placed.particle != null) parents[it] = LabelActs.labelOf(placed.particle)
		}
		return [act: act, placed: placed, edit: edit]
	}

	/** Keeps an act, then does it. */
	private LabelEdit keep(Map act) {
		def one = placed(act + [labels: digest])
		log.append(act, by, digest)
		labels.write(one.edit, true)
		done << one
		undone.clear()
		return one.edit
	}

	// Each act gives a sentence on what it did.

	String accept(int label) { simply('accept', label, 'accepted') }

	String unsure(int label) { simply('unsure', label, 'not sure') }

	String delete(int label) { simply('delete', label, 'deleted') }

	private String simply(String name, int label, String said) {
		def act = [act: name, particle: acts.reference(label)]
		keep(act)
		return "Particle $label: $said."
	}

	/** The first keeps its label. */
	String merge(List<Integer> several) {
		if (several.size() < 2 || several.toSet().size() < several.size()) throw new Problem('To merge takes two different particles.')
		def act = [act: 'merge', particles: several.collect { acts.reference(it) }]
		keep(act)
		return "Particle ${several[0]}: merged with ${several.drop(1).join(', ')}."
	}

	/** Cuts along a line in a slice (from 0), through all slices; points count as in selections of lines: whole numbers are centres of pixels. */
	String cut(int label, int z, double x1, double y1, double x2, double y2) {
		def (ax, ay, bx, by_) = [x1, y1, x2, y2].collect { Math.round(it * STEPS) / (double) STEPS }
		if (ax == bx && ay == by_) throw new Problem('The line has no length: draw it across the particle.')
		def act = [act: 'cut', particle: acts.reference(label), point: [(double) z, ay, ax], normal: [0d, bx - ax, ay - by_], new: [highest + 1]]
		try {
			keep(act)
		} catch (NoLongerFits oneSide) {
			throw new Problem("The line leaves all of particle $label on one side: draw it across the particle.", oneSide)
		}
		return "Particle $label: split, the new part is ${highest}."
	}

	/** Makes a selection the section of a particle in a slice (from 0). */
	String redraw(int label, int z, Roi selection) {
		def particle = acts.reference(label)
		if (!selection?.area) throw new Problem('Draw the outline of the particle in this slice first, with the freehand or polygon tool.')
		def act = LabelActs.section(labels, label, z, selection)
		if (act == null) throw new Problem("The selection is the section of particle $label already: nothing is changed.")
		act.particle = particle
		def edit = keep(act)
		def others = edit.lost.findAll { other, n -> other != 0 && other != label }
		long added = (edit.lost[0] ?: 0) + (others.values().sum() ?: 0)
		return "Particle $label: redrawn in slice ${z + 1}, $added voxels added" +
			(others ? " (${others.collect { other, n -> "$n from particle $other" + (other in labels.bodies.keySet() ? '' : ', which is gone') }.join('; ')})" : '') +
			", ${edit.lost[label] ?: 0} taken away."
	}

	String undo() {
		if (done.empty) throw new Problem('There is nothing to undo.')
		log.append([act: 'undo'], by, digest)
		def last = done.remove(done.size() - 1)
		if (last.edit != null) labels.write(last.edit, false)
		undone << last.act
		return "Undone: ${told(last.placed ?: last.act)}."
	}

	String redo() {
		if (undone.empty) throw new Problem('There is nothing to redo.')
		def next = placed(undone.last())
		log.append([act: 'redo'], by, digest)
		undone.remove(undone.size() - 1)
		labels.write(next.edit, true)
		done << next
		return "Done again: ${told(next.placed)}."
	}

	private String told(Map act) {
		touched = (LabelActs.named(act).collect { LabelActs.labelOf(it) } ?: []) + LabelActs.made(act)
		return "$act.act, particle ${touched.join(', ')}"
	}

	/** All particles, the least sure first; a part of one stands with it, and what was added comes last. */
	List<Integer> order() {
		def key = { int label ->
			int origin = label
			while (parents.containsKey(origin)) origin = parents[origin]
			def sure = folder.confidence[origin]?.confidence
			[sure == null || sure.isNaN() ? Double.MAX_VALUE : sure, origin, label]
		}
		def keys = labels.bodies.keySet().collectEntries { [it, key(it)] }
		return labels.bodies.keySet().sort(false) { a, b -> (0..2).findResult { k -> keys[a][k] <=> keys[b][k] ?: null } ?: 0 }
	}

	/** Whether nobody has looked at a particle, as `reviews` tells of it: what only lost voxels to another was not looked at. */
	static boolean isOpen(String review) { review in ['', 'trimmed'] }

	/** What a person said of each particle, by label: unsure, corrected, added, accepted or trimmed, as in the fusion.csv that apply-corrections writes. */
	Map<Integer, String> reviews() {
		def origin = [:], mark = [:]
		done.findAll { it.edit != null }.each { one ->
			def act = one.placed
			if (act.act in ['accept', 'unsure']) mark[LabelActs.labelOf(act.particle)] = act.act == 'accept' ? 'accepted' : 'unsure'
			else one.edit.labels().each {
				boolean named = act.act != 'paint' || it in LabelActs.made(act) || it in LabelActs.named(act).collect { LabelActs.labelOf(it) }
				if (named || mark[it] == 'accepted') mark.remove(it)
				boolean stays = origin[it] && (!named || origin[it] == 'added' && act.act != 'merge')
				if (!stays) origin[it] = !named ? 'trimmed' : act.act == 'paint' && act.particle == null ? 'added' : 'corrected'
			}
		}
		return labels.bodies.keySet().collectEntries { [it, mark[it] == 'unsure' || origin[it] == 'trimmed' ? mark[it] ?: origin[it] : origin[it] ?: mark[it] ?: ''] }
	}

	/** What makes a particle doubtful, for people. */
	String doubts(int label) {
		def known = folder.confidence[label]
		def number = { it == null || it.isNaN() ? 'unknown' : String.format(Locale.ROOT, '%.2f', it) }
		def views = known?.findAll { name, value -> name != 'confidence' }?.collect { name, value -> "${name - 'agreement_'} ${number(value)}" }
		int[] box = labels.bodies[label].box
		boolean border = (0..2).any { box[it] == 0 } || box[3] == labels.depth || box[4] == labels.height || box[5] == labels.width
		return (known == null ? 'made in this review' : "confidence ${number(known.confidence)}" + (views ? " (views: ${views.join(', ')})" : '')) +
			(border ? ', touches the border' : '')
	}

	/** Writes the labels as they are now. */
	void save(File out) {
		WholeFile.tiff(out, labels.image)
		report.say("$out: saved, ${labels.bodies.size()} particles")
	}
}
