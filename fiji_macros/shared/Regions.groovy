import ij.gui.Roi
import ij.plugin.frame.RoiManager

/** Regions put into the ROI Manager, whose own ones stay unless they are to be replaced. */
class Regions {

	static final String APPEND = 'append'
	static final String REPLACE = 'replace'

	/** What the user wants, by the input `regions`. */
	static String wanted(Inputs inputs) { inputs.choice('regions', [APPEND, REPLACE], APPEND) }

	static RoiManager put(List<Roi> regions, String wanted, Report report) {
		// Of a macro in batch mode its own.
		def manager = RoiManager.getInstance() ?: RoiManager.getRoiManager()
		if (wanted == REPLACE) manager.reset()
		else if (manager.count) report.say("ROI Manager: ${regions.size()} regions are added to the $manager.count there (regions=$APPEND)")
		regions.each { manager.addRoi(it) }
		return manager
	}
}
