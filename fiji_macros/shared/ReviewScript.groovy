import ij.gui.PolygonRoi
import ij.gui.Roi

/** Acts as a text, one after the other with ; between them; slices count from 1, as ImageJ's do. */
class ReviewScript {

	private static final Map<String, String> FORMS = [accept: 'accept P', unsure: 'unsure P', delete: 'delete P', merge: 'merge P P', cut: 'cut P SLICE X Y X Y',
		redraw: 'redraw P SLICE X Y X Y X Y', undo: 'undo', redo: 'redo']

	static void run(Review review, Report report, String text) {
		text.split('[;\n]').collect { it.trim() }.findAll { it }.each { report.say(one(review, it)) }
	}

	private static String one(Review review, String text) {
		def words = text.split(/[\s,]+/) as List
		def name = words[0]
		def n = words.drop(1)
		def takes = [accept: 1, unsure: 1, delete: 1, cut: 6, undo: 0, redo: 0]
		boolean right = name == 'merge' ? n.size() >= 2 : name == 'redraw' ? n.size() >= 8 && n.size() % 2 == 0 : takes[name] == n.size()
		if (!right || !n.every { it.isDouble() } || !n.take(name == 'merge' ? n.size() : 2).every { it.isInteger() }) {
			throw new Problem("$text: is no act; acts are ${FORMS.values().join('; ')}, with P the number of a particle.")
		}
		if (name in ['undo', 'redo']) return review."$name"()
		if (name == 'merge') return review.merge(n*.toInteger())
		int label = n[0].toInteger()
		if (n.size() == 1) return review."$name"(label)
		int z = n[1].toInteger() - 1
		if (z < 0 || z >= review.labels.depth) throw new Problem("$text: there is no slice ${z + 1}; they are 1 to $review.labels.depth.")
		def places = n.drop(2)*.toDouble()
		if (name == 'cut') return review.cut(label, z, *places)
		def corners = places.collate(2)
		return review.redraw(label, z, new PolygonRoi(corners.collect { it[0] as float } as float[], corners.collect { it[1] as float } as float[], Roi.POLYGON))
	}
}
