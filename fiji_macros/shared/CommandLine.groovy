import groovy.json.JsonSlurper
import java.util.regex.Pattern

/** The command line of particlebridge, in the Python that put these commands into Fiji, or on the PATH. */
class CommandLine {

	private static final Pattern PROGRESS = ~/(.+): ([\d.]+) of ([\d.]+)/
	private static final String MANIFEST = 'scripts/Plugins/Particlebridge/particlebridge.json'

	private final List<String> program
	private Process process
	private volatile boolean stopped

	CommandLine(List<String> program) { this.program = program }

	/** Null if there is none. */
	static CommandLine find() { find(Models.fiji(), System.getenv('PATH')) }

	static CommandLine find(File fiji, String path) {
		def manifest = new File(fiji, MANIFEST)
		def python = manifest.file ? new JsonSlurper().parse(manifest, 'UTF-8').python : null
		// The environment may be gone since.
		if (python && new File(python).canExecute()) return new CommandLine([python, '-m', 'particlebridge'])
		for (folder in (path ?: '').split(Pattern.quote(File.pathSeparator))) {
			for (name in ['particlebridge', 'particlebridge.exe']) {
				def file = new File(folder, name)
				if (folder && file.file && file.canExecute()) return new CommandLine([file.path])
			}
		}
		return null
	}

	/** Says what to do without it. */
	static Problem missing(List<List<String>> calls) {
		new Problem('This runs in Python, and no Python with particlebridge was found: paste ' +
			calls.collect { call -> (['particlebridge'] + call).collect { quoted(it) }.join(' ') }.join(' && ') +
			' into a terminal where particlebridge is installed; particlebridge fiji install-macros there makes it known to Fiji.')
	}

	private static String quoted(String word) { word ==~ /[\w.:\/\\-]+/ ? word : "\"$word\"" }

	/** Ends when the command does, or when the user presses Esc; its log goes to the report. */
	void run(List<String> arguments, Report report) {
		def builder = new ProcessBuilder(program + arguments).redirectErrorStream(true)
		builder.environment().putAll([PYTHONIOENCODING: 'utf-8', PYTHONUNBUFFERED: '1'])
		process = builder.start()
		process.outputStream.close()
		report.keep(this)
		def last = ''
		process.inputStream.eachLine('UTF-8') { line ->
			if (line.trim()) last = line.trim()
			def step = PROGRESS.matcher(last)
			if (step.matches()) report.progress("${step.group(1)}:", step.group(2).toDouble().intValue(), step.group(3).toDouble().intValue())
			else if (line.trim()) report.say(last)
		}
		int code = process.waitFor()
		if (stopped) throw new Cancelled()
		if (code != 0) throw new Problem(last.replaceFirst(/^particlebridge: /, '') ?: "Python ended with exit code $code.")
	}

	/** On Esc: ends the process and those that it started. */
	void stop() {
		stopped = true
		// Java 8 knows no descendants.
		if (process.respondsTo('descendants')) process.descendants().iterator().each { it.destroy() }
		process.destroy()
	}

	void close() { process.destroy() }
}
