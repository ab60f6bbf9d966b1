#!/usr/bin/env python3
"""Sends JPEGs to an lkstream server and prints the points that come back.

    lkstream_client.py frames/                        # a folder of JPEGs, 2.jpg before 10.jpg
    ffmpeg -i clip.mp4 -f mjpeg - | lkstream_client.py -   # MJPEG on standard input

Each line of the output is a point: frame, id, x, y, dx, dy, error, age. Positions are pixels,
(0, 0) is the centre of the top-left pixel. What is not data goes to standard error.

Needs Python 3.9 and the package `websockets`, 10 or later.
"""

import argparse
import asyncio
import json
import re
import struct
import sys
import time
from array import array
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import websockets

HEADER = struct.Struct("<BBHIdHHIIIfffffff4x")  # of a tracks message, 64 bytes
FRAME_HEADER = struct.Struct("<BBHId")  # of a frame message, 16 bytes
MAX_UNANSWERED = 2  # the server works on one frame and keeps one waiting
MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)  # in a JPEG; FF 00 is a byte of data
START, END = 0xD8, 0xD9


def jpegs(source):
    """The JPEGs of a folder, or of MJPEG on standard input."""
    if source != "-":
        names = [
            path for path in Path(source).iterdir()
            if path.suffix.lower() in (".jpg", ".jpeg") and not path.name.startswith(".")
        ]
        if not names:
            raise ValueError("it holds no .jpg or .jpeg")
        for name in sorted(names, key=by_number):
            yield name.read_bytes()
        return
    parts = set()  # pictures that belong to the last frame
    for start, jpeg in split(iter(lambda: sys.stdin.buffer.read1(1 << 16), b"")):
        if (start, len(jpeg)) not in parts:
            parts = {(start + at, size) for at, size in appended(jpeg)}
            yield jpeg


def split(chunks):
    """Where each JPEG begins in a stream of them, and its bytes.

    Goes from segment to segment, so that a thumbnail inside of one is no frame. One without an end
    marker ends where the next one begins: the server says whether pixels are missing.
    """
    rest, offset, at, has_scan = b"", 0, 0, False
    for chunk in chunks:
        rest += chunk
        while True:
            if at == 0:  # between frames
                start = rest.find(b"\xff\xd8\xff")
                skipped = start if start >= 0 else max(0, len(rest) - 2)
                rest, offset = rest[skipped:], offset + skipped
                if start < 0:
                    break
                at, has_scan = 2, False
            marker = MARKER.search(rest, at)
            if not marker:
                at = max(at, len(rest) - 1)
                break
            code, end = marker[1][0], marker.end()
            if code in (START, END):
                end = end if code == END else marker.start()
                if code == END or has_scan:
                    yield offset, rest[:end]
                rest, offset, at = rest[end:], offset + end, 0
                continue
            if code != 0x01 and not 0xD0 <= code <= 0xD7:  # those stand alone
                end += max(2, int.from_bytes(rest[end : end + 2], "big"))
                if end > len(rest):
                    at = marker.start()
                    break
                has_scan = has_scan or code == 0xDA
            at = end
    if at and has_scan:
        yield offset, rest


def appended(jpeg):
    """Start and size of what a JPEG says is appended to it, as a gain map (CIPA DC-007)."""
    at = jpeg.find(b"MPF\0") + 4
    order = "<" if jpeg[at : at + 2] == b"II" else ">"
    try:
        (index,) = struct.unpack_from(order + "I", jpeg, at + 4)
        (fields,) = struct.unpack_from(order + "H", jpeg, at + index)
        for i in range(fields if at >= 4 else 0):
            tag, _, size, first = struct.unpack_from(order + "HHII", jpeg, at + index + 2 + 12 * i)
            if tag == 0xB002:  # the list of pictures, this one first
                entries = range(at + first + 16, at + first + size, 16)
                pictures = [struct.unpack_from(order + "4xII", jpeg, entry) for entry in entries]
                return [(at + start, size) for size, start in pictures]
    except struct.error:
        pass  # it points outside
    return []


