import ij.IJ
import ij.WindowManager
import ij.macro.Interpreter
import ij.plugin.frame.Recorder
import java.awt.GraphicsEnvironment

/** Says what happens and what went wrong: in the window, or on the terminal of a headless run. */
class Report {

	static final String MARK = '[particlebridge] '
	private static final String WARNING = 'warning: '

	final String command
	final def ui
	final boolean headless
	/** The result shows itself: the Log window does not open beside it but for a warning. */
	private final boolean quiet
	/** All that was said. */
	final List<String> lines = [].asSynchronized()
	private File logFile
	private final List held = [].asSynchronized()
	private volatile boolean escaped

	Report(String command, ui, boolean quiet = false) {
		this.command = command
		this.quiet = quiet
		this.ui = ui
		this.headless = GraphicsEnvironment.headless || ui == null || ui.isHeadless()
	}

	void say(String line) {
		lines << line
		if (headless) println MARK + line
		else if (quiet && !line.contains(WARNING) && WindowManager.getWindow('Log') == null) IJ.showStatus(line)
		else IJ.log(line)
		logFile?.append(java.time.LocalDateTime.now().withNano(0).toString() + '  ' + line + '\n', 'UTF-8')
	}

	void progress(String what, int done, int total) {
		if (headless) println "$MARK$what $done/$total"
		else {
			IJ.showStatus("$what $done of $total")
			IJ.showProgress(done, total)
		}
	}

	void keepLog(File file) { logFile = file }

	/** The same thing, which stops on Esc and is closed when the command ends. */
	def keep(thing) {
		held << thing
		if (escaped) thing.stop()
		return thing
	}

	/**
	 * Runs the work of a command; whatever fails becomes one sentence: in a dialog, or on stderr. A Fiji
	 * that was started for this command alone then ends with exit code 1. Chosen in the menu, the command
	 * asks for its inputs, and after a failure again, until it succeeds or is cancelled.
	 */
	void guard(Binding binding, Closure work) {
		Inputs inputs = null
		boolean asks = false
		while (true) {
			Thread watch = null
			try {
				inputs = inputs ?: new Inputs(binding)
				asks = asks || !headless && inputs.unnamed
				if (asks && !inputs.ask(command)) throw new Cancelled()
				if (!headless) watch = watching()
				lines.clear()
				work.call(inputs)
				if (asks) inputs.keep()
				return
			} catch (Cancelled stopped) {
				IJ.showStatus("$command: cancelled")
				stopMacro()
				unrecorded()
				return
			} catch (Throwable failure) {
				tell(failure)
				if (!asks) throw new Problem(sentenceOf(failure), failure)
			} finally {
				watch?.interrupt()
				held*.close()
				held.clear()
				if (!headless) IJ.showProgress(1d)
			}
		}
	}

	/** Looks for Esc ten times a second. */
	private Thread watching() {
		IJ.resetEscape()
		escaped = false
		return Thread.startDaemon('Esc') {
			try {
				while (!IJ.escapePressed()) Thread.sleep(100)
				escaped = true
				new ArrayList(held)*.stop()
			} catch (InterruptedException ended) {
				return
			}
		}
	}

	/** SciJava records every command that comes back, also one that was cancelled. */
	private static void unrecorded() { if (Recorder.record) Recorder.setCommand(null) }

	private static void stopMacro() { Interpreter.getInstance()?.abortMacro() }

	private void tell(Throwable failure) {
		String sentence = sentenceOf(failure)
		if (logFile != null) logFile.append("ERROR  $sentence\n", 'UTF-8')
		if (headless) {
			System.out.flush()
			System.err.println("${MARK}ERROR $command: $sentence")
			if (!(failure instanceof Problem)) failure.printStackTrace()
			System.err.flush()
			if (startedFromCommandLine()) System.exit(1)
		} else {
			IJ.showStatus("$command: failed")
			if (!(failure instanceof Problem)) IJ.handleException(failure)
			// Not IJ.error: that stops the macro before it shows anything, and fails where the macro is another thread's.
			IJ.showMessage("Particlebridge: $command", wrapped(sentence, 90))
		}
		// A macro that called this command must not go on as if it had worked.
		stopMacro()
	}

	static String sentenceOf(Throwable failure) {
		if (failure instanceof OutOfMemoryError) {
			return 'Fiji ran out of memory: give it more in Edit > Options > Memory & Threads..., start it again, ' +
				'and run the same command; Segment View and Segment Views keep finished slices.'
		}
		if (failure instanceof Problem) return failure.message
		return failure.message ? "$failure.message (${failure.class.simpleName})" : failure.toString()
	}

	/** What a failure goes back to in the end. */
	static Throwable rootOf(Throwable failure) {
		Throwable cause = failure
		while (cause.cause != null && !cause.cause.is(cause)) cause = cause.cause
		return cause
	}

	/** Whether this Java was started to run Fiji, and not by Python or another program that uses it. */
	static boolean startedFromCommandLine() {
		Thread.allStackTraces.values().any { frames ->
			frames.any { frame ->
				frame.methodName == 'main' && frame.className ==~ /(net[.]imagej|org[.]scijava|sc[.]fiji|fiji|ij)[.].*/
			}
		}
	}

	static String wrapped(String sentence, int columns) {
		def lines = ['']
		for (word in sentence.split(' ')) {
			if (lines.last().length() + word.length() > columns) lines << ''
			lines[-1] = (lines.last() + ' ' + word).trim()
		}
		return lines.join('\n')
	}
}
