import av
import pytest
from makers import shared, write_bar_codes

from vaer.media import packets
from vaer.media.packets import READERS, PacketFacts, Packets


def read(path):
    """The packets of the first video stream of a file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = Packets(stream)
        for packet in container.demux(stream):
            if packet.size:
                found.add(packet)
        return found


def test_frames_that_vp8_only_refers_to_are_hidden():
    found = read(shared("faults") / "vp8_hidden_references.webm")
    assert (found.num_packets, sum(found.hidden), found.hides, found.peculiar) == (276, 26, True, False)


def test_what_a_vp8_frame_says():
    parse = READERS["vp8"](b"")
    key = bytes([0b0001_0000, 0, 0, 0x9D, 1, 0x2A, 64, 0, 48, 0])
    assert parse(key) == PacketFacts(shown=1, size=bytes([64, 0, 48, 0]))
    assert parse(bytes([0b0000_0001])) == PacketFacts(shown=0)
    assert parse(key[:9]).peculiar


def bits(text):
    text = text.replace(" ", "")
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))


# Frame marker 10, profile 00, not an old frame 0; then kind, shown, resilient.
KEY = bits("10 00 0 0 1 0" + f"{0x498342:024b}" + "001 0" + f"{63:016b}{47:016b}")
HIDDEN, SHOWN = bits("10 00 0 1 0 0 0 00" + 20 * "0" + "1"), bits("10 00 0 1 1 0 00" + 20 * "0" + "1")
RESIZED, OLD = bits("10 00 0 1 1 0 00" + 20 * "0" + "000" + 32 * "1"), bits("10 00 1 000")


@pytest.mark.parametrize(("content", "shown", "peculiar"), [
    (SHOWN, 1, False), (HIDDEN, 0, False), (RESIZED, 1, True), (OLD, 1, False), (b"\0", 1, True),
    (HIDDEN + SHOWN + bytes([0xC1, len(HIDDEN), len(SHOWN), 0xC1]), 1, False),
    (SHOWN + SHOWN + bytes([0xC1, len(SHOWN), len(SHOWN), 0xC1]), 2, False)])
def test_what_a_vp9_packet_says(content, shown, peculiar):
    parsed = READERS["vp9"](b"")(content)
    assert (parsed.shown, parsed.peculiar) == (shown, peculiar)


def test_the_size_of_a_vp9_key():
    assert READERS["vp9"](b"")(KEY).size == 63 << 16 | 47


def test_fields_and_parameters_that_change_are_peculiar(tmp_path):
    plain = read(write_bar_codes(tmp_path / "a.mp4", frames=20))
    assert (plain.peculiar, plain.refreshing, plain.num_packets) == (False, True, 20)
    assert read(write_bar_codes(tmp_path / "b.mp4", frames=20, flags="+ildct+ilme")).peculiar
    assert read(shared("faults") / "size_changes.mkv").peculiar
    assert read(shared("faults") / "packets_without_pts.mkv").peculiar
    assert read(write_bar_codes(tmp_path / "c.mkv", frames=20, codec="mpeg4")).peculiar  # not known


def test_a_turn_beside_h264_frames_is_peculiar():
    head = bytes([1, 100, 0, 30, 255, 0xE1, 0, 0])
    parameters = bytes.fromhex("6764001eacb201405ff2e02d4040405000003e90000ea600f162e480")
    head = head[:6] + len(parameters).to_bytes(2) + parameters
    parse = READERS["h264"](head)
    frame, turned = bytes([0x65, 0x88]), bytes([6, 47, 2, 0, 0, 0x80])
    assert parse(len(frame).to_bytes(4) + frame) == PacketFacts(refresh=True)
    assert parse(len(turned).to_bytes(4) + turned + len(frame).to_bytes(4) + frame).peculiar
    assert parse(2 * (len(frame).to_bytes(4) + frame)).peculiar  # two frames
    assert parse(b"\0\0\0\1\x09").peculiar  # none
    assert READERS["h264"](b"\0\0\0\1\x67")(frame).peculiar  # units are not led by their length


def test_messages_are_passed_by_their_length():
    assert not packets._turns(bytes([5, 3, 47, 47, 47, 0x80]))
    assert not packets._turns(bytes([5, 255, 1, *[47] * 256, 0x80]))  # 256 bytes long
    assert packets._turns(bytes([5, 1, 0, 47, 1, 0, 0x80]))


def test_mpeg_frames_fields_and_sizes():
    parse = READERS["mpeg2video"](b"")
    sequence, picture = b"\0\0\1\xb3\x2d\x02\x40\x33", b"\0\0\1\0\0\0"
    frame, field = b"\0\0\1\xb5\x8f\xff\xf3", b"\0\0\1\xb5\x8f\xff\xf1"
    assert parse(sequence + picture + frame) == PacketFacts(size=b"\x2d\x02\x40\x33")
    assert parse(picture + field).peculiar
    assert parse(picture + frame + picture + frame).peculiar
    assert parse(b"\0\0\1\xb7").peculiar


def test_keys_divide_what_is_shown(tmp_path):
    assert read(write_bar_codes(tmp_path / "closed.mp4", frames=40, g="12", bf="3")).divided()
    crossed = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0"}
    assert not read(write_bar_codes(tmp_path / "open.mp4", frames=40, **crossed)).divided()
