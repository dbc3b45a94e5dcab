import groovy.transform.CompileStatic

/** What the network says of one image: polygons by falling probability, of which suppression keeps some, and maps. */
@CompileStatic
class Proposal {

	final int h
	final int w
	final Candidates candidates
	final GridMaps maps

	Proposal(int h, int w, Candidates candidates, GridMaps maps) {
		this.h = h
		this.w = w
		this.candidates = candidates
		this.maps = maps
	}

	/** Pixels of the image for one of the network. */
	double getFactorY() { h / (double) maps.netH }

	double getFactorX() { w / (double) maps.netW }
}
