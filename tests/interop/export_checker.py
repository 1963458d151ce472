"""Checks an export as a stranger would: written from the specifications' text alone, with nothing of the bridge.

ONVIF Export File Format Specification 26.06 (chapter 5) and ISO/IEC 14496-12. Needs Python and `cryptography`:

    python export_checker.py FILE [CERTIFICATE.der]

Exit 0: the signature holds, the boxes that the specification asks for are there, and every sample lies inside the
file's media data. With a certificate, the signer's must be that one.
"""

import hashlib
import struct
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

EPOCH_1601_TO_1970_S = 11644473600
EPOCH_1904_TO_1970_S = 2082844800


class RefusedError(Exception):
    """The file is not what the specification says, or not what was signed."""


def demand(condition, why):
    if not condition:
        raise RefusedError(why)


# --- Boxes (ISO/IEC 14496-12 4.2) ------------------------------------------------------------------------------------


def boxes(data, start, end):
    """[(type, start, content, end)] of what fills data[start:end] without a rest."""
    found = []
    while start < end:
        demand(start + 8 <= end, f"{end - start} bytes that are no box at {start}")
        size, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1:
            demand(start + 16 <= end, f"half a box at {start}")
            size = struct.unpack_from(">Q", data, start + 8)[0]
            content = start + 16
        elif size == 0:
            size = end - start
        demand(content - start <= size <= end - start, f"box {kind} at {start} has an impossible size of {size}")
        found.append((kind, start, content, start + size))
        start += size
    return found


def only(found, kind):
    """The one box of that type; the specification wants exactly one."""
    mine = [box for box in found if box[0] == kind]
    demand(len(mine) == 1, f"{len(mine)} boxes {kind}; exactly one expected")
    return mine[0]


def inside(data, box, skip=0):
    return boxes(data, box[2] + skip, box[3])


def behind_times(data, box):
    """Offset behind the creation and modification time of mvhd, tkhd and mdhd, which version 1 has in 64 bits."""
    return box[2] + (20 if data[box[2]] == 1 else 12)


def text(data, at, end):
    stop = data.find(b"\0", at, end)
    demand(stop >= 0, f"a string without its end at {at}")
    return data[at:stop].decode(), stop + 1


# --- The evidence (5.2 to 5.6) ---------------------------------------------------------------------------------------


def surveillance_export(data, box):
    """suep, version 1."""
    demand(data[box[2]] == 1, "suep is not of version 1")
    at = box[2] + 4
    name, at = text(data, at, box[3])
    _, at = text(data, at, box[3])
    _, at = text(data, at, box[3])
    (time,) = struct.unpack_from(">Q", data, at)
    operator, at = text(data, at + 8, box[3])
    (count,) = struct.unpack_from(">I", data, at)
    at += 4
    tracks = []
    for _ in range(count):
        tracks.append(struct.unpack_from(">H", data, at)[0])
        at += 2
        for _ in range(4):
            _, at = text(data, at, box[3])
    demand(at == box[3], "suep has more in it than it says")
    return {"unit": name, "operator": operator, "time": time - EPOCH_1904_TO_1970_S, "tracks": tracks}


def start_times(data, box):
    """cstb: {track: nanoseconds since 1970}."""
    (count,) = struct.unpack_from(">I", data, box[2])
    demand(box[3] - box[2] == 4 + 12 * count, "cstb has another length than it says")
    rows = struct.iter_unpack(">IQ", data[box[2] + 4 : box[3]])
    return {track: (steps - EPOCH_1601_TO_1970_S * 10**7) * 100 for track, steps in rows}


