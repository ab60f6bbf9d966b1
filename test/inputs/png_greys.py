#!/usr/bin/env python3
"""Writes png_greys.json: small PNGs of every kind, and the grey levels that OpenCV makes of them.

    python3 test/inputs/png_greys.py      # Debian: python3-opencv

A PNG and the bytes of `cv2.imread(file, 0)`, both in base64, by name: bits a sample, colour type,
"i" where it is interlaced (Adam7), and the gamma that it states.
"""

import base64
import json
import os
import random
import struct
import tempfile
import zlib

import cv2

WIDTH, HEIGHT = 11, 9
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (2, 3), (4, 3), (8, 3)]
KINDS += [(8, 4), (16, 4), (8, 6), (16, 6)]
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
PASSES += [(0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


STATED = {"": b"", "sRGB": chunk(b"sRGB", b"\0"), "gAMA": chunk(b"gAMA", struct.pack(">I", 60000))}


def pixels(depth, kind, dice):
    """Rows of pixels as bytes; of colour ones, each fourth is grey."""
    size = CHANNELS[kind] * depth // 8
    rows = [[bytes(dice.randrange(256) for _ in range(size)) for _ in range(WIDTH)]
            for _ in range(HEIGHT)]
    if kind in (2, 6):
        one = depth // 8
        for row in rows:
            for x in range(0, WIDTH, 4):
                row[x] = row[x][:one] * 3 + row[x][3 * one:]
    return rows


def png(depth, kind, stated, interlaced, dice):
    if depth < 8:
        lines = [bytes(dice.randrange(256) for _ in range((WIDTH * depth + 7) // 8))
                 for _ in range(HEIGHT)]
    else:
        rows = pixels(depth, kind, dice)
        passes = PASSES if interlaced else [(0, 0, 1, 1)]
        lines = [b"".join(row[x::dx]) for x, y, dx, dy in passes for row in rows[y::dy]]
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, kind, 0, 0, int(interlaced))
    palette = bytes(dice.randrange(256) for _ in range(3 << depth)) if kind == 3 else b""
    return b"".join([
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", header),
        stated,
        chunk(b"PLTE", palette) if palette else b"",
        chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines if line))),
        chunk(b"IEND", b""),
    ])


def main():
    dice = random.Random(7)
    made = {}
    for depth, kind in KINDS:
        for gamma, stated in STATED.items():
            for interlaced in (False, True) if depth >= 8 and not gamma else (False,):
                file = png(depth, kind, stated, interlaced, dice)
                with tempfile.NamedTemporaryFile(suffix=".png") as out:
                    out.write(file)
                    out.flush()
                    grey = cv2.imread(out.name, 0)
                name = " ".join(filter(None, [f"{depth}", f"{kind}", interlaced and "i", gamma]))
                made[name] = [base64.b64encode(part).decode() for part in (file, grey.tobytes())]
    with open(os.path.join(os.path.dirname(__file__), "png_greys.json"), "w") as out:
        json.dump({"opencv": cv2.__version__, "width": WIDTH, "height": HEIGHT, "greys": made}, out,
                  indent=1)
        out.write("\n")


main()
