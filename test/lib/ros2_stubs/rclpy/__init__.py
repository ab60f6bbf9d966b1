"""Stands in for rclpy: frames come from standard input, a JPEG's path a line; points go to standard output."""
import json
import sys
import time

from rclpy.node import NODES


def init():
    pass


def ok():
    return True


def try_shutdown():
    pass


def spin(node):
    from sensor_msgs.msg import CompressedImage, Header

    topic, callback = NODES[node]
    print(json.dumps({"subscribed": topic}), flush=True)
    for number, line in enumerate(sys.stdin):
        with open(line.strip(), "rb") as file:
            callback(CompressedImage(header=Header(stamp=number), format="jpeg", data=file.read()))
