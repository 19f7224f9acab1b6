"""The files of `benchmarks/odd_inputs.py`: containers, codecs, pixel formats, rates, turns, streams, offsets."""

from fractions import Fraction

from odd_makers import Film, Odd, Sound

FAST = {"preset": "ultrafast"}
NTSC, CINEMA = Fraction(30_000, 1001), Fraction(24_000, 1001)
H264, AAC = Film(options=FAST), Sound()
B_FRAMES = {"preset": "veryfast", "x264-params": "bframes=3:b-adapt=0:keyint=50:scenecut=0"}
OPEN_GOP = {"preset": "veryfast", "x264-params": "open-gop=1:bframes=3:b-adapt=0:keyint=25:scenecut=0"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none"}
SVT = {"preset": "8", "crf": "20", "svtav1-params": "lp=1"}
VP8 = Film("libvpx", options={"cpu-used": "8", "deadline": "realtime"})
VP9 = Film("libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"})
HIDDEN = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "4", "arnr-maxframes": "5"}
H263 = Film("h263", sar=Fraction(12, 11))  # the shape of its pixels at the sizes that it has a number for
OPUS, VORBIS, MP3 = Sound("libopus"), Sound("vorbis", options={"strict": "-2"}), Sound("libmp3lame")
MP2, PCM, FLAC = Sound("mp2"), Sound("pcm_s16le"), Sound("flac")
BRANDS = {"mp4": ("mp4", AAC), "mov": ("mov", PCM), "mkv": ("mkv", FLAC), "avi": ("avi", MP3), "ts": ("ts", MP2)}


def _pair(ending: str, film: Film | None, sound: Sound | None, remark: str = "", **other) -> Odd:
    """A file named after what is in it."""
    parts = [stream.codec for stream in (film, sound) if stream is not None]
    if film is not None:
        parts.insert(1, film.pix_fmt)
    name = "_".join([*parts, *([remark] if remark else [])]).replace(" ", "_")
    return Odd(f"{name}.{ending}", tuple(stream for stream in (film, sound) if stream is not None), **other)


def _film_codecs() -> list[Odd]:
    """Containers x codecs x pixel formats."""
    quick = {"quick": True}
    found = [_pair("mp4", H264, AAC, **quick)]
    for pix_fmt in ("yuv422p", "yuv444p", "yuvj420p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "gray", "gray10le",
                    "nv12"):
        full = {"range": 2} if pix_fmt.startswith("yuvj") else {}
        found.append(_pair("mp4", H264._replace(pix_fmt=pix_fmt, **full), AAC))
    for pix_fmt in ("yuv420p", "yuv422p", "yuv420p10le", "yuv420p12le", "gray"):
        found.append(_pair("mp4", Film("libx265", pix_fmt, options=X265), AAC))
    for pix_fmt in ("yuv420p", "yuv420p10le"):
        found.append(_pair("mp4", Film("libsvtav1", pix_fmt, options=SVT), AAC))
    found += [_pair("mp4", VP9, OPUS), _pair("mp4", Film("mpeg4"), MP3), _pair("mp4", Film("mpeg2video"), MP2),
              _pair("mp4", Film("mpeg1video"), Sound("ac3")), _pair("mp4", Film("mjpeg", "yuvj420p"), Sound("alac")),
              _pair("mp4", Film("mjpeg", "yuvj444p"), Sound("eac3")), _pair("mp4", H264, FLAC),
              _pair("m4v", H264, AAC), _pair("f4v", H264, AAC)]
    for codec, pix_fmt, sound in (
            ("prores_ks", "yuv422p10le", PCM), ("prores_ks", "yuv444p10le", Sound("pcm_s24le")),
            ("prores", "yuv422p10le", Sound("pcm_f32le")), ("mjpeg", "yuvj422p", Sound("pcm_s16be")),
            ("qtrle", "rgb24", Sound("pcm_mulaw")), ("png", "rgb24", Sound("adpcm_ima_qt")),
            ("png", "rgba", AAC), ("rawvideo", "yuyv422", PCM), ("rawvideo", "uyvy422", PCM),
            ("cfhd", "yuv422p10le", PCM), ("svq1", "yuv410p", PCM), ("cinepak", "rgb24", PCM),
            ("rpza", "rgb555le", PCM), ("jpeg2000", "yuv420p", PCM),
            ("v210", "yuv422p10le", PCM)):
        found.append(_pair("mov", Film(codec, pix_fmt), sound, quick=codec == "prores_ks" and sound is PCM))
    found.append(_pair("mov", Film("dnxhd", "yuv422p", options={"profile": "dnxhr_lb"}, size=(288, 384)), PCM))
    found.append(_pair("mov", H263, PCM))
    found += [_pair("mov", Film("libx265", options=X265 | {"tag": "hvc1"}), AAC), _pair("mov", H264, Sound("pcm_alaw"))]
    for film, sound in (
            (H264, OPUS), (VP8, VORBIS), (VP9, OPUS), (Film("libsvtav1", options=SVT), OPUS),
            (Film("libx265", options=X265), AAC), (Film("mpeg4", options={"bf": "2"}), MP3),
            (Film("mpeg2video"), Sound("ac3")), (Film("mjpeg", "yuvj420p"), PCM), (Film("ffv1"), FLAC),
            (Film("ffv1", "yuv422p10le"), Sound("wavpack")), (Film("ffv1", "gray16le"), Sound("tta")),
            (Film("rawvideo", "yuv420p"), PCM), (Film("ffv1", "yuv444p"), Sound("alac")),
            (Film("prores_ks", "yuv422p10le"), PCM), (Film("dirac"), FLAC), (Film("snow"), PCM),
           
            (Film("libx264rgb", "rgb24", options=FAST | {"crf": "0"}), FLAC)):
        other = {"strict": "-2"} if film.codec == "snow" else {}
        found.append(_pair("mkv", film._replace(options=film.options | other), sound))
    return found


