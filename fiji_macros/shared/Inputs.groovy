import ij.plugin.frame.Recorder
import java.util.concurrent.atomic.AtomicReference

/**
 * What a command was given: by our dialog, by a macro or by a program. Names are compared without regard to
 * case, as ImageJ does; a name that the command does not have is refused.
 *
 * In Fiji every input is an AtomicReference (compose.py). SciJava makes one of whatever a macro or a program
 * gives, and has no field for it in its own dialog, which could neither propose models, nor keep what was typed
 * after an error, nor leave out what only programs need.
 */
class Inputs {

	private final Map values
	private final def module
	/** What a macro's options say; ImageJ's own reading of them drops unknown names and stumbles over brackets. */
	private final Map<String, String> options
	/** All that a program named, declared or not. */
	private final Set<String> named
	/** In our dialog. */
	private final Map<String, String> typed = [:]

	/** Of the command whose binding it is. */
	Inputs(Binding binding) {
		values = binding.variables
		module = values['org.scijava.script.ScriptModule']
		if (module == null) { // a program that knows no SciJava checks the names itself
			options = [:]
			named = []
			return
		}
		def known = module.info.inputs()*.name
		def ours = ij.IJ.isMacro() ? MacroOptions.parse(ij.Macro.getOptions() ?: '') : [:]
		// A script that runs in a macro of its own may call this command: then the options are the script's.
		options = ours.keySet().any { has(known, it) } ? ours : [:]
		named = resolved(module)
		def unknown = (named + options.keySet()).find { !has(known, it) }
		if (unknown != null) throw new Problem("There is no setting $unknown; there are: ${settings()*.name.join(', ')}")
	}

	/** Whether the command was chosen in the menu: a call names at least one setting. */
	boolean isUnnamed() { module != null && settings().every { !text(it.name) } }

	/** Asks in a dialog; false if it was cancelled. What was typed before stands in it. */
	boolean ask(String command) {
		def answers = new InputDialog(command, asked()).ask(typed)
		if (answers == null) return false
		typed.putAll(answers)
		return true
	}

	/** Takes what was settled later for what was typed. */
	void settle(Map<String, String> values) { typed.putAll(values) }

	/** After success: the model is proposed the next time, and the macro recorder gets what was typed. */
	void keep() {
		if (text('model')) Models.remember(text('model'))
		if (!Recorder.record) return
		asked().findAll { text(it.name) && text(it.name) != InputDialog.choices(it)?.first() }.each {
			if (it.get('kind') == 'File') Recorder.recordPath(it.name, text(it.name))
			else Recorder.recordOption(it.name, text(it.name))
		}
	}

	/** Runs what shows a dialog whose fields are not recorded: a command records its settings, by their names. */
	static Object unrecorded(Closure work) {
		boolean recorded = Recorder.record
		Recorder.record = false
		try {
			return work.call()
		} finally {
			Recorder.record = recorded
		}
	}

	/** A file or folder that the command cannot do without; `what` is it, for people. */
	File file(String name, String what) { fileOrNull(name) ?: missing(name, what) }

	File fileOrNull(String name) { text(name) ? new File(text(name)) : null }

	/** A model: a file, or the name of one in Fiji's folder models/Particlebridge. */
	File model(String name) { Models.file(text(name) ?: missing(name, 'model (.zip)')) }

	/** What was typed; empty if nothing was. */
	String text(String name) { (typed.containsKey(name) ? typed[name] : given(name))?.toString()?.trim() ?: '' }

	/** One of the choices; `otherwise` if none was named. */
	String choice(String name, List<String> choices, String otherwise = null) {
		def value = text(name) ?: otherwise ?: missing(name, 'choice')
		if (!(value in choices)) throw new Problem("$name must be one of: ${choices.join(', ')}; not: $value")
		return value
	}

	/** Whether a box was ticked, or a call says so. */
	boolean yes(String name) { choice(name, ['false', 'true'], 'false') == 'true' }

	private static def missing(String name, String what) {
		throw new Problem("No $what was given: choose one in the dialog, or name it in the call ($name=...).")
	}

	private def given(String name) {
		if (options.containsKey(name)) return options[name]
		if (module == null) return values[name]
		// By a program, in other case than the command's.
		def key = named.find { it != name && it.equalsIgnoreCase(name) }
		if (key != null) return module.getInput(key)
		def value = values[name] instanceof AtomicReference ? values[name].get() : values[name]
		// ImageJ takes what looks like a key within another value for one.
		def misread = options && value?.toString() == ij.Macro.getValue(ij.Macro.getOptions(), name, null)
		return misread ? null : value
	}

	/** SciJava keeps the inputs that it does not know beside the others, and only warns of them on the console. */
	private static Set<String> resolved(module) {
		try {
			// By its name: where there is no SciJava, the whole command would not compile.
			def field = Class.forName('org.scijava.module.AbstractModule').getDeclaredField('resolvedInputs')
			field.accessible = true
			return (field.get(module) as Set).findAll { !it.contains('.') }
		} catch (ReflectiveOperationException | RuntimeException ofAnotherVersion) {
			return []
		}
	}

	private static boolean has(Collection<String> names, String name) { names.any { it.equalsIgnoreCase(name) } }

	private List settings() { module.info.inputs().findAll { it.type == AtomicReference } }

	/** Those for people; those for programs have no label. */
	private List asked() { settings().findAll { it.label } }
}
