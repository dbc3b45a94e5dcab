/** Something the user can fix: its message is one sentence, shown as it is, without a stack trace. */
class Problem extends RuntimeException {

	Problem(String sentence) { super(sentence) }

	Problem(String sentence, Throwable cause) { super(sentence, cause) }
}

/** The user pressed Esc. */
class Cancelled extends Problem {

	Cancelled() { super('Cancelled.') }
}