def _more_film_codecs() -> list[Odd]:
    found = []
    for film, sound in (
            (VP8, VORBIS), (VP8, OPUS), (VP9, OPUS), (Film("libsvtav1", options=SVT), OPUS),
            (VP9._replace(pix_fmt="yuv444p"), OPUS),
            (VP9._replace(pix_fmt="yuva420p"), OPUS),
            (Film("libvpx", "yuva420p", options={"auto-alt-ref": "0", "cpu-used": "5"}), OPUS)):
        found.append(_pair("webm", film, sound, quick=film is VP9))
    for film, sound in (
            (Film("mpeg4"), MP3), (Film("mpeg4", options={"bf": "2"}), MP3), (H264, PCM),
            (Film(options=B_FRAMES), MP3), (Film("mjpeg", "yuvj420p"), PCM), (Film("huffyuv", "yuv422p"), PCM),
            (Film("ffv1"), PCM), (Film("rawvideo", "bgr24"), PCM), (Film("cinepak", "rgb24"), Sound("pcm_u8")),
            (Film("wmv1"), MP3), (Film("wmv2"), PCM), (Film("msmpeg4"), Sound("adpcm_ima_wav")),
            (Film("msmpeg4v2"), Sound("adpcm_ms")), (Film("mpeg2video"), MP2),
            (Film("utvideo", "gbrp"), Sound("ac3")), (Film("ffvhuff", "yuv444p"), PCM),
            (Film("magicyuv", "yuv444p"), MP2), (Film("msmpeg4v2"), Sound("eac3")),
            (Film("zmbv", "bgr0"), Sound("adpcm_yamaha", layout="mono")),
            (Film("msvideo1", "rgb555le"), PCM), (Film("asv2"), PCM), (Film("flv"), AAC), (VP8, MP3), (VP9, MP3),
            (Film("dvvideo", "yuv420p", size=(576, 720), frames=60), PCM._replace(seconds=2.4)),
            (Film("mjpeg", "yuvj420p"), Sound("pcm_s24le", layout="mono"))):
        found.append(_pair("avi", film, sound, "b_frames" if film.options.get("bf") or film.options is B_FRAMES else "",
                           quick=film.options.get("bf") == "2"))
    for ending, film, sound in (
            ("mpg", Film("mpeg1video"), MP2), ("mpg", Film("mpeg2video"), MP2),
            ("mpg", Film("mpeg2video"), Sound("ac3")),
            ("vob", Film("mpeg2video", options={"bf": "2"}), Sound("ac3")), ("mpg", H264, MP2),
            ("mpg", Film("mpeg2video", options={"bf": "2", "g": "12"}), MP3),
            ("ts", H264, AAC), ("ts", Film("mpeg2video", options={"bf": "2"}), MP2), ("ts", H264, Sound("ac3")),
            ("ts", Film("libx265", options=X265), Sound("eac3")), ("ts", Film(options=B_FRAMES), OPUS),
            ("flv", Film("flv"), MP3), ("flv", H264, AAC), ("flv", Film(options=B_FRAMES), AAC._replace(layout="mono")),
            ("flv", Film("flashsv", "bgr24"), Sound("adpcm_swf", rate=22_050)),
            ("flv", Film("flv"), Sound("nellymoser", rate=16_000, layout="mono")),
            ("flv", Film("libx265", options=X265), AAC), ("flv", Film("flv"), Sound("pcm_s16le", rate=44_100)),
            ("wmv", Film("wmv2"), Sound("wmav2")), ("wmv", Film("wmv1"), Sound("wmav1")),
            ("wmv", Film("msmpeg4"), MP3), ("asf", H264, AAC), ("asf", Film("mpeg4"), PCM),
            ("ogv", VP8, VORBIS), ("ogv", VP8, OPUS),
            ("3gp", H263, Sound("libopencore_amrnb", rate=8000, layout="mono", bit_rate=12_200)),
            ("3gp", Film("mpeg4"), AAC), ("3gp", H264, AAC), ("3g2", H264, AAC),
            ("mxf", Film("mpeg2video"), PCM), ("nut", Film("mpeg4"), MP3), ("rm", Film("rv20"), Sound("ac3")),
            ("wtv", Film("mpeg2video"), MP2), ("dv", Film("dvvideo", "yuv420p", size=(576, 720), frames=60), None),
            ("y4m", Film("wrapped_avframe"), None), ("h264", H264, None), ("ivf", VP8, None),
            ("gif", Film("gif", "rgb8"), None), ("mjpeg", Film("mjpeg", "yuvj420p"), None),
            ("m2v", Film("mpeg2video"), None), ("hevc", Film("libx265", options=X265), None),
            ("obu", Film("libsvtav1", options=SVT), None)):
        quick = (ending, film, sound and sound.codec) in (
            ("mpg", Film("mpeg2video"), "mp2"), ("ts", H264, "aac"), ("flv", Film("flv"), "libmp3lame"),
            ("wmv", Film("wmv2"), "wmav2"), ("ogv", VP8, "vorbis"), ("rm", Film("rv20"), "ac3"),
            ("3gp", H263, "libopencore_amrnb"))
        remark = "b_frames" if film.options is B_FRAMES else "b" if "bf" in film.options else ""
        found.append(_pair(ending, film, sound, remark, quick=quick))
    return found


