#@ java.util.BitSet (required=false, persist=false) notAsked

/**
 * What a command was given: by its dialog, by a macro or by a program.
 *
 * SciJava cancels a command that lacks a required input, and without a window it does so in silence. So none is
 * required there, and what is missing is said here. Were a File the only input left out, SciJava would choose it
 * by itself, and cancel as silently: notAsked has a type that no dialog knows and is never given, so a File is
 * never the only one.
 */
class Inputs {

	private final Map values
	private final def module

	/** Of the command whose binding it is. */
	Inputs(Binding binding) {
		values = binding.variables
		module = values['org.scijava.script.ScriptModule']
	}

	/** A file or folder that the command cannot do without; `what` is it, for people. */
	File file(String name, String what) { fileOrNull(name) ?: missing(name, what) }

	File fileOrNull(String name) {
		File file = given(name)
		// An empty field of a recorded macro is a file without a name.
		return file == null || file.path.trim().empty ? null : file
	}

	/** One of the choices of the dialog. */
	String choice(String name, List<String> choices) {
		def value = given(name)?.trim() ?: missing(name, 'choice')
		if (!(value in choices)) throw new Problem("$name must be one of: ${choices.join(', ')}; not: $value")
		return value
	}

	private static def missing(String name, String what) {
		throw new Problem("No $what was given: choose one in the dialog, or name it in the call ($name=...).")
	}

	private def given(String name) {
		// Without a window SciJava fills in what was chosen last; nobody named that.
		module == null || module.isInputResolved(name) ? values[name] : null
	}
}