def check_signature(data, meta, ipro, sinf, trusted):
    """5.6.2 and 5.7.1: the file as it was when this sinf was the last, its signature zero."""
    parts = inside(data, sinf)
    scheme = only(parts, b"schm")
    demand(struct.unpack_from(">4xI I", data, scheme[2]) == (0x6F656666, 0x00010000), "schm is of another scheme")
    information = inside(data, only(parts, b"schi"))
    signature, certificate = only(information, b"sibo"), only(information, b"cert")
    demand(not [box for box in information if box[0] == b"sigC"], "another algorithm than the default")
    image = bytearray(data)
    image[signature[2] : signature[3]] = bytes(signature[3] - signature[2])
    later = ipro[3] - sinf[3]
    del image[sinf[3] : ipro[3]]
    for box in (meta, ipro):
        struct.pack_into(">I", image, box[1], box[3] - box[1] - later)
    der = bytes(data[certificate[2] : certificate[3]])
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception as error:
        raise RefusedError(f"cert holds no certificate: {error}") from error
    demand(isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048, "the key is no RSA key of 2048 bits or more")
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=20)
    try:
        key.verify(
            bytes(data[signature[2] : signature[3]]),
            hashlib.sha256(image).digest(),
            scheme,
            utils.Prehashed(hashes.SHA256()),
        )
    except InvalidSignature:
        raise RefusedError("the signature does not fit the file") from None
    demand(trusted is None or der == trusted, "the signature is somebody else's")
    return der, next((start_times(data, box) for box in (*parts, *information) if box[0] == b"cstb"), {})


# --- The samples (ISO/IEC 14496-12 8) --------------------------------------------------------------------------------


def table(data, stbl, kind, layout):
    """The rows of a table, whose header is version, flags and a count."""
    box = only(stbl, kind)
    (count,) = struct.unpack_from(">I", data, box[2] + 4)
    demand(box[3] - box[2] == 8 + count * struct.calcsize(layout), f"{kind} has another length than it says")
    return list(struct.iter_unpack(layout, data[box[2] + 8 : box[3]]))


def read_track(data, trak):
    """{id, kind, timescale, samples: [(offset, size, dts, cts, entry)], edits: [(duration, media time)]}."""
    parts = inside(data, trak)
    media = inside(data, only(parts, b"mdia"))
    (timescale,) = struct.unpack_from(">I", data, behind_times(data, only(media, b"mdhd")))
    kind = bytes(data[only(media, b"hdlr")[2] + 8 :][:4])
    stbl = inside(data, only(inside(data, only(media, b"minf")), b"stbl"))
    (entries,) = struct.unpack_from(">4xI", data, only(stbl, b"stsd")[2])
    sizes_box = only(stbl, b"stsz")
    (one_size, count) = struct.unpack_from(">4xII", data, sizes_box[2])
    demand(one_size == 0 and sizes_box[3] - sizes_box[2] == 12 + 4 * count, "stsz has another length than it says")
    sizes = [row[0] for row in struct.iter_unpack(">I", data[sizes_box[2] + 12 : sizes_box[3]])]
    chunks = [row[0] for row in table(data, stbl, b"co64", ">Q")]
    runs = table(data, stbl, b"stsc", ">III")
    deltas = [delta for length, delta in table(data, stbl, b"stts", ">II") for _ in range(length)]
    offsets = [0] * count
    if [box for box in stbl if box[0] == b"ctts"]:
        offsets = [offset for length, offset in table(data, stbl, b"ctts", ">Ii") for _ in range(length)]
    demand(len(deltas) == len(offsets) == count, "stts or ctts tells of another number of samples than stsz")
    samples, time, number = [], 0, 0
    for index, (first, per_chunk, entry) in enumerate(runs):
        demand(1 <= entry <= entries, f"stsc names sample entry {entry} of {entries}")
        last = runs[index + 1][0] if index + 1 < len(runs) else len(chunks) + 1
        for chunk in range(first, last):
            at = chunks[chunk - 1]
            for _ in range(per_chunk):
                demand(number < count, "stsc tells of more samples than stsz")
                samples.append((at, sizes[number], time, time + offsets[number], entry))
                at += sizes[number]
                time += deltas[number]
                number += 1
    demand(number == count, "stsc tells of fewer samples than stsz")
    edit_list = [box for box in parts if box[0] == b"edts"]
    edits = table(data, inside(data, edit_list[0]), b"elst", ">QqI") if edit_list else []
    (track,) = struct.unpack_from(">I", data, behind_times(data, only(parts, b"tkhd")))
    return {
        "id": track,
        "kind": kind,
        "timescale": timescale,
        "samples": samples,
        "edits": [(duration, start) for duration, start, _ in edits],
    }