def _rates() -> list[Odd]:
    """Frame rates, constant and variable."""
    found = []
    for rate in (Fraction(5), Fraction(12), Fraction(15), CINEMA, Fraction(24), NTSC, Fraction(30), Fraction(50),
                 Fraction(60_000, 1001), Fraction(60), Fraction(120)):
        for ending in ("mp4", "webm", "avi") if rate in (CINEMA, NTSC, 60) else ("mp4",):
            film = {"mp4": H264, "webm": VP8, "avi": Film("mpeg4")}[ending]._replace(rate=rate)
            seconds = 250 / float(rate) if rate > 20 else 10.0
            film = film._replace(frames=round(seconds * rate))
            sound = {"mp4": AAC, "webm": OPUS, "avi": PCM}[ending]._replace(seconds=seconds)
            found.append(_pair(ending, film, sound, f"{float(rate):.2f}_a_second"))
    for ending, film, sound in (("mp4", H264, AAC), ("mov", H264, PCM), ("mkv", H264, FLAC), ("webm", VP8, OPUS),
                                ("flv", H264, AAC), ("ts", H264, MP2), ("mp4", Film(options=B_FRAMES), AAC),
                                ("wmv", Film("wmv2"), Sound("wmav2")), ("mp4", Film("libx265", options=X265), AAC)):
        found.append(_pair(ending, film._replace(variable=True), sound,
                           "variable" + "_b_frames" * (film.options is B_FRAMES), quick=ending in ("mp4", "webm")))
    return found


