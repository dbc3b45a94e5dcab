import ij.IJ
import ij.text.TextWindow

/** The README that was installed with the commands. */
class Readme {

	static void show() {
		def file = new File(Models.fiji(), 'macros/Particlebridge/README.md')
		if (!file.file) IJ.showMessage('Particlebridge', "$file is missing: install Particlebridge again.")
		else new TextWindow('Particlebridge Help', file.getText('UTF-8'), 900, 700)
	}
}
