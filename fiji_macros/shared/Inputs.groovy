#@ java.util.BitSet (required=false, persist=false) notAsked

/**
 * What a command was given: by its dialog, by a macro or by a program. Names are compared without regard to
 * case, as ImageJ does; a name that the command does not have is refused.
 *
 * SciJava cancels a command that lacks a required input, and without a window it does so in silence. So none is
 * required there, and what is missing is said here. Were a File the only input left out, SciJava would choose it
 * by itself, and cancel as silently: notAsked has a type that no dialog knows and is never given, so a File is
 * never the only one.
 */
class Inputs {

	private final Map values
	private final def module
	/** What a macro's options say; ImageJ's own reading of them drops unknown names and stumbles over brackets. */
	private final Map<String, String> options
	/** All that a program named, declared or not. */
	private final Set<String> named

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
		if (unknown != null) throw new Problem("There is no setting $unknown; there are: ${settings(module.info).join(', ')}")
	}

	/** A file or folder that the command cannot do without; `what` is it, for people. */
	File file(String name, String what) { fileOrNull(name) ?: missing(name, what) }

	File fileOrNull(String name) {
		def value = given(name)
		// An empty field of a recorded macro is a file without a name.
		return value == null || value.toString().trim().empty ? null : new File(value.toString())
	}

	/** What was typed; empty if nothing was. */
	String text(String name) { given(name)?.toString()?.trim() ?: '' }

	/** One of the choices of the dialog. */
	String choice(String name, List<String> choices) {
		def value = text(name) ?: missing(name, 'choice')
		if (!(value in choices)) throw new Problem("$name must be one of: ${choices.join(', ')}; not: $value")
		return value
	}

	private static def missing(String name, String what) {
		throw new Problem("No $what was given: choose one in the dialog, or name it in the call ($name=...).")
	}

	private def given(String name) {
		if (options.containsKey(name)) return options[name]
		if (module == null) return values[name]
		// By a program, in other case than the command's.
		def key = named.find { it != name && it.equalsIgnoreCase(name) }
		if (key != null) return module.getInput(key)
		// Without a window SciJava fills in what was chosen last; nobody named that.
		if (!module.isInputResolved(name)) return null
		// ImageJ takes what looks like a key within another value for one.
		def misread = options && values[name]?.toString() == ij.Macro.getValue(ij.Macro.getOptions(), name, null)
		return misread ? null : values[name]
	}

	/** SciJava keeps the inputs that it does not know beside the others, and only warns of them on the console. */
	private static Set<String> resolved(module) {
		try {
			def field = org.scijava.module.AbstractModule.getDeclaredField('resolvedInputs')
			field.accessible = true
			return (field.get(module) as Set).findAll { !it.contains('.') }
		} catch (NoSuchFieldException | RuntimeException ofAnotherVersion) {
			return []
		}
	}

	private static boolean has(Collection<String> names, String name) { names.any { it.equalsIgnoreCase(name) } }

	/** The names that people can set. */
	private static List<String> settings(info) {
		info.inputs().findAll { it.type in [File, String] }*.name
	}
}
