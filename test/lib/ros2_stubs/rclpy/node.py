import json
import os
import sys

NODES = {}
PARAMETERS = json.loads(os.environ.get("ROS_PARAMETERS", "{}"))


class Value:
    def __init__(self, value):
        self.value = value


class Logger:
    def info(self, text):
        print(text, file=sys.stderr, flush=True)

    warning = info


class Publisher:
    def __init__(self, topic):
        self.topic = topic

    def publish(self, message):
        fields = [[field.name, field.offset, field.datatype] for field in message.fields]
        shown = {"topic": self.topic, "stamp": message.header.stamp, "width": message.width}
        shown |= {"step": message.point_step, "fields": fields, "data": message.data.hex()}
        print(json.dumps(shown), flush=True)


class Node:
    def __init__(self, name):
        self.name = name

    def declare_parameter(self, name, default):
        return Value(PARAMETERS.get(name, default))

    def create_publisher(self, kind, topic, qos):
        return Publisher(topic)

    def create_subscription(self, kind, topic, callback, qos):
        NODES[self] = (topic, callback)

    def get_logger(self):
        return Logger()

    def destroy_node(self):
        pass
