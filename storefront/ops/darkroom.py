"""Reads a file that should be a photograph, and makes the files that are kept of it.

Loaded when the first one comes: Pillow takes 4 MB, and most processes never see a photograph.
"""

from collections.abc import Callable
from io import BytesIO
from typing import IO

from PIL import ExifTags, Image, ImageCms, ImageOps, ImageStat, UnidentifiedImageError

from storefront.ops.photographs import LARGEST, Logo, NoPhotograph, Photograph, widths_of

QUALITY = 80

FORMATS = ("JPEG", "PNG", "WEBP")  # named, as Pillow would take EPS, which is a program
# Of a JPEG the decoder reads a large picture as a smaller one. Of the others, and of a JPEG that
# comes in several passes, all points are in memory at once.
MOST_PIXELS, MOST_PIXELS_AT_ONCE = 50_000_000, 16_000_000
# A touch icon has 180 points; what links are shown with elsewhere is twice as wide as high.
ICON, SHARED = (180, 180), (1_200, 630)
SMALLEST_LOGO = 64
LIGHT = 200
"""Of 255: so light a drawing would not be seen on white."""
ON_ITS_SIDE = (5, 6, 7, 8)
"""The orientations of EXIF that mean a quarter of a turn."""

Ground = Callable[[Image.Image], str]
"""Tells on which colour something cut out is seen."""

# The size is looked at below, before anything is decoded; Pillow's own limit is a warning.
Image.MAX_IMAGE_PIXELS = None


def develop(file: IO[bytes]) -> Photograph:
    """Return what is kept of the photograph in a file.

    Raises NoPhotograph, or what a decoder raises for a file that breaks off.
    """
    image = _decoded(file)
    files = {width: _webp(image, width) for width in widths_of(image.width)}
    return Photograph(*image.size, files)


def develop_logo(file: IO[bytes]) -> Logo:
    """Return what is kept of the logo in a file; it raises what `develop` raises."""
    image = _decoded(file, _ground_of_logo)
    if max(image.size) < SMALLEST_LOGO:
        raise NoPhotograph(f"is too small: a logo needs {SMALLEST_LOGO} points, better 180")
    icon, shared = BytesIO(), BytesIO()
    _mounted(image, ICON, ICON).save(icon, "PNG", optimize=True)
    _mounted(image, SHARED, (840, 430)).save(shared, "JPEG", quality=QUALITY, optimize=True)
    return Logo({"icon.png": icon.getvalue(), "share.jpg": shared.getvalue()})


def _mounted(image: Image.Image, size: tuple[int, int], box: tuple[int, int]) -> Image.Image:
    """Return the picture in the middle of a ground that goes on as its corner begins."""
    ground = Image.new("RGB", size, image.getpixel((0, 0)))
    shown = image.resize(_largest(image.size, box), Image.Resampling.LANCZOS)
    ground.paste(shown, ((size[0] - shown.width) // 2, (size[1] - shown.height) // 2))
    return ground


def _decoded(file: IO[bytes], ground_of: Ground = lambda _: "white") -> Image.Image:
    """Return the photograph, upright and no larger than it is shown."""
    try:
        image, orientation, profile = _read(file, ground_of)
    except UnidentifiedImageError:
        raise NoPhotograph("is not a photograph: a JPEG, PNG or WebP file") from None
    size = _largest(image.size, LARGEST[::-1] if orientation in ON_ITS_SIDE else LARGEST)
    image = _in_srgb(image.resize(size, Image.Resampling.LANCZOS), profile)
    image.info = {}
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _read(file: IO[bytes], ground_of: Ground) -> tuple[Image.Image, int, bytes]:
    """Return the points, of a film the first picture's, with their orientation and profile."""
    with Image.open(file, formats=FORMATS) as source:
        _check_size(source)
        orientation = _orientation(source)
        lying = LARGEST[::-1] if orientation in ON_ITS_SIDE else LARGEST
        source.draft(None, _largest(source.size, lying))
        source.load()
        return _on_ground(source, ground_of), orientation, source.info.get("icc_profile", b"")


def _check_size(image: Image.Image) -> None:
    is_read_smaller = image.format in ("JPEG", "MPO") and not image.info.get("progressive")
    most = MOST_PIXELS if is_read_smaller else MOST_PIXELS_AT_ONCE
    if image.width * image.height > most:
        raise NoPhotograph(f"has more than {most // 1_000_000} megapixels, the most of its kind")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # what is beside the photograph may be broken while it is not
        return 1


def _largest(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return the size, smaller if it does not fit into the box."""
    scale = min(1, box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _on_ground(image: Image.Image, ground_of: Ground) -> Image.Image:
    """Return the picture in a mode whose points can be mixed, on a ground where it is transparent.

    On that of a dark page a dark thing would not be seen.
    """
    if image.mode == "I;16":
        return image.point(lambda value: value / 256).convert("L")
    if not image.has_transparency_data:
        return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
    cut_out = image if image.mode == "RGBA" else image.convert("RGBA")
    ground = Image.new("RGB", image.size, ground_of(cut_out))
    ground.paste(cut_out, mask=cut_out)
    return ground


def _ground_of_logo(cut_out: Image.Image) -> str:
    """Return white, or black for a logo that is made for dark pages."""
    seen = ImageStat.Stat(cut_out.convert("L"), mask=cut_out.getchannel("A"))
    return "black" if seen.count[0] and seen.mean[0] > LIGHT else "white"


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the colours as browsers take them without a profile, which WebP files here lack."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # there is none, or one for other colours
        converted = None
    return converted or image.convert("RGB")


def _webp(image: Image.Image, width: int) -> bytes:
    height = max(1, round(image.height * width / image.width))
    file = BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS).save(
        file, "WEBP", quality=QUALITY, method=4
    )
    return file.getvalue()
