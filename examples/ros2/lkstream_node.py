#!/usr/bin/env python3
"""A ROS 2 node: sends the frames of a camera's topic to an lkstream server, and publishes its points.

    ros2 run image_transport republish raw compressed --ros-args -r in:=/camera/image_raw \\
        -r out/compressed:=/camera/image_raw/compressed      # where the driver has no JPEGs itself
    python3 lkstream_node.py --ros-args -r image/compressed:=/camera/image_raw/compressed \\
        -p url:=ws://127.0.0.1:8000 -p stream:=front

Subscribes `image/compressed` (sensor_msgs/CompressedImage, JPEG). Publishes `points`
(sensor_msgs/PointCloud2, a row a point), with the header of the frame that they are of:

    x, y     float32  pixels, (0, 0) is the centre of the top-left one
    dx, dy   float32  pixels since the frame before
    error    float32  mean difference of the two windows, in grey levels; 0 for a new point
    id, age  uint32   the point's number; frames since it was found
    status   uint8    0: lives; else why it ended, the codes of docs/protocol.md; x, y are NaN then

Needs rclpy, sensor_msgs and the package websockets (`apt-get install python3-websockets`).
"""

import asyncio
import json
import os
import struct
import threading
from urllib.parse import urlencode

import rclpy
import websockets
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, PointCloud2, PointField

UNANSWERED = 2  # frames on their way at most: the server keeps the newest of those that wait
RETRY_SECONDS = 1.0
ROW = struct.Struct("<5f2IB3x")
FIELDS = [
    ("x", 0, PointField.FLOAT32),
    ("y", 4, PointField.FLOAT32),
    ("dx", 8, PointField.FLOAT32),
    ("dy", 12, PointField.FLOAT32),
    ("error", 16, PointField.FLOAT32),
    ("id", 20, PointField.UINT32),
    ("age", 24, PointField.UINT32),
    ("status", 28, PointField.UINT8),
]
NAN = float("nan")


def frame_message(seq, jpeg):
    """A frame of the wire (docs/protocol.md): 16 bytes of header, then the JPEG."""
    return struct.pack("<BBHId", 1, 0, 16, seq, 0.0) + bytes(jpeg)


def rows(tracks):
    """The rows of a binary tracks message: living points, then those that ended."""
    header_bytes, n, m = (*struct.unpack_from("<H", tracks, 2), *struct.unpack_from("<II", tracks, 20))
    column = lambda kind, at, count: struct.unpack_from(f"<{count}{kind}", tracks, header_bytes + at)
    ids, ages = column("I", 0, n), column("I", 28 * n, n)
    xy, dxy, error = column("f", 4 * n, 2 * n), column("f", 12 * n, 2 * n), column("f", 20 * n, n)
    lost, why = column("I", 32 * n, m), column("B", 32 * n + 4 * m, m)
    for i in range(n):
        yield ROW.pack(*xy[2 * i : 2 * i + 2], *dxy[2 * i : 2 * i + 2], error[i], ids[i], ages[i], 0)
    for i in range(m):
        yield ROW.pack(NAN, NAN, NAN, NAN, NAN, lost[i], 0, why[i])


def cloud(header, tracks):
    """A PointCloud2 of the rows; a field a column."""
    data = list(rows(tracks))
    return PointCloud2(
        header=header,
        height=1,
        width=len(data),
        fields=[PointField(name=n, offset=o, datatype=t, count=1) for n, o, t in FIELDS],
        is_bigendian=False,
        point_step=ROW.size,
        row_step=ROW.size * len(data),
        data=b"".join(data),
        is_dense=False,
    )


class LkstreamNode(Node):
    """The newest frame goes out as soon as fewer than two are unanswered; those between are skipped."""

    def __init__(self):
        super().__init__("lkstream")
        parameter = lambda name, default: self.declare_parameter(name, default).value
        self.url = parameter("url", "ws://127.0.0.1:8000")
        self.stream = parameter("stream", "")
        self.options = json.loads(parameter("options", "{}"))
        self.points = self.create_publisher(PointCloud2, "points", qos_profile_sensor_data)
        self.loop = asyncio.new_event_loop()
        self.newest = None
        self.came = asyncio.Event()
        threading.Thread(target=self.loop.run_until_complete, args=[self.talk()], daemon=True).start()
        # last: from now on frames come
        self.create_subscription(
            CompressedImage, "image/compressed", self.image, qos_profile_sensor_data
        )

    def image(self, message):
        self.loop.call_soon_threadsafe(self.put, message)

    def put(self, message):
        self.newest = message
        self.came.set()

    async def talk(self):
        """One session after the other: a server that is not there is tried again."""
        query = f"?{urlencode({'stream': self.stream})}" if self.stream else ""
        token = os.environ.get("LKSTREAM_TOKEN")
        protocols = ["lkstream.v1.bin"] + ([f"bearer.{token}"] if token else [])
        while rclpy.ok():
            try:
                address = f"{self.url}/v1/stream{query}"
                async with websockets.connect(address, subprotocols=protocols, max_size=None) as server:
                    self.get_logger().info(f"Tracks at {self.url}")
                    await self.session(server)
            except (OSError, websockets.WebSocketException) as error:
                self.get_logger().warning(f"Cannot track at {self.url}: {error}")
            await asyncio.sleep(RETRY_SECONDS)

    async def session(self, server):
        if self.options:
            await server.send(json.dumps({"type": "configure", **self.options}))
        headers, free = {}, asyncio.Semaphore(UNANSWERED)
        sending = asyncio.ensure_future(self.send_frames(server, headers, free))
        try:
            async for message in server:
                self.answered(message, headers, free)
        finally:
            sending.cancel()

    async def send_frames(self, server, headers, free):
        seq = 0
        while True:
            await free.acquire()
            await self.came.wait()
            self.came.clear()
            headers[seq] = self.newest.header
            await server.send(frame_message(seq, self.newest.data))
            seq += 1

    def answered(self, message, headers, free):
        if isinstance(message, bytes):
            seq = struct.unpack_from("<I", message, 4)[0]
            self.points.publish(cloud(headers[seq], message))
        else:
            said = json.loads(message)
            seq = said.get("seq") if said["type"] == "error" else None
            if said["type"] == "error":
                self.get_logger().warning(said["message"])
        if seq is None:
            return
        for known in [known for known in headers if known <= seq]:  # those before it were dropped
            del headers[known]
            free.release()


def main():
    rclpy.init()
    node = LkstreamNode()
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
