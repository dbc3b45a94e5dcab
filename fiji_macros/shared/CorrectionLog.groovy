import groovy.json.JsonException
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption
import java.security.MessageDigest
import java.time.Instant
import java.time.temporal.ChronoUnit

/** corrections.jsonl of a run folder: one act a line, appended at once and never changed; each line holds a digest of the one before. */
class CorrectionLog {

	private static final byte END = 10

	final File file
	/** The acts that stand in it, in their order. */
	final List<Map> acts = []
	/** The bytes of its last line; null: there is none. */
	private byte[] last
	/** Where the last whole line ends, and where the file does. */
	private long end, size
	/** What was mended; empty: nothing. */
	String notice = ''

	CorrectionLog(File file) {
		this.file = file
		if (file.exists()) read(file.bytes)
	}

	private void read(byte[] all) {
		size = all.length
		for (int i = 0; i < all.length; i++) {
			if (all[i] != END) continue
			take(Arrays.copyOfRange(all, (int) end, i))
			end = i + 1
		}
		if (end < size) notice = "$file: its last line was cut off while it was written, and is dropped"
	}

	private void take(byte[] line) {
		def number = acts.size() + 1
		def act
		try {
			act = new JsonSlurper().parseText(new String(line, 'UTF-8'))
		} catch (JsonException | IllegalArgumentException broken) {
			throw new Problem("$file: line $number is no JSON; move the file away, or restore it from a copy.", broken)
		}
		if (!(act instanceof Map) || !(act.act instanceof String) || !(act.labels instanceof String)) throw new Problem("$file: line $number is no act; move the file away, or restore it from a copy.")
		if (act.before != chained(act.labels)) {
			throw new Problem("$file: line ${number} does not follow the line before: one was changed or is gone; move the file away, or restore it from a copy.")
		}
		acts << act
		last = line
	}

	/** Writes an act behind the others, with the digest of the fused labels; nothing is written if somebody else has written meanwhile. */
	void append(Map act, String by, String digest) {
		def whole = [act: act.act, time: Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(), by: by, labels: digest, before: chained(digest)] + act
		byte[] line = (JsonOutput.toJson(whole) + '\n').getBytes('UTF-8')
		try {
			FileChannel.open(file.toPath(), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE).withCloseable { channel ->
				channel.lock()
				if (!isAsKnown(channel)) {
					throw new Problem("$file: somebody else has written to it since this review read it; their acts and yours before are kept, " +
						'this last one is not: close this review, and open it again to go on from both.')
				}
				channel.truncate(end)
				channel.position(end)
				def bytes = ByteBuffer.wrap(line)
				try {
					while (bytes.hasRemaining()) channel.write(bytes)
					channel.force(true)
				} catch (IOException failed) {
					channel.truncate(end)
					throw failed
				}
			}
		} catch (IOException failed) {
			throw new Problem("$file: the act could not be written, and is not done ($failed.message); is the disk full, or the folder read-only?", failed)
		}
		acts << whole
		last = Arrays.copyOf(line, line.length - 1)
		end += line.length
		size = end
	}

	private boolean isAsKnown(FileChannel channel) {
		if (channel.size() != size) return false
		if (acts.empty) return true
		def there = ByteBuffer.allocate(last.length)
		channel.position(end - 1 - last.length)
		while (there.hasRemaining() && channel.read(there) >= 0) continue
		return Arrays.equals(there.array(), last)
	}

	/** Of the line before, of the first line of the labels: the first 16 digits of SHA-256. */
	private String chained(String labels) {
		MessageDigest.getInstance('SHA-256').digest(last ?: labels.getBytes('UTF-8')).encodeHex().toString().take(16)
	}
}
