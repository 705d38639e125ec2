import io

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin.artifact import ArtifactError, encoding
from gmmaug_plugin.artifact.encoding import LEAST_PSNR, decode_images, encode_images, psnr


def encoded(codec: str, image: np.ndarray, **options: object) -> tuple[np.ndarray, np.ndarray]:
    """One image as Pillow writes it, and its offsets."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, codec, **options)
    return one_image(file.getvalue())


def one_image(contents: bytes) -> tuple[np.ndarray, np.ndarray]:
    return np.frombuffer(contents, np.uint8), np.array([0, len(contents)])


def smooth(n: int, size: int, channels: int = 0) -> np.ndarray:
    """Images like photos: waves and some grain."""
    shape = (n, size, size, channels) if channels else (n, size, size)
    y, x = np.indices(shape)[1:3] / size
    grain = np.random.default_rng(0).normal(0, 4, shape)
    return np.clip(128 + 50 * np.sin(9 * x + 20 * y) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (33, 33, 3), (200, 200, 3)])
@pytest.mark.parametrize("content", ["noise", "black and white", "flat"])
def test_every_jpeg_keeps_the_least_psnr(shape: tuple[int, ...], content: str) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, *shape), np.uint8)
    image = {"noise": image, "black and white": image // 128 * 255, "flat": image * 0 + 77}[content]
    found = decode_images(*encode_images(image, "jpeg"), "jpeg", shape)
    assert psnr(image, found) >= LEAST_PSNR


@pytest.mark.parametrize("channels", [0, 3])
def test_png_is_lossless_and_jpeg_much_smaller(channels: int) -> None:
    images = smooth(5, 64, channels)
    blob, offsets = encode_images(images, "png")
    np.testing.assert_array_equal(decode_images(blob, offsets, "png", images.shape[1:]), images)
    jpeg, _ = encode_images(images, "jpeg")
    assert len(jpeg) < 0.75 * len(blob)


def test_an_image_with_less_detail_gets_a_coarser_step() -> None:
    detailed, plain = smooth(1, 64), smooth(1, 64) // 16 * 2
    assert len(encode_images(plain, "jpeg")[0]) < len(encode_images(detailed, "jpeg")[0])


def test_each_image_is_a_file_that_pillow_and_tensorflow_read() -> None:
    tf = pytest.importorskip("tensorflow")
    images = smooth(2, 32, 3)
    for codec in ("jpeg", "png"):
        blob, offsets = encode_images(images, codec)
        one = blob[offsets[1] : offsets[2]].tobytes()
        assert Image.open(io.BytesIO(one)).size == (32, 32)
        # TensorFlow's JPEG decoder is a faster, coarser one.
        assert psnr(images[1], tf.io.decode_image(one).numpy()) > (35 if codec == "jpeg" else 1000)


@pytest.mark.parametrize(
    ("blob", "offsets"),
    [
        encoded("jpeg", np.zeros((8, 9), np.uint8)),
        encoded("jpeg", np.zeros((3000, 3000), np.uint8)),
        encoded("jpeg", np.zeros((8, 8, 3), np.uint8)),
        encoded("jpeg", np.zeros((8, 8), np.uint8), progressive=True),
        encoded("png", np.zeros((8, 8), np.uint8)),
        encoded("gif", np.zeros((8, 8), np.uint8)),
        one_image(b""),
        one_image(b"\xff\xd8\xff\xe0"),
        one_image(b"x" * 100),
    ],
    ids=["size", "huge", "color", "progressive", "png", "gif", "nothing", "header", "text"],
)
def test_other_images_are_refused(blob: np.ndarray, offsets: np.ndarray) -> None:
    with pytest.raises(ArtifactError, match="Received: "):
        decode_images(blob, offsets, "jpeg", (8, 8))


def test_the_size_of_an_image_is_checked_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = encoded("png", np.zeros((4000, 4000), np.uint8))
    assert len(bomb[0]) < 2 * 128 * 128 + 4096
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    monkeypatch.setattr(
        "PIL.PngImagePlugin.PngImageFile.load", lambda image: pytest.fail("decoded"), raising=False
    )
    with pytest.raises(ArtifactError, match=r"\(4000, 4000\)"):
        decode_images(*bomb, "png", (128, 128))


@pytest.mark.parametrize("codec", encoding.CODECS)
def test_cut_images_are_refused(codec: str) -> None:
    blob, _ = encode_images(smooth(1, 64), codec)
    for length in range(1, len(blob) - 16, 37):
        with pytest.raises(ArtifactError, match="damaged"):
            decode_images(blob[:length], np.array([0, length]), codec, (64, 64))


@pytest.mark.parametrize(
    "offsets", [[0, 5], [1, -1], [0, 0, -1], [0, 200, 100, -1], [0, 2**62, -(2**62), -1], [-9, -1]]
)
def test_offsets_must_ascend_through_the_blob(offsets: list[int]) -> None:
    blob, _ = encode_images(np.zeros((1, 8, 8), np.uint8), "jpeg")
    places = np.array([len(blob) if place == -1 else place for place in offsets])
    with pytest.raises(ArtifactError, match="must ascend"):
        decode_images(blob, places, "jpeg", (8, 8))


def test_bytes_that_no_image_needs_are_refused() -> None:
    blob, _ = encode_images(np.zeros((1, 8, 8), np.uint8), "jpeg")
    padded = np.concatenate([blob, np.zeros(5000, np.uint8)])
    with pytest.raises(ArtifactError, match="must ascend"):
        decode_images(padded, np.array([0, len(padded)]), "jpeg", (8, 8))


def test_pools_too_large_are_refused_before_memory_is_taken() -> None:
    n = 2**32 // (512 * 512 * 3) + 1
    blob, offsets = np.zeros(n, np.uint8), np.arange(n + 1)
    with pytest.raises(ArtifactError, match="at most 4294967296 bytes decoded"):
        decode_images(blob, offsets, "jpeg", (512, 512, 3))
    with pytest.raises(ArtifactError, match="at most 4294967296 bytes decoded"):
        encode_images(np.broadcast_to(np.uint8(0), (n, 512, 512, 3)), "jpeg")
