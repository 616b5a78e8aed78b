"""One picture from a stranger, decoded and written anew: a process of its own, which may die of it.

Run as `python picture_worker.py SOURCE TARGET LONGEST_SIDE`. It imports nothing of the server, is given none of its
secrets, and takes limited memory and time. What it writes is made of pixels alone, without metadata, and of many frames
it is the first.
"""

from __future__ import annotations

import sys

PIXELS = 16_000_000
MEMORY = 512 << 20
SECONDS = 5
NO_PICTURE, TOO_LARGE = 2, 3
"""Exit codes."""


def limit_oneself() -> None:
    try:
        import resource
    except ImportError:  # Windows: the server's own clock still ends it
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def convert(source: str, target: str, longest: int) -> int:
    from PIL import Image, ImageOps
    try:
        with Image.open(source, formats=("JPEG", "PNG", "WEBP")) as found:
            if found.width * found.height > PIXELS:
                return TOO_LARGE
            picture = ImageOps.exif_transpose(found)
            picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
            picture.thumbnail((longest, longest))
            picture.info.clear()
            picture.save(target, "WEBP", quality=85, exif=b"", icc_profile=b"", xmp=b"")
    except (MemoryError, Image.DecompressionBombError):
        return TOO_LARGE
    except Exception:  # a decoder may stumble in any way over what is no picture: that is what it is here for
        return NO_PICTURE
    return 0


if __name__ == "__main__":
    limit_oneself()
    sys.exit(convert(sys.argv[1], sys.argv[2], int(sys.argv[3])))
