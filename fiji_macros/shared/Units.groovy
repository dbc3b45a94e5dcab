import java.text.Normalizer

/** Units of length as microscopes, Fiji and people write them; those of particlebridge.bridge.volumes.length_units. */
class Units {

	private static final List<String> PIXELS = ['', 'pixel', 'pixels', 'px', 'pix', 'voxel', 'voxels', 'vx', 'none', 'null',
		'slice', 'slices', 'arbitrary', 'a.u', 'au']
	private static final Map<String, Double> OTHERS = [um: 1d, micron: 1d, microns: 1d, '\u00e5': 1e-4d, angstrom: 1e-4d,
		angstroms: 1e-4d, '\u00e5ngstr\u00f6m': 1e-4d, '\u00e5ngstr\u00f6ms': 1e-4d, inch: 25400d, inches: 25400d, in: 25400d,
		'"': 25400d, mil: 25.4d, thou: 25.4d, pt: 25400d / 72, ft: 304800d, foot: 304800d, feet: 304800d]
	private static final Map<List<String>, Double> PREFIXES = [['', '']: 1e6d, ['kilo', 'k']: 1e9d, ['centi', 'c']: 1e4d,
		['deci', 'd']: 1e5d, ['milli', 'm']: 1e3d, ['micro', '\u03bc']: 1d, ['nano', 'n']: 1e-3d, ['pico', 'p']: 1e-6d,
		['femto', 'f']: 1e-9d]

	/** How many micrometres a unit of length is; 0 if it is none. */
	static double micrometres(String unit) {
		def plain = plain(unit)
		if (OTHERS.containsKey(plain)) return OTHERS[plain]
		def known = PREFIXES.find { names, factor ->
			plain == names[1] + 'm' || plain in ['meter', 'metre', 'meters', 'metres'].collect { names[0] + it }
		}
		return known == null ? 0 : known.value
	}

	/** Whether it is a word for pixels, or none at all. */
	static boolean isPixel(String unit) { plain(unit) in PIXELS }

	/** In small letters, with one sign for micro and one for angstrom. */
	private static String plain(String unit) {
		def text = (unit ?: '').replace('\\u00b5', '\u00b5').replace('\\u00B5', '\u00b5')
		// UTF-8 that was read as Latin-1.
		text = text.replace('\u00c2\u00b5', '\u00b5').replace('\u00ce\u00bc', '\u00b5')
		return Normalizer.normalize(text, Normalizer.Form.NFKC).replaceAll(/^[\s\x00.]+|[\s\x00.]+$/, '').toLowerCase(Locale.ROOT)
	}
}