def _shapes() -> list[Odd]:
    """The eight turns and mirrors, pixels that are not square, and both at once; sizes that are odd."""
    found = []
    for turn in (0, 90, 180, 270):
        for mirror in (False, True):
            for ending, sound in (("mp4", AAC), ("mov", PCM), ("mkv", FLAC)):
                if turn or mirror:
                    film = H264._replace(turn=turn, mirror=mirror)
                    found.append(_pair(ending, film, sound, f"turned_{turn}" + "_mirrored" * mirror,
                                       quick=ending == "mp4" and mirror))
    for sar in (Fraction(64, 45), Fraction(12, 11), Fraction(4, 3), Fraction(1, 2), Fraction(8, 9)):
        name = f"pixels_{sar.numerator}_{sar.denominator}"
        for ending, film, sound in (("mp4", H264, AAC), ("mkv", H264, FLAC), ("avi", H264, MP3)):
            found.append(_pair(ending, film._replace(sar=sar), sound, name, quick=ending == "mkv" and sar == 2))
    for ending, film, sound in (("mov", Film("mpeg4"), PCM), ("wmv", Film("wmv2"), Sound("wmav2")), ("ts", H264, MP2),
                                ("flv", H264, AAC), ("mp4", Film("mpeg4"), AAC)):
        found.append(_pair(ending, film._replace(sar=Fraction(4, 3)), sound, "pixels_4_3"))
    # MPEG-2 names the shape of the whole frame: 16 : 9 of 128 x 96 are pixels of 4 : 3.
    found.append(_pair("mpg", Film("mpeg2video", sar=Fraction(4, 3)), MP2, "pixels_4_3", quick=True))
    found.append(_pair("mp4", H264._replace(sar=Fraction(4, 3), turn=90), AAC, "pixels_4_3_turned_90", quick=True))
    found.append(_pair("mov", H264._replace(sar=Fraction(64, 45), turn=270, mirror=True), AAC,
                       "pixels_64_45_turned_270_mirrored"))
    for size in ((98, 130), (120, 96), (96, 400), (97, 131), (1080, 1920)):
        pix_fmt = "yuv444p" if size[0] % 2 else "yuv420p"
        frames = 60 if size[0] > 500 else 250
        found.append(_pair("mp4", H264._replace(size=size, pix_fmt=pix_fmt, frames=frames),
                           AAC._replace(seconds=frames / 25), f"{size[1]}x{size[0]}"))
    return found


