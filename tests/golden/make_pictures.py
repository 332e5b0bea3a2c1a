"""Makes tests/golden/pictures/: small pictures of every kind that load_image meets, as other programs write them.

FILE beside FILE.rgb, what Pillow makes of it (width, height, 8-bit RGB rows; alpha over black). The kinds that Pillow
cannot write (16-bit colour, interlaced) are put together here, chunk by chunk. a1111.*: text where A1111 puts it
(PngInfo; piexif's UserComment).

    pip install pillow==13.0.0 piexif==1.1.3 && python tests/golden/make_pictures.py
"""
import io
import pathlib
import struct
import zlib

import piexif
import piexif.helper
from PIL import Image, ImageOps, PngImagePlugin

OUT = pathlib.Path(__file__).parent / "pictures"
W, H = 13, 9
PARAMETERS = "a cat, größer, 猫 \N{CAT FACE}\nNegative prompt: dog\nSteps: 20, Sampler: Euler, Seed: 1"


def ramp(x, y, c):
    return (x * 19 + y * (7 + 11 * c) + 50 * c) % 256


def picture():
    image = Image.new("RGB", (W, H))
    image.putdata([tuple(ramp(x, y, c) for c in range(3)) for y in range(H) for x in range(W)])
    return image


def smooth():
    """Little contrast between neighbours, so that decoders of lossy formats agree."""
    image = Image.new("RGB", (32, 24))
    image.putdata([(40 + 5 * x, 60 + 4 * y, 200 - 3 * x - 2 * y) for y in range(24) for x in range(32)])
    return image


def alpha():
    image = picture().convert("RGBA")
    image.putalpha(Image.frombytes("L", (W, H), bytes((x * 21) % 256 for y in range(H) for x in range(W))))
    return image


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(depth, color, rows, interlace=0, extra=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, color, 0, 0, interlace))
    data = b"".join(b"\0" + row for row in rows)
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def adam7(depth_bytes, sample):
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, H, dy):
            row = b"".join(sample(x, y) for x in range(x0, W, dx))
            if row:
                yield row


def over_black(image):
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    r, g, b, a = (band.tobytes() for band in image.split())
    pixels = bytes((v * w + 127) // 255 for rgb in zip(r, g, b, a) for v, w in ((c, rgb[3]) for c in rgb[:3]))
    return Image.frombytes("RGB", image.size, pixels)


def save(name, data, expected=None):
    (OUT / name).write_bytes(data)
    image = expected or over_black(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    (OUT / f"{name}.rgb").write_bytes(struct.pack("<II", *image.size) + image.tobytes())


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def save_pngs():
    save("rgb.png", encoded(picture(), "PNG"))
    save("rgba.png", encoded(alpha(), "PNG"))
    save("grey.png", encoded(picture().convert("L"), "PNG"))
    save("grey_alpha.png", encoded(alpha().convert("LA"), "PNG"))
    save("one_bit.png", encoded(picture().convert("1"), "PNG"))
    save("palette.png", encoded(picture().quantize(16), "PNG"))
    save("palette_transparent.png", encoded(picture().quantize(16), "PNG", transparency=3))
    rgb = lambda x, y: bytes(ramp(x, y, c) for c in range(3))
    # k * 257 + 100 is nearest to k of 255, while its upper byte is k + 1 from k = 156 on.
    sample = lambda x, y, c: struct.pack(">H", min(65535, ramp(x, y, c) * 257 + 100))
    wide = lambda x, y: b"".join(sample(x, y, c) for c in range(3))
    grey = lambda x, y: sample(x, y, 0)
    row = lambda sample, y: b"".join(sample(x, y) for x in range(W))
    grey_picture = Image.frombytes("L", (W, H), bytes(ramp(x, y, 0) for y in range(H) for x in range(W))).convert("RGB")
    save("rgb16.png", png(16, 2, [row(wide, y) for y in range(H)]), picture())
    save("grey16.png", png(16, 0, [row(grey, y) for y in range(H)]), grey_picture)
    save("interlaced.png", png(8, 2, adam7(3, rgb), 1), picture())
    save("gamma.png", png(8, 2, [row(rgb, y) for y in range(H)], extra=chunk(b"gAMA", struct.pack(">I", 100000))), picture())


def save_lossy():
    save("rgb.jpg", encoded(smooth(), "JPEG", quality=95, subsampling=0))
    save("grey.jpg", encoded(smooth().convert("L"), "JPEG", quality=95))
    save("progressive.jpg", encoded(smooth(), "JPEG", quality=95, subsampling=0, progressive=True))
    ink = Image.merge("CMYK", [*smooth().split(), smooth().transpose(Image.Transpose.FLIP_LEFT_RIGHT).getchannel(0)])
    save("cmyk.jpg", encoded(ink, "JPEG", quality=95, subsampling=0))
    for orientation in range(2, 9):
        exif = piexif.dump({"0th": {piexif.ImageIFD.Orientation: orientation}})
        save(f"turned{orientation}.jpg", encoded(smooth(), "JPEG", quality=95, subsampling=0, exif=exif))
    save("lossless.webp", encoded(picture(), "WEBP", lossless=True))
    save("lossless_alpha.webp", encoded(alpha(), "WEBP", lossless=True, exact=True))
    save("lossy.webp", encoded(smooth(), "WEBP", quality=95))


def save_texts():
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", PARAMETERS)
    info.add_text("packed", "größer " * 50, zip=True)
    info.add_itxt("packed_itxt", "猫 " * 50, zip=True)
    (OUT / "a1111.png").write_bytes(encoded(picture(), "PNG", pnginfo=info))
    comment = piexif.helper.UserComment.dump(PARAMETERS, encoding="unicode")
    exif = piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}})
    (OUT / "a1111.jpg").write_bytes(encoded(picture(), "JPEG", exif=exif))
    (OUT / "a1111.webp").write_bytes(encoded(picture(), "WEBP", exif=exif))


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    save_pngs()
    save_lossy()
    save_texts()