def shown_at(track, movie_timescale, start_ns):
    """UTC nanoseconds at which each shown sample was captured, in the order of showing (8.6.5, 8.6.6)."""
    times = []
    for duration, start in track["edits"]:
        if start < 0:
            continue
        end = start + duration * track["timescale"] / movie_timescale
        times += [cts for _, _, _, cts, _ in track["samples"] if start <= cts < end]
    return [start_ns + (cts * 10**9 + track["timescale"] // 2) // track["timescale"] for cts in sorted(times)]


def check(data, trusted=None):
    """What is in the file; raises RefusedError."""
    try:
        return _check(data, trusted)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise RefusedError(f"what is read is not there: {error}") from error


def _check(data, trusted):
    files = boxes(data, 0, len(data))
    demand(files and files[0][0] == b"ftyp", "the file does not begin with ftyp")
    ftyp = files[0]
    demand(b"isom" in [bytes(data[at : at + 4]) for at in (ftyp[2], *range(ftyp[2] + 8, ftyp[3], 4))], "no brand isom")
    meta = only(files, b"meta")
    parts = inside(data, meta, 4)
    only(parts, b"hdlr")
    export = surveillance_export(data, only(parts, b"suep"))
    ipro = only(parts, b"ipro")
    demand(struct.unpack_from(">4xH", data, ipro[2]) == (1,), "protection_count is not 1")
    sinfs = inside(data, ipro, 6)
    demand(sinfs and all(box[0] == b"sinf" for box in sinfs), "ipro holds something else than sinf")
    signers, starts = [], {}
    for sinf in sinfs:
        der, found = check_signature(data, meta, ipro, sinf, trusted)
        signers.append(der)
        starts.update(found)
    moov = inside(data, only(files, b"moov"))
    (timescale,) = struct.unpack_from(">I", data, behind_times(data, only(moov, b"mvhd")))
    tracks = [read_track(data, box) for box in moov if box[0] == b"trak"]
    demand(sorted(export["tracks"]) == sorted(track["id"] for track in tracks), "suep tells of other tracks than moov")
    demand(starts.keys() == {track["id"] for track in tracks}, "cstb tells of other tracks than moov")
    media = [(box[2], box[3]) for box in files if box[0] == b"mdat"]
    for track in tracks:
        for at, size, *_ in track["samples"]:
            demand(any(begin <= at and at + size <= end for begin, end in media), f"a sample outside mdat, at {at}")
        track["shown"] = shown_at(track, timescale, starts[track["id"]])
    return {"export": export, "signers": signers, "tracks": tracks}


def main(arguments):
    with open(arguments[0], "rb") as file:  # noqa: PTH123 - as a stranger would write it
        data = file.read()
    trusted = None
    if len(arguments) > 1:
        with open(arguments[1], "rb") as file:  # noqa: PTH123
            trusted = file.read()
    try:
        found = check(data, trusted)
    except RefusedError as error:
        print(f"refused: {error}")
        return 1
    print(f"intact; exported by {found['export']['operator']} on {found['export']['unit']}")
    for der in found["signers"]:
        print(f"signer's certificate: SHA-256 {hashlib.sha256(der).hexdigest()}")
    for track in found["tracks"]:
        print(f"track {track['id']}: {len(track['samples'])} samples, {len(track['shown'])} shown")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
