"""Pictures and folders of them: kinds of pixels, sizes, and what is said of bad ones."""

import io

import numpy as np
import pytest
from PIL import Image

from ffref.data import DataError, read_image, read_images, read_own
from ffref.data.pictures import SUFFIXES, check_shape

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10
GREY = RGB[..., 0]


def save(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def levels(picture):
    """Pixels as 0 to 255."""
    assert picture.pixels.dtype == np.float32
    return np.rint(picture.pixels * 255).astype(int)


# -- kinds of pixels -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".ppm", ".PNG"])
def test_colours(suffix, tmp_path):
    picture = read_image(save(tmp_path / f"a{suffix}", RGB))
    assert levels(picture).tolist() == RGB.tolist()
    assert picture.changes == ()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".pgm"])
def test_shades_of_grey(suffix, tmp_path):
    picture = read_image(save(tmp_path / f"a{suffix}", GREY))
    assert levels(picture)[..., 0].tolist() == GREY.tolist()
    assert picture.changes == ()


def test_jpeg_and_webp_are_near(tmp_path):
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    for suffix in (".jpg", ".webp"):
        assert np.abs(levels(read_image(save(tmp_path / f"a{suffix}", flat))) - flat).max() < 8


def test_palette_and_gif_are_colours(tmp_path):
    flat = np.full((4, 4, 3), (255, 0, 51), np.uint8)
    for suffix in (".png", ".gif"):
        picture = read_image(save(tmp_path / f"a{suffix}", flat, "P"))
        assert np.abs(levels(picture) - flat).max() <= 26  # the palette's nearest colour


def test_black_and_white(tmp_path):
    picture = read_image(save(tmp_path / "a.png", np.array([[0, 255]], np.uint8), "1"))
    assert levels(picture).tolist() == [[[0], [255]]]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits(suffix, tmp_path):
    deep = np.array([[0, 257, 300, 65535]], np.uint16)
    picture = read_image(save(tmp_path / f"a{suffix}", deep))
    assert levels(picture)[0, :, 0].tolist() == [0, 1, 1, 255]
    assert picture.changes == ("16 bits to 8",)


def test_transparency_shows_white(tmp_path):
    pixels = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    picture = read_image(save(tmp_path / "a.png", pixels))
    assert levels(picture).tolist() == [[[255, 255, 255], [10, 20, 30], [204, 204, 204]]]
    assert picture.changes == ("transparency on white",)
    grey = read_image(save(tmp_path / "b.png", pixels[..., [0, 3]]))
    assert levels(grey)[0, :, 0].tolist() == [255, 10, 204]


def test_camera_held_on_its_side(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise
    picture = read_image(save(tmp_path / "a.png", GREY, exif=exif))
    assert levels(picture)[..., 0].tolist() == np.rot90(GREY, -1).tolist()
    assert picture.changes == ("turned as its Exif data say",)
    folder = tmp_path / "all"
    save(folder / "x/a.png", GREY, exif=exif)
    assert read_images(folder).image_shape == (3, 2, 1)


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        ((2, 3, 3), ()),
        ((2, 3), ("colours to shades of grey",)),
        ((2, 3, 1), ("colours to shades of grey",)),
        ((4, 5, 3), ("resized to 5x4 pixels (width x height)",)),
    ],
)
def test_shape_that_is_asked_for(shape, changes, tmp_path):
    picture = read_image(save(tmp_path / "a.png", RGB), image_shape=shape)
    assert picture.pixels.shape == (*shape, 1)[:3]
    assert picture.changes == changes


def test_grey_to_colours_and_the_weights_of_colours(tmp_path):
    grey = read_image(save(tmp_path / "a.png", GREY), image_shape=(2, 3, 3))
    assert levels(grey).tolist() == np.repeat(GREY[..., None], 3, axis=2).tolist()
    pure = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    shades = levels(read_image(save(tmp_path / "b.png", pure), image_shape=(1, 3)))
    assert shades[0, :, 0].tolist() == [76, 150, 29]  # 0.299, 0.587, 0.114 of 255: ITU-R 601


def test_resizing_averages(tmp_path):
    checks = np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((2, 2)))
    picture = read_image(
        save(tmp_path / "a.png", (checks * 255).astype(np.uint8)), image_shape=(2, 2)
    )
    assert np.abs(picture.pixels - 0.5).max() < 0.2


@pytest.mark.parametrize("shape", [(4,), (0, 4), (4, 4, 2), (4, 4, 3, 1), (-1, 4, 1), ()])
def test_shapes_that_are_none(shape):
    with pytest.raises(ValueError, match="image_shape"):
        check_shape(shape)


# -- bad pictures --------------------------------------------------------------------------------


def refused(path, says, **options):
    with pytest.raises(DataError) as error:
        read_image(path, **options)
    assert str(path) in str(error.value)
    assert says in str(error.value), error.value
    assert "\n" not in str(error.value)


