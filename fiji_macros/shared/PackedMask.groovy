import groovy.transform.CompileStatic
import java.util.zip.Deflater
import java.util.zip.Inflater

/** A mask over a box as text: base64 of zlib of its bits in the order z, y, x, as numpy.packbits packs them. */
@CompileStatic
class PackedMask {

	static String pack(BitSet bits, int count) {
		byte[] packed = new byte[(count + 7) >> 3]
		for (int i = bits.nextSetBit(0); i >= 0; i = bits.nextSetBit(i + 1)) packed[i >> 3] = (byte) (packed[i >> 3] | (0x80 >> (i & 7)))
		Deflater deflater = new Deflater()
		deflater.setInput(packed)
		deflater.finish()
		ByteArrayOutputStream squeezed = new ByteArrayOutputStream()
		byte[] part = new byte[8192]
		while (!deflater.finished()) squeezed.write(part, 0, deflater.deflate(part))
		deflater.end()
		return Base64.encoder.encodeToString(squeezed.toByteArray())
	}

	static BitSet unpack(String text, int count) {
		byte[] packed = new byte[(count + 7) >> 3]
		Inflater inflater = new Inflater()
		inflater.setInput(Base64.decoder.decode(text))
		int filled = 0
		while (filled < packed.length) {
			int more = inflater.inflate(packed, filled, packed.length - filled)
			if (more == 0) throw new IllegalArgumentException("a mask of $filled bytes where ${packed.length} are needed".toString())
			filled += more
		}
		inflater.end()
		BitSet bits = new BitSet(count)
		for (int i = 0; i < count; i++) if ((packed[i >> 3] & (0x80 >> (i & 7))) != 0) bits.set(i)
		return bits
	}
}
