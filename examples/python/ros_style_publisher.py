#!/usr/bin/env python3
"""Reads tracks as NDJSON from standard input and publishes a dictionary for each frame.

    deno task track frames/ -o - | ros_style_publisher.py

The dictionaries have the form of a ROS message with a header; `publish` prints them, and says
where a ROS node would publish instead. Needs Python 3.9 alone.
"""

import argparse
import json
import sys


def to_message(tracks, frame_id):
    """A tracks message in the JSON form of docs/protocol.md as a message for one topic.

    Positions are pixels of the frame, (0, 0) is the centre of the top-left pixel; dx and dy are
    since the frame before. `fb` is the forward-backward distance in pixels, None where there is
    none. `stamp` is the sender's clock in seconds.
    """
    points = tracks["points"]
    names = ("id", "x", "y", "dx", "dy", "error", "fb", "age")
    return {
        "header": {
            "seq": tracks["seq"],
            "stamp": tracks["timestamp"] / 1000,
            "frame_id": frame_id,
        },
        "width": tracks["width"],
        "height": tracks["height"],
        "points": [dict(zip(names, values)) for values in zip(*(points[name] for name in names))],
        "lost": dict(zip(map(str, tracks["lost"]["id"]), tracks["lost"]["reason"])),
    }


def publish(message):
    # In a ROS node, fill your message type from the dictionary here and publish it:
    #   publisher.publish(TrackedPoints(**message))
    print(json.dumps(message), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frame-id", default="camera", help="coordinate frame in the header")
    args = parser.parse_args()
    for number, line in enumerate(sys.stdin, 1):
        try:
            message = json.loads(line)
        except json.JSONDecodeError as error:
            raise SystemExit(f"Cannot read line {number} as JSON: {error}")
        if message.get("type") == "tracks":  # hello, stats and errors are no frames
            publish(to_message(message, args.frame_id))


if __name__ == "__main__":
    main()
