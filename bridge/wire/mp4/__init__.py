"""MP4 files (ISO/IEC 14496-12, -14, -15) as far as recordings, exports and browsers need them. Reads what we write.

boxes          a box, and walking over boxes
entries        what a track holds: `avc1`, `hvc1`, `jpeg`, `mp4a`, `Opus`, `ulaw` … <-> `Track`
codecs         what a browser is asked about a track: `avc1.640028`
init           the head of a fragmented file: `ftyp` and `moov`
fragment       `prft`, `moof` and the head of `mdat`
decode_times   decode times for what came without
random_access  `mfra`: where decoding may start, at the end of a file
plain          a file without fragments: its `moov` comes last
evidence       `meta` of an export: who exported what, and signatures over the whole file
digests        what an export holds, and the digest of each part

Any bytes give a value or DamagedError. Offsets in errors count from the beginning of the bytes that were given.
"""