def by_number(path):
    """Sorts numbers in names as numbers."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def decode_tracks(message):
    """A binary tracks message as a dictionary; the columns of points are arrays."""
    fields = HEADER.unpack_from(message)
    header_bytes, seq, timestamp, width, height, n, m, dropped = fields[2:10]
    columns, at = {}, header_bytes
    for name, code, count in (
        ("id", "I", n), ("xy", "f", 2 * n), ("dxy", "f", 2 * n),
        ("error", "f", n), ("fb", "f", n), ("age", "I", n),
        ("lost", "I", m), ("reason", "B", m),
    ):
        columns[name] = array(code, message[at : at + count * array(code).itemsize])
        at += count * array(code).itemsize
    return {
        "seq": seq, "timestamp": timestamp, "width": width, "height": height,
        "dropped": dropped, "server_ms": fields[14], **columns,
    }


def print_points(tracks):
    xy, dxy = tracks["xy"], tracks["dxy"]
    for i, id in enumerate(tracks["id"]):
        print(
            tracks["seq"], id, f"{xy[2 * i]:.2f} {xy[2 * i + 1]:.2f}",
            f"{dxy[2 * i]:.2f} {dxy[2 * i + 1]:.2f}", f"{tracks['error'][i]:.2f}", tracks["age"][i],
        )


class Client:
    """One session: sends frames as fast as they are answered, never more than two ahead."""

    def __init__(self, socket):
        self.socket = socket
        self.unanswered = {}  # seq: when it was sent
        self.changed = asyncio.Event()
        self.round_trips = []
        self.closed = False

    async def send_all(self, source):
        loop = asyncio.get_running_loop()
        frames = jpegs(source)
        seq = 0
        while jpeg := await loop.run_in_executor(None, next, frames, None):
            await self.until(lambda: len(self.unanswered) < MAX_UNANSWERED)
            now = time.monotonic()
            self.unanswered[seq] = now
            await self.socket.send(FRAME_HEADER.pack(1, 0, FRAME_HEADER.size, seq, now * 1000) + jpeg)
            seq += 1
        await self.until(lambda: not self.unanswered)
        await self.socket.close()

    async def until(self, condition):
        while not condition():
            if self.closed:
                raise ConnectionError(f"the server closed the session with {self.socket.close_code}")
            self.changed.clear()
            await self.changed.wait()

    async def receive_all(self):
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    tracks = decode_tracks(message)
                    self.answered(tracks["seq"])
                    print_points(tracks)
                else:
                    self.understand(json.loads(message))
        finally:
            self.closed = True
            self.changed.set()

    def understand(self, message):
        if message["type"] == "hello":
            engine = message["engine"]
            print(f"{message['server']}, {engine['name']} on {engine['device']}", file=sys.stderr)
        elif message["type"] == "error":
            print(f"{message['code']}: {message['message']}", file=sys.stderr)
            self.unanswered.pop(message.get("seq"), None)
            self.changed.set()

    def answered(self, seq):
        """Answers come in order, so frames before this one were dropped."""
        self.round_trips.append((time.monotonic() - self.unanswered.get(seq, time.monotonic())) * 1000)
        self.unanswered = {other: at for other, at in self.unanswered.items() if other > seq}
        self.changed.set()


def stream_address(url):
    """The stream of the server at `url` (http, https, ws or wss, with or without the path)."""
    scheme, host, path, query, _ = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    if scheme not in ("ws", "wss") or not host:
        raise ValueError("allowed are addresses such as http://host:8000 or wss://host/v1/stream")
    return urlunsplit((scheme, host, "/v1/stream" if path in ("", "/") else path, query, ""))


async def run(source, url, token):
    subprotocols = ["lkstream.v1.bin"] + ([f"bearer.{token}"] if token else [])
    async with websockets.connect(
        stream_address(url), subprotocols=subprotocols, max_size=None, compression=None
    ) as socket:
        client = Client(socket)
        await asyncio.gather(client.send_all(source), client.receive_all())
    trips = sorted(client.round_trips)
    if trips:
        print(f"frames: {len(trips)}, median round trip {trips[len(trips) // 2]:.1f} ms", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a folder of JPEGs, or - for MJPEG on standard input")
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:8000",
        help="the server's address (http, https, ws or wss), %(default)s by default",
    )
    parser.add_argument("--token", help="for a server that was started with one")
    args = parser.parse_args()
    try:
        asyncio.run(run(args.source, args.url, args.token))
    except (OSError, ValueError, websockets.WebSocketException) as error:
        raise SystemExit(f"Cannot track {args.source} by {args.url}: {error}")


if __name__ == "__main__":
    main()
