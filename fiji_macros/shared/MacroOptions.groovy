import java.util.regex.Pattern

/** The options of a macro's run("Command", "key=value key2=[value with spaces]"). */
class MacroOptions {

	private static final Pattern NEXT = Pattern.compile(/\s*$|\s+[A-Za-z_]\w*=.*/, Pattern.DOTALL)

	/**
	 * The values by their keys, these in lower case. As ImageJ reads them; but a key counts only where a key can
	 * stand, not within a value, and a value in brackets may itself hold brackets that do not pair.
	 */
	static Map<String, String> parse(String options) {
		def result = [:]
		def rest = options.trim()
		while (rest) {
			def key = rest =~ /^([^\s=\[\]]+)=/
			if (!key.find()) throw new Problem("Options look like image=[/a b.tif] model=[/m.zip], not: $rest")
			def value = valueAt(rest.substring(key.end()), key.group(1))
			result[key.group(1).toLowerCase(Locale.US)] = value.text
			rest = rest.substring(key.end() + value.length).trim()
		}
		return result
	}

	/** The value at the start of a text, and how many characters it takes with its brackets or quotes. */
	private static Map valueAt(String text, String key) {
		if (text.startsWith('[')) {
			int end = paired(text)
			if (end < 0 || !ends(text, end)) end = (1..<text.length()).find { text[it] == ']' && ends(text, it) } ?: -1
			if (end < 0) throw new Problem("The value of $key opens a [ and does not close it.")
			return [text: text.substring(1, end), length: end + 1]
		}
		if (text.startsWith("'")) {
			int end = text.indexOf("'", 1)
			if (end > 0 && ends(text, end)) return [text: text.substring(1, end), length: end + 1]
		}
		def word = text.takeWhile { !Character.isWhitespace(it as char) }
		return [text: word, length: word.length()]
	}

	/** Where the bracket at the start closes, counted; -1: nowhere. */
	private static int paired(String text) {
		int open = 0
		for (int i = 0; i < text.length(); i++) {
			if (text[i] == '[') open++
			else if (text[i] == ']' && --open == 0) return i
		}
		return -1
	}

	private static boolean ends(String text, int i) { NEXT.matcher(text.substring(i + 1)).matches() }
}
