// Runs a Particlebridge command and makes sure that it left what it should.
function runChecked(command, arguments, known, expected) {
	List.setCommands;
	installed = lengthOf(List.get(command));
	List.clear();
	if (installed == 0)
		stop(command + " is not among Fiji's commands: install Particlebridge (see its README) and start Fiji again.");
	if (arguments == "") {
		run(command); // asks in its own dialog
		return;
	}
	settings = settingsOf(arguments);
	options = "";
	for (i = 0; i < settings.length; i += 2) {
		found = false;
		for (k = 0; k < known.length; k++) if (known[k] == settings[i]) found = true;
		// ImageJ drops misspelt keys silently; here they are an error.
		if (!found) stop("There is no setting " + settings[i] + "; there are: " + String.join(known, ", "));
		options = options + settings[i] + "=" + quoted(settings[i], settings[i + 1]) + " ";
	}
	run(command, String.trim(options));
	out = valueOf(settings, "out");
	if (out == "") return;
	for (i = 0; i < expected.length; i++) {
		path = out + File.separator + expected[i];
		if (!File.exists(path) || File.length(path) == 0)
			stop(command + " came back, but did not write " + path + "; the lines above, or Fiji's Console, tell why.");
	}
}

// "key=value key2=[value with spaces]" as key, value, key2, value, ...; keys in lower case, as ImageJ compares them.
function settingsOf(arguments) {
	result = newArray(0);
	rest = String.trim(arguments);
	while (lengthOf(rest) > 0) {
		if (!matches(rest, "(?s)[^\\s=\\[\\]]+=.*"))
			stop("Arguments look like image=[/a b.tif] model=[/m.zip], not: " + rest);
		equal = indexOf(rest, "=");
		key = toLowerCase(substring(rest, 0, equal));
		rest = substring(rest, equal + 1);
		first = 0;
		end = -1;
		next = 0;
		if (startsWith(rest, "[")) end = closing(rest, key);
		else if (startsWith(rest, "'")) {
			end = indexOf(rest, "'", 1);
			if (end > 0 && !ends(rest, end)) end = -1;
		}
		if (end > 0) {
			first = 1;
			next = end + 1;
		} else {
			end = 0;
			while (end < lengthOf(rest) && !matches(substring(rest, end, end + 1), "\\s")) end++;
			next = end;
		}
		result = Array.concat(result, key, substring(rest, first, end));
		rest = String.trim(substring(rest, next));
	}
	return result;
}

// Where the bracket at the start of a text closes. File names may hold brackets, and not in pairs.
function closing(text, key) {
	depth = 0;
	for (i = 0; i < lengthOf(text) && depth >= 0; i++) {
		c = substring(text, i, i + 1);
		if (c == "[") depth++;
		if (c == "]") {
			depth--;
			if (depth == 0 && ends(text, i)) return i;
			if (depth == 0) depth = -1;
		}
	}
	for (i = 1; i < lengthOf(text); i++)
		if (substring(text, i, i + 1) == "]" && ends(text, i)) return i;
	stop("The value of " + key + " opens a [ and does not close it.");
}

function ends(text, i) {
	return matches(substring(text, i + 1), "(?s)\\s*|\\s+[A-Za-z_]\\w*=.*");
}

// A value as ImageJ reads it: in brackets, or in quotes if its own brackets do not pair.
function quoted(key, value) {
	depth = 0;
	pairs = true;
	for (i = 0; i < lengthOf(value); i++) {
		c = substring(value, i, i + 1);
		if (c == "[") depth++;
		if (c == "]") depth--;
		if (depth < 0) pairs = false;
	}
	if (pairs && depth == 0) return "[" + value + "]";
	if (indexOf(value, "'") >= 0)
		stop("ImageJ's macros cannot name " + value + " (" + key + "): it holds a ' and brackets that do not pair; rename it.");
	return "'" + value + "'";
}

// The value of key among settings; "" if it is not there.
function valueOf(settings, key) {
	for (i = 0; i < settings.length; i += 2) if (settings[i] == key) return settings[i + 1];
	return "";
}

function stop(sentence) {
	print("[particlebridge] ERROR " + sentence);
	if (getInfo("java.awt.headless") == "true") {
		// A macro cannot end Fiji with an exit code, but Fiji's Groovy can; not where a program holds this Java.
		call("java.lang.System.setProperty", "particlebridge.error", sentence);
		call("groovy.util.Eval.me", "if (Thread.allStackTraces.values().any { it.any { f -> f.methodName == 'main' && "
			+ "f.className ==~ /(net[.]imagej|org[.]scijava|sc[.]fiji|fiji|ij)[.].*/ } }) { "
			+ "System.err.println('[particlebridge] ERROR ' + System.getProperty('particlebridge.error')); System.exit(1) }");
	}
	exit(sentence);
}
