"""Tokens, order, facts and rights of profiles."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from bridge.base.media import Codec, Track
from bridge.base.time import ManualClock
from bridge.services.onvif.profiles import MAX_NAME, Profiles
from bridge.services.onvif.slices import SLICE_NS, Slices
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Camera, Catalogue
from tests.services.onvif.bridge_setting import (
    AAC,
    ADMIN,
    DEAF,
    GATE_ONLY,
    H264_MAIN,
    H264_MIDDLE,
    H264_SUB,
    H265_MAIN,
    NOBODY,
    PCMU,
    YARD_ONLY,
    SlowGatekeeper,
    Turns,
    fixture_cameras,
    old_cameras,
    run,
    stream,
)


def profiles_of(cameras):
    catalogue = Catalogue()
    catalogue.replace(cameras)
    return catalogue, Profiles(catalogue, Gatekeeper(), Slices(ManualClock(), Turns().later))


def everything_of(profiles, principal=ADMIN):
    return run(profiles.profiles(principal))


def tokens_of(profiles, principal=ADMIN):
    return [profile.token for profile in everything_of(profiles, principal)]


def test_order_is_main_first_then_falling_resolution():
    _, profiles = profiles_of(fixture_cameras())
    assert tokens_of(profiles) == [
        "gate.main",
        "gate.middle",
        "gate.sub",
        "yard.main",
        "yard.sub",
        "roof.main",
        "new.main",
    ]


def test_main_stays_first_even_when_it_is_smaller():
    _, profiles = profiles_of([Camera("c", "C", (stream("c", "main", H264_SUB), stream("c", "big", H264_MAIN)))])
    assert tokens_of(profiles) == ["c.main", "c.big"]
    assert [profile.path for profile in everything_of(profiles)] == ["/live/c", "/live/c/big"]


def test_rights():
    _, profiles = profiles_of(fixture_cameras())
    assert tokens_of(profiles, GATE_ONLY) == ["gate.main", "gate.middle", "gate.sub"]
    assert tokens_of(profiles, YARD_ONLY) == ["yard.main", "yard.sub"]
    assert tokens_of(profiles, NOBODY) == []
    assert tokens_of(profiles, None) == []
    assert profiles.profile(YARD_ONLY, "gate.main") is None
    assert profiles.profile(GATE_ONLY, "gate.main").token == "gate.main"
    assert profiles.camera(YARD_ONLY, "gate") is None
    assert profiles.count() == (4, 2)


def test_counts_are_those_of_this_moment():
    catalogue, profiles = profiles_of(fixture_cameras())
    catalogue.camera("new").streams[0].hub.tracks = (H264_MAIN, PCMU)
    assert profiles.count() == (4, 3)
    catalogue.camera("gate").streams[0].hub.tracks = (H264_MAIN,)
    assert profiles.count() == (4, 3)  # its sub stream has some
    catalogue.camera("gate").streams[1].hub.tracks = (H264_SUB,)
    assert profiles.count() == (4, 2)
    seen = [profiles.camera(ADMIN, camera.id).source.audio for camera in catalogue.cameras()]
    assert sum(audio is not None for audio in seen) == 2


def test_a_list_is_made_in_slices_even_for_who_sees_nothing():
    """Rights by patterns cost as much for a camera that is not seen."""
    clock, turns = ManualClock(), Turns()
    catalogue = Catalogue()
    catalogue.replace(fixture_cameras())
    profiles = Profiles(catalogue, SlowGatekeeper(clock), Slices(clock, turns.later))
    for user, expected in ((NOBODY, []), (YARD_ONLY, ["yard.main", "yard.sub"])):
        made = Deferred.fromCoroutine(profiles.profiles(user))
        assert not made.called
        while not made.called:
            began_ns = clock.monotonic_ns()
            assert turns.next()
            assert clock.monotonic_ns() - began_ns <= 2 * SLICE_NS
        assert [profile.token for profile in made.result] == expected


def test_a_list_holds_the_cameras_that_were_there():
    clock, turns = ManualClock(), Turns()
    catalogue = Catalogue()
    catalogue.replace(fixture_cameras())
    profiles = Profiles(catalogue, SlowGatekeeper(clock), Slices(clock, turns.later))
    made = Deferred.fromCoroutine(profiles.cameras(ADMIN))
    assert turns.next()
    catalogue.replace(catalogue.cameras()[:1])
    while not made.called:
        assert turns.next()
    assert [camera.source.token for camera in made.result] == ["gate", "yard", "roof", "new"]
    assert [camera.source.token for camera in run(profiles.cameras(ADMIN), turns)] == ["gate"]


def test_audio_needs_its_own_right():
    _, profiles = profiles_of(fixture_cameras())
    heard = profiles.profile(ADMIN, "gate.main")
    assert (heard.audio.codec, heard.audio.sample_rate_hz, heard.source.audio_use_count) == (Codec.AAC, 16_000, 2)
    silent = profiles.profile(DEAF, "gate.main")
    assert silent.audio is None
    assert silent.source.audio is None
    assert silent.video == heard.video
    assert profiles.profile(ADMIN, "yard.sub").audio.bitrate_kbps == 64


def test_facts_of_video():
    _, profiles = profiles_of(fixture_cameras())
    video = profiles.profile(ADMIN, "gate.main").video
    assert (video.width, video.height, video.profile) == (1920, 1080, "High")
    assert (video.bitrate_kbps, video.frame_rate, video.gop_length) == (4100, 25, 50)
    assert profiles.profile(ADMIN, "gate.sub").video.profile == "Baseline"
    h265 = profiles.profile(ADMIN, "roof.main").video
    assert (h265.codec, h265.profile, h265.width) == (Codec.H265, "Main", 3840)


def test_never_seen():
    _, profiles = profiles_of(fixture_cameras())
    profile = profiles.profile(ADMIN, "new.main")
    assert (profile.video, profile.audio) == (None, None)
    assert profile.source.width > 0
    assert profile.source.frame_rate > 0


def test_unknown_tokens():
    _, profiles = profiles_of(fixture_cameras())
    for token in ("", ".", "gate", "gate.", "gate.nothing", "nothing.main", ".main", "gate.main.main", "GATE.main"):
        assert profiles.profile(ADMIN, token) is None, token


def test_measurements_that_waver_change_nothing():
    catalogue, profiles = profiles_of(fixture_cameras())
    before = profiles.profile(ADMIN, "gate.main")
    statistics = catalogue.camera("gate").streams[0].hub.statistics
    statistics.bitrate_bps, statistics.frame_rate, statistics.gop_length = 4_900_000, 24.1, 60
    assert profiles.profile(ADMIN, "gate.main") is before
    statistics.bitrate_bps, statistics.frame_rate, statistics.gop_length = 0, 0.0, 0
    assert profiles.profile(ADMIN, "gate.main") is before
    statistics.bitrate_bps = 8_000_000
    after = profiles.profile(ADMIN, "gate.main")
    assert after.video == replace(before.video, bitrate_kbps=8000)


def test_low_frame_rates_are_kept():
    catalogue, profiles = profiles_of([Camera("c", "C", (stream("c", "main", H264_MAIN, frame_rate=0.49),))])
    assert profiles.profile(ADMIN, "c.main").video.frame_rate == Fraction(1, 2)
    catalogue.camera("c").streams[0].hub.statistics.frame_rate = 0.01
    assert profiles.profile(ADMIN, "c.main").video.frame_rate > 0


def test_a_change_remakes_its_own_part_alone():
    made = []

    def build(profile):
        made.append(profile.token)
        return profile.token

    catalogue, profiles = profiles_of(fixture_cameras())

    def ask():
        made.clear()
        for profile in everything_of(profiles):
            profile.part("key", build)
        return list(made)

    assert len(ask()) == 7
    assert ask() == []
    catalogue.camera("gate").streams[1].hub.tracks = (H264_MIDDLE,)
    assert "gate.sub" in ask()
    assert ask() == []
    catalogue.camera("yard").streams[1].hub.statistics.bitrate_bps = 700_000
    assert ask() == ["yard.sub"]
    catalogue.replace([*fixture_cameras()[:1], *catalogue.cameras()[1:]])
    assert {token.partition(".")[0] for token in ask()} == {"gate"}


def test_new_tracks_are_seen():
    catalogue, profiles = profiles_of(fixture_cameras())
    hub = catalogue.camera("new").streams[0].hub
    hub.tracks = (H264_MAIN, PCMU)
    profile = profiles.profile(ADMIN, "new.main")
    assert profile.video.codec is Codec.H264
    assert profile.audio.codec is Codec.PCMU
    hub.tracks = (H265_MAIN, AAC)
    assert profiles.profile(ADMIN, "new.main").video.codec is Codec.H265


def test_broken_parameter_sets_have_a_profile():
    for sets in ((b"",), (b"\x67",), (b"\x68\x01",), (b"\xff" * 9,)):
        for codec in (Codec.H264, Codec.H265):
            track = Track(codec, 90_000, parameter_sets=sets)
            _, profiles = profiles_of([Camera("c", "", (stream("c", "main", track),))])
            assert profiles.profile(ADMIN, "c.main").video.profile in ("Main", "High")


def test_names_fit():
    camera = Camera("c" * 32, "n" * 300, (stream("c" * 32, "s" * 16, H264_MAIN),))
    _, profiles = profiles_of([camera])
    (profile,) = everything_of(profiles)
    assert len(profile.name) == len(profile.source.name) == MAX_NAME
    assert profile.name.endswith(f" ({'s' * 16})")
    assert len(profile.token) <= 64


camera_ids = st.lists(st.from_regex(r"\A[a-z0-9-]{1,8}\Z"), unique=True, max_size=8)


@settings(max_examples=60, deadline=None)
@given(camera_ids, st.data())
def test_tokens_of_a_camera_depend_on_nothing_else(ids, data):
    """Adding and removing cameras moves and renames no profile of the others."""
    cameras = {name: Camera(name, name, (stream(name, "main", H264_MAIN), stream(name, "sub"))) for name in ids}
    catalogue, profiles = profiles_of(cameras.values())
    before = {name: profiles.camera(ADMIN, name).profiles for name in ids}
    kept = data.draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
    new = Camera("new-one", "", (stream("new-one", "main"),))
    catalogue.replace([cameras[name] for name in ids if name in kept] + [new])
    assert tokens_of(profiles) == [f"{name}.{s}" for name in ids if name in kept for s in ("main", "sub")] + [
        "new-one.main"
    ]
    for name in kept:
        after = profiles.camera(ADMIN, name).profiles
        assert all(now is then for now, then in zip(after, before[name], strict=True))


def test_facts_of_jpeg_and_of_sounds():
    _, profiles = profiles_of(old_cameras())
    video = profiles.profile(ADMIN, "old.main").video
    assert (video.codec, video.profile, video.width, video.frame_rate) == (Codec.JPEG, "", 2592, 12)
    sounds = [profiles.profile(ADMIN, token).audio for token in ("old.main", "loud.main", "far.main")]
    assert [(one.codec, one.sample_rate_hz, one.bitrate_kbps) for one in sounds] == [
        (Codec.G726, 8000, 24),
        (Codec.OPUS, 48_000, 64),
        (Codec.AAC_LATM, 16_000, 64),
    ]
