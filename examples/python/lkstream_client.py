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
MAX_FAILURES, PAUSE_S = 8, 0.5  # connections in a row that come to nothing, and between them
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
        "dropped": dropped, "detected": bool(fields[1] & 1), "server_ms": fields[14], **columns,
    }


def print_points(tracks):
    xy, dxy = tracks["xy"], tracks["dxy"]
    for i, id in enumerate(tracks["id"]):
        print(
            tracks["seq"], id, f"{xy[2 * i]:.2f} {xy[2 * i + 1]:.2f}",
            f"{dxy[2 * i]:.2f} {dxy[2 * i + 1]:.2f}", f"{tracks['error'][i]:.2f}", tracks["age"][i],
        )


class Stream:
    """What outlasts a connection, so that the points live on at the next one, wherever that is."""

    def __init__(self, source):
        self.frames = enumerate(jpegs(source))
        self.unanswered = {}  # seq: its JPEG, in order
        self.last = None  # seq and JPEG of the last answered frame
        self.points = {}  # which stand on it
        self.next_id = 1  # above every id that was given out
        self.since_detection = 0
        self.round_trips = []

    def done(self, seq):
        self.unanswered = {other: jpeg for other, jpeg in self.unanswered.items() if other > seq}

    def answered(self, tracks):
        seq = tracks["seq"]
        if seq in self.unanswered:
            self.last = seq, self.unanswered[seq]
            self.since_detection = 0 if tracks["detected"] else self.since_detection + 1
        xy, dxy = tracks["xy"], tracks["dxy"]
        self.points = {
            "id": [*tracks["id"]], "x": [*xy[::2]], "y": [*xy[1::2]],
            "dx": [*dxy[::2]], "dy": [*dxy[1::2]], "age": [*tracks["age"]],
        }
        self.next_id = max([self.next_id - 1, *tracks["id"], *tracks["lost"]]) + 1

    def state(self):
        """The fields of `resume`; the server is then given `last`, on which the points stand."""
        return {"nextId": self.next_id, "sinceDetection": self.since_detection, "points": self.points}


class Client:
    """One session: sends frames as fast as they are answered, never more than two ahead."""

    def __init__(self, socket, stream):
        self.socket = socket
        self.stream = stream
        self.hello = None  # what the server says first
        self.sent = {}  # seq of a frame without an answer: when it was sent
        self.requests = 0
        self.answers = {}  # request: its answer
        self.changed = asyncio.Event()
        self.closed = False

    async def ask(self, type, **fields):
        """Sends a control message and returns its answer; raises ValueError where it is refused."""
        await self.until(lambda: self.hello)
        if "request" not in self.hello.get("features", []):
            raise ValueError(f"{self.hello['server']} does not say which message it answers")
        request = self.requests = self.requests + 1
        await self.socket.send(json.dumps({"type": type, "request": request, **fields}))
        await self.until(lambda: request in self.answers)
        answer = self.answers.pop(request)
        if answer["type"] == "error":
            raise ValueError(answer["message"])
        return answer

    async def send_all(self):
        """First what another server did not answer, then what is new."""
        for seq, jpeg in [*self.stream.unanswered.items()]:
            await self.send(seq, jpeg)
        loop = asyncio.get_running_loop()
        while frame := await loop.run_in_executor(None, next, self.stream.frames, None):
            self.stream.unanswered[frame[0]] = frame[1]
            await self.send(*frame)
        await self.until(lambda: not self.sent)
        await self.socket.close()

    async def send(self, seq, jpeg):
        await self.until(lambda: len(self.sent) < MAX_UNANSWERED)
        now = time.monotonic()
        self.sent[seq] = now
        await self.socket.send(FRAME_HEADER.pack(1, 0, FRAME_HEADER.size, seq, now * 1000) + jpeg)

    async def resume(self):
        """Goes on with what another session began: the points, and the frame on which they stand."""
        if self.stream.last is None:
            return
        await self.ask("resume", **self.stream.state())
        await self.send(*self.stream.last)
        await self.until(lambda: not self.sent)

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
                    self.answered(decode_tracks(message))
                else:
                    self.understand(json.loads(message))
        finally:
            self.closed = True
            self.changed.set()

    def understand(self, message):
        if message["type"] == "hello":
            engine = message["engine"]
            print(f"{message['server']}, {engine['name']} on {engine['device']}", file=sys.stderr)
            self.hello = message
        elif "request" in message:
            self.answers[message["request"]] = message
        elif message["type"] == "error":
            print(f"{message['code']}: {message['message']}", file=sys.stderr)
            if "seq" in message:
                self.done(message["seq"])
        self.changed.set()

    def done(self, seq):
        """The frame is answered, by tracks or an error: those before it were as well, or dropped."""
        self.sent = {other: at for other, at in self.sent.items() if other > seq}
        self.stream.done(seq)

    def answered(self, tracks):
        seq = tracks["seq"]
        if self.stream.last is None or self.stream.last[0] != seq:  # else it was printed before
            print_points(tracks)
        self.stream.round_trips.append((time.monotonic() - self.sent.get(seq, time.monotonic())) * 1000)
        self.stream.answered(tracks)
        self.done(seq)
        self.changed.set()


def stream_address(url):
    """The stream of the server at `url` (http, https, ws or wss, with or without the path)."""
    scheme, host, path, query, _ = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    if scheme not in ("ws", "wss") or not host:
        raise ValueError("allowed are addresses such as http://host:8000 or wss://host/v1/stream")
    return urlunsplit((scheme, host, "/v1/stream" if path in ("", "/") else path, query, ""))


async def track(client, options):
    if options:
        await client.ask("configure", **options)
    await client.resume()
    await client.send_all()


async def session(stream, url, token, options):
    subprotocols = ["lkstream.v1.bin"] + ([f"bearer.{token}"] if token else [])
    async with websockets.connect(
        stream_address(url), subprotocols=subprotocols, max_size=None, compression=None
    ) as socket:
        client = Client(socket, stream)
        await asyncio.gather(track(client, options), client.receive_all())


async def run(source, url, token, options):
    stream, failures = Stream(source), 0
    while True:
        answered = stream.last
        try:
            await session(stream, url, token, options)
            break
        except (OSError, websockets.ConnectionClosed) as error:
            failures = 1 if stream.last is not answered else failures + 1
            if stream.last is None or failures > MAX_FAILURES:
                raise
            print(f"{error}; going on elsewhere", file=sys.stderr)
            await asyncio.sleep(PAUSE_S * (failures - 1))
    trips = sorted(stream.round_trips)
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
    parser.add_argument(
        "--options",
        type=json.loads,
        metavar="JSON",
        help='tracking options, such as \'{"detect": {"maxCorners": 200}}\'',
    )
    args = parser.parse_args()
    try:
        asyncio.run(run(args.source, args.url, args.token, args.options))
    except (OSError, ValueError, websockets.WebSocketException) as error:
        raise SystemExit(f"Cannot track {args.source} by {args.url}: {error}")


if __name__ == "__main__":
    main()
