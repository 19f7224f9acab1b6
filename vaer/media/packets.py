"""What a packet of a video stream says without being decoded: whether a frame of it is shown, and whether to trust it.

Packets stand for frames, one for one, only as long as nothing peculiar is met. What is known of a codec here is what
can make the two differ: frames that are never shown, fields that share a frame, and sizes that change midway. A codec
that is not in `READERS` is not known, and its streams are decoded once to learn their frames.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import av
import numpy as np

from vaer.errors import MediaError

REORDER = 16  # frames that a codec may keep back (H.264 and HEVC)
PECULIAR_DATA = {"new_extradata", "param_change", "display_matrix"}
H264_IDR, H264_SEI, H264_SPS = 5, 6, 7  # kinds of units (ITU-T H.264, Table 7-1)
HEVC_SPS, HEVC_SEI = 33, (39, 40)  # ITU-T H.265, Table 7-1
SEI_ORIENTATION = 47  # display orientation, of both
MPEG_FRAME, MPEG_SEQUENCE, MPEG_EXTENSION = b"\0\0\1\0", b"\0\0\1\xb3", b"\0\0\1\xb5"
H264_HIGH = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}  # profiles whose header says more (7.3.2.1)


Flow = TypeVar("Flow")


class PacketFacts(NamedTuple):
    """What a packet says."""

    shown: int = 1
    """Frames of it that are shown."""
    size: bytes | int | None = None
    """The size of its frames in whatever form the codec says it, where it does; equal for equal sizes."""
    peculiar: bool = False
    """Whether only decoding tells what becomes of it."""
    refresh: bool = True
    """Whether nothing after a key packet refers to what came before it."""


class Packets:
    """The packets of one video stream, in the order of the file."""

    def __init__(self, stream: av.VideoStream) -> None:
        self.stream = stream
        self.stamps: list[int] = []
        self.hidden: list[bool] = []
        """By an edit list, or by the codec."""
        self.keys: list[bool] = []
        self.num_packets = 0
        self.first_dts: int | None = None
        self.end: int | None = None
        """When the last of them ends, in the clock of the stream."""
        self.peculiar = self.hides = False
        self.refreshing = True
        self._size: bytes | int | None = None
        codec = stream.codec_context.name if stream.codec_context is not None else ""
        extra = stream.codec_context.extradata or b"" if codec else b""
        self._read = READERS[codec](extra) if codec in READERS else None

    def add(self, packet: av.Packet) -> None:
        """The next packet, which holds something."""
        self.num_packets += 1
        self.first_dts = packet.dts if self.first_dts is None else self.first_dts
        parsed = self._parse(packet)
        self.peculiar = self.peculiar or parsed.peculiar or parsed.shown > 1 or packet.pts is None
        if packet.is_keyframe:
            self.refreshing = self.refreshing and parsed.refresh
        if parsed.size is not None:
            self.peculiar = self.peculiar or self._size not in (None, parsed.size)
            self._size = parsed.size
        if packet.pts is not None:
            self.stamps.append(packet.pts)
            self.hidden.append(packet.is_discard or not parsed.shown)
            self.keys.append(packet.is_keyframe)
            self.hides = self.hides or not parsed.shown
            if not packet.is_discard:
                self.end = max(self.end or packet.pts, packet.pts + (packet.duration or 0))

    def _parse(self, packet: av.Packet) -> PacketFacts:
        if self._read is None or packet.is_corrupt:
            return PacketFacts(peculiar=True)
        if any(data.data_type in PECULIAR_DATA for data in packet.iter_sidedata()):
            return PacketFacts(peculiar=True)
        try:
            return self._read(bytes(packet))
        except IndexError:  # shorter than its own header
            return PacketFacts(peculiar=True)


    def repeats(self) -> bool:
        """Whether two frames would be shown at one time."""
        shown = [stamp for stamp, hidden in zip(self.stamps, self.hidden, strict=True) if not hidden]
        return len(set(shown)) < len(shown)

    def divided(self) -> bool:
        """Whether nothing is shown across a key."""
        stamps = np.asarray(self.stamps)
        divides = ((stamps == np.maximum.accumulate(stamps))
                   & (stamps == np.minimum.accumulate(stamps[::-1])[::-1]))
        return bool(divides[self.keys].all())


def iterate(flow: Iterator[Flow], path: str) -> Iterator[Flow]:
    """The packets or frames of a PyAV iterator, which fails by IndexError where a stream turns up late."""
    try:
        yield from flow
    except IndexError as error:
        raise MediaError(path, "holds a stream that its header does not name; make or download the file "
                               "again") from error


def _units(content: bytes, width: int) -> Iterator[bytes]:
    """The units of a packet, led by their length of `width` bytes (ISO/IEC 14496-15)."""
    at = 0
    while at + width < len(content):
        end = at + width + int.from_bytes(content[at:at + width])
        yield content[at + width:end]
        at = end


def _h264(extra: bytes) -> Callable[[bytes], PacketFacts]:
    """Parameters that change, fields, packets without exactly one frame, and turns written beside the frames."""
    if len(extra) < 8 or extra[0] != 1:  # units are not led by their length: transport streams, Annex B
        return lambda _: PacketFacts(peculiar=True, refresh=False)
    width, known = (extra[4] & 3) + 1, set()
    at = 6
    for _ in range(extra[5] & 31):
        length = int.from_bytes(extra[at:at + 2])
        known.add(extra[at + 2:at + 2 + length])
        at += 2 + length
    peculiar = len(known) != 1 or not all(map(_holds_whole_frames, known))

    def parse(content: bytes) -> PacketFacts:
        odd, frames, refresh = peculiar, 0, False
        for unit in _units(content, width):
            kind = unit[0] & 31
            refresh = refresh or kind == H264_IDR
            if kind in (1, H264_IDR):
                frames += unit[1] >> 7  # of the first slice of a frame the address, 0, is written as one bit
            odd = odd or (kind == H264_SPS and unit not in known) or (kind == H264_SEI and _turns(unit[1:]))
        return PacketFacts(peculiar=odd or frames != 1, refresh=refresh)

    return parse


def _hevc(extra: bytes) -> Callable[[bytes], PacketFacts]:
    """As `_h264`; HEVC keeps fields as frames."""
    if len(extra) < 23 or extra[0] != 1:
        return lambda _: PacketFacts(peculiar=True)
    width = (extra[21] & 3) + 1

    def parse(content: bytes) -> PacketFacts:
        odd, frames = False, 0
        for unit in _units(content, width):
            kind = unit[0] >> 1 & 63
            if kind < 32 and not (unit[0] & 1 or unit[1] >> 3):  # of the first layer
                frames += unit[2] >> 7
            odd = odd or (kind == HEVC_SPS and unit not in extra) or (kind in HEVC_SEI and _turns(unit[2:]))
        return PacketFacts(peculiar=odd or frames != 1)

    return parse


def _turns(messages: bytes) -> bool:
    """Whether one of the SEI messages of a unit turns or mirrors what is shown."""
    at = 0
    while at + 2 < len(messages):
        numbers = []
        for _ in range(2):  # kind, length: bytes of 255 add up
            number = 0
            while messages[at] == 255:
                number, at = number + 255, at + 1
            numbers.append(number + messages[at])
            at += 1
        if numbers[0] == SEI_ORIENTATION:
            return True
        at += numbers[1]
    return False


class _Bits:
    """Numbers of some bits, one after the other, the highest bit first."""

    def __init__(self, content: bytes) -> None:
        self.number, self.left = int.from_bytes(content), 8 * len(content)

    def take(self, count: int) -> int:
        """The next `count` bits; raises IndexError where there are fewer."""
        if count > self.left:
            raise IndexError
        self.left -= count
        return self.number >> self.left & ((1 << count) - 1)

    def golomb(self) -> int:
        """A number in Exp-Golomb code (ITU-T H.264, 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def _holds_whole_frames(parameters: bytes) -> bool:
    """Whether an H.264 sequence parameter set forbids fields (7.3.2.1.1, frame_mbs_only_flag)."""
    bits = _Bits(parameters.replace(b"\0\0\3", b"\0\0"))
    try:
        bits.take(8)
        profile = bits.take(8)
        bits.take(16)
        bits.golomb()
        if profile in H264_HIGH:
            if bits.golomb() == 3:
                bits.take(1)
            bits.golomb()
            bits.golomb()
            bits.take(1)
            if bits.take(1):  # scaling matrices: not worth reading on
                return False
        bits.golomb()
        order = bits.golomb()
        if order == 0:
            bits.golomb()
        elif order == 1:
            return False
        bits.golomb()
        bits.take(1)
        bits.golomb()
        bits.golomb()
        return bool(bits.take(1))
    except IndexError:
        return False


def _mpeg(extra: bytes) -> Callable[[bytes], PacketFacts]:
    """Fields, packets without exactly one frame, and the size in sequence headers (ISO/IEC 13818-2, 6.2 and 6.3)."""
    def parse(content: bytes) -> PacketFacts:
        at, odd = content.find(MPEG_EXTENSION), content.count(MPEG_FRAME) != 1
        while at >= 0:
            odd = odd or (content[at + 4] >> 4 == 8 and content[at + 6] & 3 != 3)  # of a picture; 3: a whole frame
            at = content.find(MPEG_EXTENSION, at + 4)
        at = content.find(MPEG_SEQUENCE)
        return PacketFacts(size=content[at + 4:at + 8] if at >= 0 else None, peculiar=odd)

    return parse


def _vp8(extra: bytes) -> Callable[[bytes], PacketFacts]:
    """Frames that are only referred to, and sizes of key frames (RFC 6386, 9.1)."""
    def parse(content: bytes) -> PacketFacts:
        key = not content[0] & 1
        size = content[6:10] if key else None
        return PacketFacts(shown=content[0] >> 4 & 1, size=size, peculiar=key and len(content) < 10)

    return parse


def _vp6(extra: bytes) -> Callable[[bytes], PacketFacts]:
    """Sizes of key frames, in blocks: behind the offset of the coefficients, if there is one."""
    def parse(content: bytes) -> PacketFacts:
        if content[0] & 128:
            return PacketFacts()
        at = 2 + 2 * bool(content[0] & 1 or not content[1] & 6)
        return PacketFacts(size=content[at:at + 2])

    return parse


def _flv1(extra: bytes) -> Callable[[bytes], PacketFacts]:
    """The size in the header of every frame: 17 + 5 + 8 bits, then a number of 3 bits and what that means."""
    def parse(content: bytes) -> PacketFacts:
        bits = _Bits(content[:9])
        bits.take(30)
        kind = bits.take(3)
        return PacketFacts(size=kind + 8 * bits.take({0: 16, 1: 32}.get(kind, 0)))

    return parse


def _vp9(extra: bytes) -> Callable[[bytes], PacketFacts]:
    """Frames that are only referred to, alone or packed with one that is shown, and sizes (VP9 specification, 6.2)."""
    def parse(content: bytes) -> PacketFacts:
        shown, size, peculiar = 0, None, False
        for frame in _vp9_frames(content):
            seen = _vp9_frame(_Bits(frame[:24]))
            shown += seen.shown
            peculiar = peculiar or seen.peculiar or (size is not None and seen.size not in (None, size))
            size = seen.size if seen.size is not None else size
        return PacketFacts(shown, size, peculiar)

    return parse


def _vp9_frames(content: bytes) -> list[bytes]:
    """The frames of a packet, by the index at its end (VP9 specification, annex B)."""
    mark = content[-1]
    if mark & 0xE0 != 0xC0:
        return [content]
    width, count = (mark >> 3 & 3) + 1, (mark & 7) + 1
    index = content[-2 - width * count:]
    if index[0] != mark:
        return [content]
    frames, at = [], 0
    for number in range(count):
        length = int.from_bytes(index[1 + width * number:1 + width * (number + 1)], "little")
        if length:
            frames.append(content[at:at + length])
        at += length
    return frames


def _vp9_frame(bits: _Bits) -> PacketFacts:
    if bits.take(2) != 2:
        return PacketFacts(peculiar=True)
    profile = bits.take(1) + 2 * bits.take(1)
    if profile == 3:
        bits.take(1)
    if bits.take(1):  # one that was kept is shown
        return PacketFacts()
    refers, shown, resilient = bits.take(1), bits.take(1), bits.take(1)
    if not refers:
        bits.take(24)
        if profile >= 2:
            bits.take(1)
        space = bits.take(3)
        if space != 7:
            bits.take(1 + 3 * (profile in (1, 3)))
        elif profile in (1, 3):
            bits.take(1)
        return PacketFacts(shown, size=bits.take(32))
    intra_only = 0 if shown else bits.take(1)
    if not resilient:
        bits.take(2)
    if intra_only:  # its size is written, and hardly ever another
        return PacketFacts(shown, peculiar=True)
    bits.take(8 + 3 * 4)
    return PacketFacts(shown, peculiar=not any(bits.take(1) for _ in range(3)))  # else as large as a frame before


READERS: dict[str, Callable[[bytes], Callable[[bytes], PacketFacts]]] = {
    "h264": _h264, "hevc": _hevc, "mpeg1video": _mpeg, "mpeg2video": _mpeg, "vp8": _vp8, "vp9": _vp9,
    "vp6f": _vp6, "flv1": _flv1}