def _streams() -> list[Odd]:
    """Which of several streams; covers, subtitles, chapters, time codes; the order of streams."""
    decoy = H264._replace(decoy=True)
    plain, default = {"default": False}, {"default": True}
    found = [
        Odd("sound_first.mp4", (AAC, H264), quick=True), Odd("sound_first.mkv", (FLAC, H264)),
        Odd("two_films.mp4", (H264, decoy, AAC)), Odd("two_films.mkv", (H264, decoy, FLAC)),
        Odd("two_films.ts", (H264, decoy, MP2)),
        Odd("second_film_is_default.mkv", (decoy._replace(**plain), H264._replace(**default), FLAC), quick=True),
        Odd("second_film_is_default.mp4", (decoy._replace(**plain), H264._replace(**default), AAC)),
        Odd("first_film_is_default.mkv", (H264._replace(**default), decoy._replace(**plain), FLAC)),
        Odd("larger_second_film.mp4", (H264, decoy._replace(size=(192, 256)), AAC)),
        Odd("longer_second_film.mkv", (H264._replace(frames=200), decoy, FLAC)),
        Odd("thumbnail_first.mp4", (decoy._replace(frames=1), H264, AAC), quick=True),
        Odd("thumbnail_first.mkv", (decoy._replace(frames=1), H264, FLAC)),
        Odd("thumbnail_last.mp4", (H264, AAC, decoy._replace(frames=1))),
        Odd("thumbnail_of_jpeg_first.mov", (Film("mjpeg", "yuvj420p", frames=1, decoy=True), H264, PCM)),
        Odd("second_sound_is_default.mkv", (H264, FLAC._replace(decoy=True, **plain), FLAC._replace(**default)),
            quick=True),
        Odd("second_sound_is_default.mp4", (H264, AAC._replace(decoy=True, **plain), AAC._replace(**default))),
        Odd("second_sound_is_default.mka", (FLAC._replace(decoy=True, **plain), FLAC._replace(**default))),
        Odd("two_sounds.mp4", (H264, AAC, AAC._replace(decoy=True))),
        Odd("two_sounds.mkv", (H264, OPUS, FLAC._replace(decoy=True))),
        Odd("two_sounds.avi", (Film("mpeg4"), PCM, PCM._replace(decoy=True))),
        Odd("two_sounds.mpg", (Film("mpeg2video"), MP2, MP2._replace(decoy=True))),
        Odd("two_sounds_of_two_lengths.mkv", (H264, FLAC._replace(seconds=6.0), FLAC._replace(decoy=True))),
        Odd("all_not_default.mkv", (H264._replace(**plain), decoy._replace(**plain), FLAC._replace(**plain),
                                    FLAC._replace(decoy=True, **plain))),
        Odd("cover.mp4", (H264, AAC), extras=("cover",)), Odd("cover_first.mp4", (H264, AAC), extras=("cover first",)),
        Odd("cover.m4a", (AAC,), muxer="mp4", extras=("cover",), quick=True),
        Odd("cover_first.mp3", (MP3,), extras=("cover",)),
        Odd("cover.flac", (FLAC,), extras=("cover",)), Odd("cover.mkv", (H264, FLAC), extras=("cover",)),
        Odd("subtitles.mp4", (H264, AAC), extras=("subtitles",)),
        Odd("subtitles.mkv", (H264, FLAC), extras=("subtitles", "chapters")),
        Odd("chapters.mp4", (H264, AAC), extras=("chapters",)),
        Odd("timecode.mov", (H264, PCM), extras=("timecode",)),
        Odd("no_sound.mp4", (H264,), quick=True), Odd("no_sound.webm", (VP8,)), Odd("no_sound.avi", (Film("mpeg4"),)),
        Odd("no_frames.mp4", (AAC,)), Odd("no_frames.webm", (OPUS,)), Odd("no_frames.mkv", (AAC,)),
        Odd("no_frames.avi", (PCM,)), Odd("no_frames.ts", (MP2,)), Odd("no_frames.wmv", (Sound("wmav2"),)),
    ]
    return found


def _times() -> list[Odd]:
    """Late streams, clocks that start late or wrap, hidden starts, unfinished headers, pieces."""
    found = []
    for ending, film, sound in (("mp4", H264, AAC), ("mov", H264, PCM), ("mkv", H264, FLAC), ("webm", VP8, OPUS),
                                ("ts", H264, MP2), ("flv", H264, AAC), ("mpg", Film("mpeg2video"), MP2),
                                ("wmv", Film("wmv2"), Sound("wmav2")), ("mp4", Film(options=B_FRAMES), AAC)):
        name = "b_frames_" * (film.options is B_FRAMES)
        found.append(_pair(ending, film._replace(start_s=0.4, frames=240), sound, name + "late_film",
                           quick=ending in ("mp4", "mkv") and not name))
        found.append(_pair(ending, film, sound._replace(start_s=0.52, seconds=9.4), name + "late_sound",
                           quick=ending == "mp4" and bool(name)))
        if ending != "mpg":
            found.append(_pair(ending, film._replace(start_s=5.0), sound._replace(start_s=5.0), name + "both_late"))
    found.append(_pair("ts", H264, MP2, "clock_wraps", options={"output_ts_offset": "95440"}, quick=True))
    found.append(_pair("ts", H264, MP2, "clock_wraps_later", options={"output_ts_offset": "95436"}))
    found.append(_pair("mpg", Film("mpeg2video"), MP2, "clock_late", options={"output_ts_offset": "3600"}))
    found.append(_pair("mp4", H264, AAC, "pieces", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}))
    found.append(_pair("mp4", Film(options=B_FRAMES), AAC, "pieces_b_frames", options={
        "movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"}))
    found.append(_pair("mp4", H264, AAC, "header_first", options={"movflags": "faststart"}))
    found.append(_pair("mp4", Film(options=B_FRAMES), AAC, "no_edit_list", options={"use_editlist": "0"}))
    found.append(_pair("mp4", Film(options=B_FRAMES), AAC, "negative_offsets", options={
        "movflags": "negative_cts_offsets"}))
    found.append(_pair("mkv", H264, FLAC, "live", options={"live": "1"}))
    found.append(_pair("webm", VP8, OPUS, "live", options={"live": "1"}))
    found.append(_pair("mkv", Film(options=B_FRAMES), FLAC, "small_clusters", options={"cluster_time_limit": "100"}))
    return found