def test_bad_pictures(tmp_path):
    refused(tmp_path / "absent.png", "no such file")
    refused(tmp_path, "directory")
    for name, content, says in (
        ("empty.png", b"", "empty"),
        ("text.png", b"hello", "no picture"),
        ("program.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, says)
    for suffix in (".png", ".jpg", ".bmp", ".tif"):
        whole = save(tmp_path / f"cut{suffix}", np.tile(RGB, (20, 20, 1))).read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
        refused(tmp_path / f"cut{suffix}", f"cut{suffix}")


def test_animation_and_odd_pixels(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    refused(tmp_path / "moves.gif", "several")
    save(tmp_path / "float.tif", GREY.astype(np.float32))
    refused(tmp_path / "float.tif", "type F")
    save(tmp_path / "long.tif", GREY.astype(np.int32))
    refused(tmp_path / "long.tif", "type I")


def test_more_pixels_declared_than_any_picture_has(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "BMP")
    content = bytearray(stream.getvalue())
    content[18:26] = (30_000).to_bytes(4, "little") + (30_000).to_bytes(4, "little")
    (tmp_path / "huge.bmp").write_bytes(content)
    refused(tmp_path / "huge.bmp", "pixels")


# -- folders -------------------------------------------------------------------------------------


def folder_of(tmp_path, **classes):
    for name, pictures in classes.items():
        for number, pixels in enumerate(pictures):
            save(tmp_path / name / f"{number}.png", pixels)
    return tmp_path


def test_folder(tmp_path):
    samples = read_images(folder_of(tmp_path, dog=[GREY, GREY + 5], cat=[GREY + 9]))
    assert samples.y.tolist() == ["cat", "dog", "dog"]
    assert samples.image_shape == (2, 3, 1)
    assert samples.X.shape == (3, 6)
    assert np.rint(samples.X * 255).astype(int)[1].tolist() == GREY.ravel().tolist()
    assert samples.notes == ()


def test_one_coloured_picture_makes_all_coloured(tmp_path):
    samples = read_images(folder_of(tmp_path, a=[GREY], b=[RGB]))
    assert samples.image_shape == (2, 3, 3)
    assert samples.notes == ("1 of 2 pictures: shades of grey to colours",)
    assert np.rint(samples.X[1] * 255).astype(int).tolist() == RGB.ravel().tolist()


def test_sizes(tmp_path):
    folder_of(tmp_path, a=[GREY], b=[GREY.T.copy()])
    with pytest.raises(DataError, match=r"b.0\.png: 2x3 pixels.*a.0\.png has 3x2.*--image-shape"):
        read_images(tmp_path)
    samples = read_images(tmp_path, image_shape=(4, 4))
    assert samples.image_shape == (4, 4, 1)
    assert samples.notes == ("2 of 2 pictures: resized to 4x4 pixels (width x height)",)


def test_other_files(tmp_path):
    folder_of(tmp_path, a=[GREY], b=[GREY])
    for name in ("a/.DS_Store", "a/notes.txt", "README.md", ".hidden/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("?", encoding="utf-8")
    samples = read_images(tmp_path)
    assert len(samples.X) == 2
    assert samples.notes == ("1 files left out, which are no pictures by name",)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: None, "expected a sub-folder of pictures for each class"),
        (lambda folder: (folder / "a").mkdir(), "class a has no pictures"),
        (lambda folder: save(folder / "a/b/0.png", GREY), "got a folder"),
        (lambda folder: (save(folder / "a/0.png", GREY), save(folder / "1.png", GREY)), "1.png"),
        (lambda folder: (folder / "a/0.png").mkdir(parents=True), "got a folder"),
    ],
)
def test_folders_of_another_form(make, says, tmp_path):
    make(tmp_path)
    with pytest.raises(DataError) as error:
        read_images(tmp_path)
    assert says in str(error.value)


def test_a_broken_picture_is_named(tmp_path):
    folder_of(tmp_path, a=[GREY, GREY], b=[GREY])
    (tmp_path / "a/1.png").write_bytes((tmp_path / "a/1.png").read_bytes()[:45])
    for options in ({}, {"image_shape": (2, 3)}):
        with pytest.raises(DataError, match=r"a.1\.png"):
            read_images(tmp_path, **options)


def test_too_large(tmp_path):
    with pytest.raises(DataError, match="the limit of 23"):
        read_images(folder_of(tmp_path, a=[GREY]), max_bytes=23)


def test_names_of_all_formats_can_be_saved(tmp_path):
    for suffix in SUFFIXES:
        save(tmp_path / f"x{suffix}", RGB, "1" if suffix == ".pbm" else None)
        read_image(tmp_path / f"x{suffix}")


# -- whatever kind of path -----------------------------------------------------------------------


def test_own(tmp_path):
    folder_of(tmp_path / "pictures", a=[GREY], b=[GREY])
    assert read_own(tmp_path / "pictures", image_shape=(2, 3, 3)).image_shape == (2, 3, 3)
    np.savez(tmp_path / "arrays.npz", X=[[1.0], [2.0]], y=[0, 1])
    assert read_own(tmp_path / "arrays.npz").X.tolist() == [[1.0], [2.0]]
    (tmp_path / "table.CSV").write_text("a,b\n1,x\n", encoding="utf-8")
    assert read_own(tmp_path / "table.CSV").feature_names == ("a",)
    assert read_own(tmp_path / "table.CSV", label="b").y.tolist() == ["x"]
    for name in ("pictures", "arrays.npz"):
        with pytest.raises(DataError, match="no table"):
            read_own(tmp_path / name, label="b")
