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
	refuseUnknown(arguments, known);
	out = valueOf(arguments, "out");
	// With a window Fiji asks for each setting that a macro leaves out, and waits.
	for (i = 0; i < known.length; i++)
		if (indexOf(" " + arguments, " " + known[i] + "=") < 0) arguments = arguments + " " + known[i] + "=[]";
	run(command, arguments);
	if (out == "") return;
	for (i = 0; i < expected.length; i++) {
		path = out + File.separator + expected[i];
		if (!File.exists(path) || File.length(path) == 0)
			stop(command + " came back, but did not write " + path + "; the lines above, or Fiji's Console, tell why.");
	}
}

// The value of key in "key=value key2=[value with spaces]"; "" if it is not there.
function valueOf(arguments, key) {
	start = indexOf(" " + arguments, " " + key + "=");
	if (start < 0) return "";
	rest = substring(arguments, start + lengthOf(key) + 1);
	if (startsWith(rest, "[")) {
		end = indexOf(rest, "]");
		if (end < 0) return "";
		return substring(rest, 1, end);
	}
	end = indexOf(rest, " ");
	if (end < 0) return rest;
	return substring(rest, 0, end);
}

// ImageJ drops misspelt keys silently; here they are an error.
function refuseUnknown(arguments, known) {
	rest = arguments;
	while (lengthOf(rest) > 0) {
		equal = indexOf(rest, "=");
		if (equal < 0) stop("Arguments look like image=[/a b.tif] model=[/m.zip], not: " + rest);
		key = String.trim(substring(rest, 0, equal));
		found = false;
		for (i = 0; i < known.length; i++) if (known[i] == key) found = true;
		if (!found) stop("There is no setting " + key + "; there are: " + String.join(known, ", "));
		rest = substring(rest, equal + 1);
		end = indexOf(rest, " ");
		if (startsWith(rest, "[")) {
			end = indexOf(rest, "]") + 1;
			if (end == 0) stop("The value of " + key + " opens a [ and does not close it.");
		}
		if (end < 0) end = lengthOf(rest);
		rest = String.trim(substring(rest, minOf(end, lengthOf(rest))));
	}
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