def _groups() -> list[Odd]:
    """How frames refer to one another; what stands hidden among them; sizes that change midway."""
    found = []
    for name, options in (("b_frames", B_FRAMES), ("open_gop", OPEN_GOP),
                          ("one_key_frame", {"preset": "veryfast", "x264-params": "keyint=infinite"}),
                          ("refresh", {"preset": "veryfast", "x264-params": "intra-refresh=1:keyint=25"}),
                          ("all_key_frames", {"preset": "veryfast", "x264-params": "keyint=1"}),
                          ("interlaced", {"preset": "veryfast", "x264-params": "tff=1"}),
                          ("pyramid", {"preset": "medium", "x264-params": "bframes=8:b-pyramid=normal:keyint=60"})):
        for ending, sound in (("mp4", AAC), ("mkv", FLAC), ("ts", MP2)):
            found.append(_pair(ending, Film(options=options), sound, name,
                               quick=name == "open_gop" and ending == "mkv"))
    found.append(_pair("mp4", Film("libx265", options={"preset": "superfast", "x265-params": (
        "log-level=none:open-gop=1:keyint=25:bframes=3:b-adapt=0")}), AAC, "open_gop"))
    found.append(_pair("mpg", Film("mpeg2video", options={"bf": "2", "g": "12"}), MP2, "open_gop"))
    found.append(_pair("ts", Film("mpeg2video", options={
        "bf": "2", "g": "12", "flags": "+cgop", "sc_threshold": "1000000000"}), MP2, "closed_gop"))
    found.append(_pair("mp4", Film("mpeg4", options={"bf": "2", "g": "25"}), AAC, "b_frames"))
    found.append(_pair("webm", Film("libvpx", options=HIDDEN), OPUS, "hidden_references", quick=True))
    found.append(_pair("mkv", Film("libvpx", options=HIDDEN), FLAC, "hidden_references"))
    found.append(_pair("webm", Film("libvpx-vp9", options=HIDDEN), OPUS, "hidden_references"))
    found.append(_pair("ivf", Film("libvpx", options=HIDDEN), None, "hidden_references"))
    for ending, film, sound in (("webm", VP8, OPUS), ("webm", VP9, OPUS), ("mkv", Film("mjpeg", "yuvj420p"), FLAC),
                                ("ts", H264, MP2), ("avi", Film("mjpeg", "yuvj420p"), PCM)):
        found.append(_pair(ending, film._replace(resized=(144, 192)), sound, "size_changes",
                           quick=ending == "webm" and film is VP8))
    found.append(_pair("webm", VP8._replace(resized=(128, 96)), OPUS, "shape_changes"))
    for ending, film, sound in (("mp4", H264, AAC), ("mkv", H264, FLAC), ("avi", Film("mpeg4"), PCM),
                                ("webm", VP8, OPUS)):
        found.append(_pair(ending, film._replace(frames=1), sound, "one_frame"))
        found.append(_pair(ending, film._replace(frames=2), None, "two_frames_no_sound"))
    found.append(_pair("mp4", H264._replace(frames=1), None, "one_frame_no_sound", quick=True))
    return found


