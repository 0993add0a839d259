"""Decoding: every file becomes an upright image in 8 bits, grey or RGB, or a fault."""

import io
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fewlabels.data.pixels import decode as decode_module
from fewlabels.data.pixels.decode import BadImage, decode, has_colour, in_threads, quiet, resize_to_square


def gradient() -> Image.Image:
    """Return a smooth picture of 24 x 16 that no turn or flip maps to itself."""
    y, x = np.mgrid[0:16, 0:24]
    return Image.fromarray(np.stack([x * 10, y * 15, x + y], -1).astype(np.uint8))


def png(width: int, height: int, rows: bytes, bits: int = 8, colour: int = 0) -> bytes:
    """Return the bytes of a PNG, made without Pillow."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm"])
def test_lossless_formats_keep_every_byte(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    gradient().save(file, **({"lossless": True} if suffix == "webp" else {}))
    image = decode(file)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(gradient()))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_exif_rotation_is_applied_as_pillow_applies_it(tmp_path: Path, suffix: str, orientation: int) -> None:
    file = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    gradient().save(file, exif=exif)
    with Image.open(file) as image:
        expected = ImageOps.exif_transpose(image)
    assert decode(file).size == ((16, 24) if orientation >= 5 else (24, 16))
    np.testing.assert_array_equal(np.asarray(decode(file)), np.asarray(expected))


AVIF = pytest.mark.skipif(not decode_module.HAS_AVIF, reason="this Pillow reads no AVIF")


@AVIF
def test_an_avif_image_is_decoded(tmp_path: Path) -> None:
    gradient().save(tmp_path / "a.avif", quality=100, subsampling="4:4:4")
    image = decode(tmp_path / "a.avif")
    assert (image.mode, image.size) == ("RGB", (24, 16))
    difference = np.abs(np.asarray(image).astype(int) - np.asarray(gradient()))
    assert difference.max() <= 8  # of 255 levels: the conversion to YCbCr and lossy coding


@AVIF
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_of_an_avif_image_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    gradient().save(tmp_path / "a.png", exif=exif)
    gradient().save(tmp_path / "a.avif", quality=100, subsampling="4:4:4", exif=exif)
    avif, png = decode(tmp_path / "a.avif"), decode(tmp_path / "a.png")
    assert avif.size == png.size == ((16, 24) if orientation >= 5 else (24, 16))
    assert np.abs(np.asarray(avif).astype(int) - np.asarray(png)).max() <= 8


def test_without_avif_support_the_fault_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_module, "HAS_AVIF", False)
    monkeypatch.setattr(decode_module, "DECODERS", tuple(set(decode_module.DECODERS) - {"AVIF"}))
    (tmp_path / "a.avif").write_bytes(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(100))
    with pytest.raises(BadImage, match=r"^is an AVIF image.*install Pillow 11\.3 or newer$"):
        decode(tmp_path / "a.avif")


def test_a_rotated_jpeg_has_its_top_left_pixel_in_the_right_corner(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a camera held upright: turn clockwise to see it right
    file = tmp_path / "a.jpg"
    image = Image.new("RGB", (64, 32))
    image.paste((255, 255, 255), (0, 0, 16, 16))
    image.save(file, exif=exif, quality=95)
    pixels = np.asarray(decode(file))
    assert pixels.shape == (64, 32, 3)
    assert pixels[4, -4].min() > 240
    assert pixels[4, 4].max() < 15


def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 25700, 32896, 65535]], np.uint16)
    for suffix in ("png", "tiff"):
        Image.fromarray(values).save(tmp_path / f"a.{suffix}")
        image = decode(tmp_path / f"a.{suffix}")
        assert image.mode == "L"
        assert np.asarray(image).tolist() == [[0, 1, 100, 128, 255]]


def test_a_16_bit_pgm_is_scaled_too(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5\n2 1\n65535\n" + struct.pack(">HH", 25700, 65535))
    assert np.asarray(decode(tmp_path / "a.pgm")).tolist() == [[100, 255]]


def test_32_bit_pixels_are_a_fault_because_their_range_is_unknown(tmp_path: Path) -> None:
    for kind in (np.int32, np.float32):
        Image.fromarray(np.full((4, 4), 70000, kind)).save(tmp_path / "a.tiff")
        with pytest.raises(BadImage, match="32-bit"):
            decode(tmp_path / "a.tiff")


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    palette = gradient().quantize(8)
    for suffix in ("png", "gif"):
        palette.save(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(np.asarray(decode(tmp_path / f"a.{suffix}")), np.asarray(palette.convert("RGB")))


def test_a_transparent_palette_entry_becomes_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    image.save(tmp_path / "a.png", transparency=1)
    assert np.asarray(decode(tmp_path / "a.png")).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_alpha_is_composited_over_white(tmp_path: Path) -> None:
    pixels = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.asarray(decode(tmp_path / "a.png")).tolist() == [[[200, 0, 0], [255, 255, 255], [204, 204, 204]]]


def test_grey_with_alpha_stays_grey(tmp_path: Path) -> None:
    Image.new("LA", (3, 3), (7, 0)).save(tmp_path / "a.png")
    image = decode(tmp_path / "a.png")
    assert (image.mode, image.getpixel((1, 1))) == ("L", 255)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    image = decode(tmp_path / "a.jpg")
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - [255, 0, 0]).max() < 8


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    assert np.asarray(decode(tmp_path / "a.png")).tolist() == [[0, 255]]


def test_only_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), level) for level in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert np.asarray(decode(tmp_path / "a.gif")).max() == 10


def saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    gradient().resize((200, 150)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (saved("JPEG")[:-200], "truncated"),
        (b"", "empty"),
        (b"this is no picture at all", "not an image"),
        (png(60000, 60000, b""), "too large"),
        (saved("PNG")[:-200], "truncated"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
    ],
    ids=["truncated jpeg", "empty", "text", "bomb", "half a png", "a program"],
)
def test_a_bad_file_is_a_fault_in_one_line_without_its_path(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)
    with pytest.raises(BadImage, match=fault) as caught:
        decode(file)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="No such file"):
        decode(tmp_path / "a.png")


def test_a_damaged_file_is_a_fault_or_an_image_and_no_other_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = tmp_path / "a"
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", *(["AVIF"] if decode_module.HAS_AVIF else [])):
        buffer = io.BytesIO()
        gradient().save(buffer, kind)
        for _ in range(40):
            content = bytearray(buffer.getvalue())
            for place in rng.integers(0, len(content), 3):
                content[place] = rng.integers(0, 256)
            file.write_bytes(content[: rng.integers(len(content) // 2, len(content) + 1)])
            with quiet(), suppress(BadImage):
                assert decode(file).mode in ("L", "RGB")


def test_a_large_image_prints_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)  # Pillow warns above, and refuses above twice that
    gradient().save(tmp_path / "a.png")
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        images = in_threads(decode, [tmp_path / "a.png"] * 4)
    assert [image.size for image in images] == [(24, 16)] * 4
    assert not shown


def test_resizing_keeps_the_whole_image(tmp_path: Path) -> None:
    image = Image.new("L", (100, 20))
    image.paste(255, (90, 0, 100, 20))  # the right tenth
    pixels = resize_to_square(image, 20, 1)
    assert pixels.shape == (20, 20, 1)
    assert pixels[:, :17].max() < 30
    assert pixels[:, 18:].min() > 200


def test_resizing_resizes_as_pillow_does() -> None:
    expected = np.asarray(gradient().resize((9, 9), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(resize_to_square(gradient(), 9, 3), expected)


def test_resizing_changes_nothing_at_the_same_size() -> None:
    image = gradient().crop((0, 0, 16, 16))
    np.testing.assert_array_equal(resize_to_square(image, 16, 3), np.asarray(image))


def test_resizing_converts_between_grey_and_rgb() -> None:
    grey = gradient().convert("L").crop((0, 0, 16, 16))
    rgb = resize_to_square(grey, 16, 3)
    assert (rgb == np.asarray(grey)[..., None]).all()
    np.testing.assert_array_equal(resize_to_square(Image.fromarray(rgb), 16, 1)[..., 0], np.asarray(grey))


def test_rgb_with_equal_channels_has_no_colour() -> None:
    assert has_colour(gradient())
    assert not has_colour(gradient().convert("L").convert("RGB"))
    assert not has_colour(gradient().convert("L"))
