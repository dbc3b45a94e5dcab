import ij.gui.GenericDialog

/** Asks for the inputs of a command, in the order in which it declares them. */
class InputDialog {

	private static final String OTHER = 'other...'
	private static final int COLUMNS = 32
	/** The style of a field in which a number may be typed in place of a choice. */
	private static final String NUMBERED = 'numbered'

	private final String command
	private final List fields

	/** @param fields module items, with the attributes kind, style, among and preset of compose.py */
	InputDialog(String command, List fields) {
		this.command = command
		this.fields = fields
	}

	/**
	 * Shows the dialog.
	 *
	 * @param typed what stands in the fields, by the names of inputs
	 * @return what stands in them in the end; null if the dialog was cancelled
	 */
	Map<String, String> ask(Map<String, String> typed) {
		return Inputs.unrecorded {
			def dialog = new GenericDialog("Particlebridge: $command")
			fields.each { add(dialog, it, typed.containsKey(it.name) ? typed[it.name] : it.get('preset')) }
			dialog.addHelp(help())
			dialog.showDialog()
			dialog.wasCanceled() ? null : fields.collectEntries { [it.name, answer(dialog, it)] }
		}
	}

	private static void add(GenericDialog dialog, field, String value) {
		if (field.widgetStyle == 'model') {
			def known = Models.names()
			def chosen = value ?: Models.remembered()
			boolean other = chosen != null && !(chosen in known)
			dialog.addChoice(field.label, (known + OTHER) as String[], other ? OTHER : chosen ?: known ? chosen ?: known[0] : OTHER)
			dialog.addFileField('Other model (.zip)', other ? chosen : '', COLUMNS)
			// Who names a file means it.
			def (choice, path) = [dialog.choices.last(), dialog.stringFields.last()]
			path.addTextListener({ if (path.text.trim()) choice.select(OTHER) } as java.awt.event.TextListener)
		} else if (field.get('kind') == 'Boolean') dialog.addCheckbox(field.label, value == 'true')
		else if (choices(field)) {
			boolean other = value && !(value in choices(field))
			dialog.addChoice(field.label, choices(field) as String[], other ? choices(field)[0] : value ?: choices(field)[0])
			if (field.widgetStyle == NUMBERED) {
				dialog.addToSameRow()
				dialog.addStringField('or number', other ? value : '', 5)
			}
		}
		else if (field.widgetStyle == 'directory') {
			dialog.addDirectoryField(field.label, '', COLUMNS) // it would make a / of nothing
			dialog.stringFields.last().text = value ?: ''
		}
		else if (field.get('kind') == 'File') dialog.addFileField(field.label, value ?: '', COLUMNS)
		else dialog.addStringField(field.label, value ?: '', 12)
	}

	private static String answer(GenericDialog dialog, field) {
		if (field.widgetStyle == 'model') {
			def (choice, path) = [dialog.nextChoice, dialog.nextString.trim()]
			return choice == OTHER ? path : choice
		}
		if (field.get('kind') == 'Boolean') return dialog.nextBoolean ? 'true' : ''
		if (!choices(field)) return dialog.nextString.trim()
		def chosen = dialog.nextChoice
		return field.widgetStyle == NUMBERED ? dialog.nextString.trim() ?: chosen : chosen
	}

	static List<String> choices(field) { field.get('among')?.split('[|]') as List }

	private String help() {
		def lines = fields.collect { "<dt><b>$it.label</b> (in macros: $it.name)</dt><dd>$it.description</dd>" }
		return "<html><h2>$command</h2><dl>${lines.join('')}</dl>" +
			'<p>More in Plugins &gt; Particlebridge &gt; Tools &gt; Particlebridge Help.</p></html>'
	}
}