def _sounds() -> list[Odd]:
    """Files of audio: containers x codecs x rates x channels."""
    found = []
    for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw",
                  "adpcm_ms", "adpcm_ima_wav", "adpcm_yamaha", "libmp3lame", "ac3", "mp2", "aac"):
        found.append(_pair("wav", None, Sound(codec), quick=codec in ("pcm_s24le", "adpcm_ima_wav")))
    found += [_pair("wav", None, Sound("g722", 16_000, "mono")),
              _pair("wav", None, Sound("g726", 8000, "mono", bit_rate=32_000)),
              _pair("wav", None, Sound("adpcm_ms", 11_025, "mono"), "11025_mono"),
              _pair("wav", None, Sound("adpcm_ima_wav", 8000, "mono"), "8000_mono"),
              _pair("wav", None, PCM, "rf64", options={"rf64": "always"}), _pair("w64", None, PCM)]
    for rate in (8000, 11_025, 16_000, 22_050, 32_000, 44_100, 96_000, 192_000):
        found.append(_pair("wav", None, Sound("pcm_s16le", rate), f"{rate}_hertz"))
    for layout in ("mono", "2.1", "quad", "5.1", "7.1"):
        found.append(_pair("wav", None, Sound("pcm_s16le", layout=layout), layout.replace(".", "_")))
        if layout != "mono":
            found.append(_pair("mp4", H264, Sound("aac", layout=layout.replace("2.1", "3.0").replace("quad", "4.0")),
                               f"channels_{layout.replace('.', '_')}"))
    found.append(_pair("mkv", None, Sound("ac3", layout="5.1(side)"), "5_1"))
    for ending, codec in (("m4a", "aac"), ("mka", "libopus"), ("flac", "flac"), ("wv", "wavpack"), ("caf", "alac")):
        found.append(_pair(ending, None, Sound(codec, layout="5.1" if codec == "alac" else "7.1"), "surround"))
    for ending, sounds in {
            "flac": (FLAC, Sound("flac", 44_100, "mono", format="s16"), Sound("flac", 96_000, format="s32")),
            "mp3": (MP3, Sound("libmp3lame", 44_100, bit_rate=320_000), Sound("libmp3lame", 22_050, "mono"),
                    Sound("libmp3lame", 8000, "mono")),
            "mp2": (MP2,), "ogg": (VORBIS, OPUS, FLAC), "oga": (FLAC,), "opus": (OPUS, Sound("libopus", layout="mono")),
            "m4a": (AAC, Sound("alac"), Sound("aac", 44_100, "mono"), Sound("aac", 8000, "mono")), "m4b": (AAC,),
            "aac": (AAC, Sound("aac", 44_100, "mono")),
            "aiff": tuple(map(Sound, ("pcm_s16be", "pcm_s24be", "pcm_f32be", "pcm_alaw", "adpcm_ima_qt"))),
            "aif": (Sound("pcm_s8"),), "au": (Sound("pcm_mulaw"), Sound("pcm_s16be"), Sound("pcm_f32be")),
            "caf": (PCM, Sound("alac"), Sound("pcm_f32be"), Sound("adpcm_ima_qt")),
            "mka": (FLAC, OPUS, PCM, AAC, VORBIS), "weba": (OPUS,), "wma": (Sound("wmav1"), Sound("wmav2"),
                                                                       Sound("wmav2", 44_100, "mono")),
            "ac3": (Sound("ac3"),), "eac3": (Sound("eac3"),), "wv": (Sound("wavpack"),), "tta": (Sound("tta"),),
            "amr": (Sound("libopencore_amrnb", 8000, "mono", bit_rate=12_200),),
            "voc": (Sound("pcm_u8", 8000, "mono"),), "adx": (Sound("adpcm_adx"),),
            "g722": (Sound("g722", 16_000, "mono"),), "sox": (Sound("pcm_s32le"),), "ircam": (PCM,)
            }.items():
        for sound in sounds:
            remark = f"{sound.rate}_{sound.layout}" if (sound.rate, sound.layout) != (48_000, "stereo") else ""
            muxer = {"weba": "webm", "m4b": "ipod"}.get(ending)
            found.append(_pair(ending, None, sound, remark, muxer=muxer, quick=ending in ("mp3", "opus", "caf")
                               and sound in (MP3, OPUS, PCM)))
    found.append(_pair("mp3", None, MP3, "no_count", options={"write_xing": "0"}))
    found.append(_pair("mp3", None, MP3, "old_tags", options={"id3v2_version": "0", "write_id3v1": "1"}))
    found.append(_pair("mp3", None, Sound("libmp3lame", options={"q": "4"}), "variable"))
    found.append(_pair("flac", None, FLAC._replace(seconds=0.1), "tenth_of_a_second"))
    found.append(_pair("wav", None, PCM._replace(seconds=0.05), "twentieth_of_a_second"))
    found.append(_pair("mp3", None, MP3._replace(seconds=0.3), "third_of_a_second"))
    return found


def all_odd() -> list[Odd]:
    """Every file; names differ."""
    return [*_film_codecs(), *_more_film_codecs(), *_rates(), *_shapes(), *_streams(), *_times(), *_groups(),
            *_sounds()]
