"""Photographs that are sent in: each trap of each kind of file, and what is no photograph."""

import re
import struct
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms, ImageDraw

from storefront.ops import darkroom
from storefront.ops.photographs import NoPhotograph, Photograph, developed, widths_of
from tests.cast import file_of, photograph, plain

pytestmark = pytest.mark.once

RED, BLUE = (255, 0, 0), (0, 0, 255)
KINDS = ["JPEG", "PNG", "WEBP"]
# The three primaries of Display P3, which iPhones photograph in, as an ICC profile has them (D50).
P3_PRIMARIES = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def largest_of(photograph: Photograph) -> Image.Image:
    with Image.open(BytesIO(photograph.files[photograph.width])) as image:
        image.load()
        return image


def colour_of(file: BytesIO, at: tuple[int, int] = (5, 5)) -> tuple[int, ...]:
    colour = largest_of(developed(file)).getpixel(at)
    assert isinstance(colour, tuple)
    return colour


def is_like(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(one, other, strict=True))


def display_p3() -> bytes:
    """sRGB's profile with the primaries of Display P3."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    for tag in range(count):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * tag)
        for place, value in enumerate(P3_PRIMARIES.get(name, ())):
            struct.pack_into(">i", profile, offset + 8 + 4 * place, round(value * 65_536))
    return bytes(profile)


class TestAPhotograph:
    def test_is_kept_as_webp_in_three_widths(self):
        kept = photograph(size=(4_000, 3_000))
        assert (kept.width, kept.height, [*kept.files]) == (1_600, 1_200, [480, 960, 1_600])
        for width, body in kept.files.items():
            with Image.open(BytesIO(body)) as image:
                assert (image.format, image.size) == ("WEBP", (width, width * 3 // 4))

    @pytest.mark.parametrize(
        ("size", "widths"),
        [((300, 200), [300]), ((481, 300), [480, 481]), ((1_000, 10), [480, 960, 1_000])],
    )
    def test_is_never_enlarged(self, size: tuple[int, int], widths: list[int]):
        kept = photograph(size=size)
        assert ([*kept.files], widths_of(kept.width)) == (widths, widths)

    @pytest.mark.parametrize("size", [(200, 20_000), (20_000, 200), (1, 5_000)])
    def test_of_an_odd_shape_is_kept_too(self, size: tuple[int, int]):
        image = largest_of(photograph(size=size))
        assert max(image.size) <= 3_200
        assert min(image.size) >= 1

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_stands_upright(self, kind: str, orientation: int):
        """Whichever way the camera was held, the red corner is where the eye saw it."""
        seen = plain("white", (60, 40))
        ImageDraw.Draw(seen).rectangle((0, 0, 29, 19), fill=RED)
        turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}.get(orientation)
        held = seen if turned is None else seen.transpose(Image.Transpose(turned))
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        sent = file_of(held, kind, exif=exif)
        assert largest_of(developed(sent)).size == (60, 40)
        corners = [colour_of(sent, at) for at in ((10, 8), (50, 8), (10, 32), (50, 32))]
        assert [is_like(corner, RED) for corner in corners] == [True, False, False, False]

    def test_that_is_large_and_held_upright_is_as_wide_as_others(self):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        kept = developed(file_of(plain(size=(4_000, 3_000)), exif=exif))
        assert (kept.width, kept.height) == (1_600, 2_133)

    @pytest.mark.parametrize("kind", KINDS)
    def test_tells_nobody_where_it_was_taken(self, kind: str):
        exif = Image.Exif()
        exif[ExifTags.Base.Make] = "Secret Camera"
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
        sent = file_of(plain(), kind, exif=exif, xmp=b"<x>Secret place</x>")
        with Image.open(sent) as image:
            assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        kept = developed(sent)
        for body in kept.files.values():
            assert not {b"EXIF", b"XMP ", b"ICCP", b"Secret"} & {
                *re.findall(rb"[A-Z]{4}|Secret", body)
            }
            with Image.open(BytesIO(body)) as image:
                assert not image.getexif()

    @pytest.mark.parametrize("kind", KINDS)
    def test_of_an_iphone_keeps_its_colours(self, kind: str):
        """The strongest red of sRGB is a weaker number in Display P3."""
        sent = file_of(plain((234, 51, 35)), kind, icc_profile=display_p3(), quality=100)
        assert is_like(colour_of(sent), RED)

    def test_for_print_keeps_its_colours(self):
        assert is_like(colour_of(file_of(plain((0, 255, 255, 0), mode="CMYK"))), RED)

    @pytest.mark.parametrize("profile", [b"garbage", display_p3()])
    def test_with_a_profile_that_does_not_fit_it_has_the_colours_that_it_says(self, profile: bytes):
        sent = file_of(plain(100, mode="L"), icc_profile=profile)
        assert is_like(colour_of(sent), (100, 100, 100))

    def test_with_broken_notes_beside_it_is_as_good_as_any(self):
        sent = file_of(plain(), exif=b"Exif\0\0garbage, and more of it")
        assert is_like(colour_of(sent), RED)

    @pytest.mark.parametrize(
        ("image", "options", "colour"),
        [
            (plain((0, 0, 0, 0), mode="RGBA"), {}, (255, 255, 255)),
            (plain((0, 0, 0, 128), mode="RGBA"), {}, (127, 127, 127)),
            (plain((9, 0), mode="LA"), {}, (255, 255, 255)),
            (plain(RED).quantize(2), {"transparency": 0}, (255, 255, 255)),
            (plain(RED), {"transparency": RED}, (255, 255, 255)),
            (plain(RED).quantize(2), {}, RED),
            (plain(1, mode="1"), {}, (255, 255, 255)),
            (plain(0x4000, mode="I;16"), {}, (64, 64, 64)),
        ],
        ids="clear half grey-clear palette-clear one-colour palette bits 16-bits".split(),
    )
    def test_of_any_kind_of_png_looks_as_on_white_paper(
        self, image: Image.Image, options: dict[str, Any], colour: tuple[int, ...]
    ):
        assert is_like(colour_of(file_of(image, "PNG", **options)), colour)

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "MPO"])
    def test_that_moves_is_its_first_picture(self, kind: str):
        film = file_of(plain(RED), kind, save_all=True, append_images=[plain(BLUE)])
        assert is_like(colour_of(film), RED)

    def test_is_known_by_what_is_seen_alone(self):
        assert photograph().digest == photograph().digest != photograph(BLUE).digest
        assert re.fullmatch("[0-9a-f]{32}", photograph().digest)

    def test_that_is_large_is_read_small(self, monkeypatch: pytest.MonkeyPatch):
        seen = []
        flatten = darkroom._on_ground

        def look(image: Image.Image, ground_of: darkroom.Ground) -> Image.Image:
            seen.append(image.size)
            return flatten(image, ground_of)

        monkeypatch.setattr(darkroom, "_on_ground", look)
        developed(file_of(plain(size=(6_400, 4_800))))
        assert seen == [(1_600, 1_200)]


def header_of_png(width: int, height: int) -> bytes:
    """A PNG of one colour: 9 KB could be 81 megapixels."""
    return file_of(plain(0, (width, height), "1"), "PNG").getvalue()


def cut(kind: str) -> bytes:
    whole = file_of(Image.effect_noise((200, 150), 90), kind).getvalue()
    return whole[: len(whole) * 2 // 3]


NOT_A_PHOTOGRAPH, BROKEN = "is not a photograph", "is broken or not complete"
BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "drawing.svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", NOT_A_PHOTOGRAPH),
    "program.eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NOT_A_PHOTOGRAPH),
    "film.gif": (lambda: file_of(plain(), "GIF").getvalue(), NOT_A_PHOTOGRAPH),
    "scan.tif": (lambda: file_of(plain(), "TIFF").getvalue(), NOT_A_PHOTOGRAPH),
    "empty.jpg": (lambda: b"\n", NOT_A_PHOTOGRAPH),
    "page.jpg": (lambda: b"<html><script>alert(1)</script>", NOT_A_PHOTOGRAPH),
    "begun.png": (lambda: b"\x89PNG\r\n\x1a\n", NOT_A_PHOTOGRAPH),
    "begun.webp": (lambda: b"RIFF\0\0\0\0WEBPVP8X", BROKEN),
    "cut.jpg": (lambda: cut("JPEG"), BROKEN),
    "cut.png": (lambda: cut("PNG"), BROKEN),
    "cut.webp": (lambda: cut("WEBP"), BROKEN),
    "large.png": (lambda: header_of_png(4_001, 4_000), "has more than 16 megapixels"),
    "bomb.png": (lambda: header_of_png(9_000, 9_000), "has more than 16 megapixels"),
}


class TestWhatIsNoPhotograph:
    @pytest.mark.parametrize("name", BAD_FILES)
    def test_is_refused_in_words(self, name: str):
        body_of, words = BAD_FILES[name]
        with pytest.raises(NoPhotograph, match=words):
            developed(BytesIO(body_of()))

    @pytest.mark.parametrize(
        ("kind", "options", "most"),
        [
            ("JPEG", {}, 50),
            ("JPEG", {"progressive": True}, 16),
            ("PNG", {}, 16),
            ("WEBP", {}, 16),
        ],
    )
    def test_has_more_points_than_are_read(
        self, monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, Any], most: int
    ):
        monkeypatch.setattr(darkroom, "MOST_PIXELS", 50)
        monkeypatch.setattr(darkroom, "MOST_PIXELS_AT_ONCE", 16)
        developed(file_of(plain(size=(most, 1)), kind, **options))
        with pytest.raises(NoPhotograph, match="megapixels"):
            developed(file_of(plain(size=(most + 1, 1)), kind, **options))

    def test_has_the_limits_that_the_docs_name(self):
        assert (darkroom.MOST_PIXELS, darkroom.MOST_PIXELS_AT_ONCE) == (50_000_000, 16_000_000)


MEMORY = """
import pathlib, re, sys, django
django.setup()
import storefront.urls
from storefront.ops.photographs import NoPhotograph, developed
for file in sys.argv[1:]:
    try:
        developed(open(file, "rb"))
        print("developed")
    except NoPhotograph as refused:
        print(refused)
print(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others tell it elsewhere")
def test_no_photograph_takes_the_memory_of_the_machine(tmp_path: Path):
    photographs: list[tuple[str, str, tuple[int, int], str]] = [
        ("JPEG", "RGB", (8_160, 6_120), "developed"),
        ("PNG", "RGB", (4_000, 4_000), "developed"),
        ("PNG", "RGBA", (4_000, 4_000), "developed"),
        ("PNG", "1", (9_000, 9_000), "megapixels"),
        ("WEBP", "RGB", (16_000, 1_200), "megapixels"),
    ]
    files = [tmp_path / str(number) for number in range(len(photographs))]
    for file, (kind, mode, size, _) in zip(files, photographs, strict=True):
        file.write_bytes(file_of(plain(0, size, mode), kind).getvalue())
    program = [sys.executable, "-c", MEMORY, *map(str, files)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    *answers, kilobytes = done.stdout.splitlines()
    for (*_, words), answer in zip(photographs, answers, strict=True):
        assert words in answer
    assert int(kilobytes) * 1024 < 250_000_000
