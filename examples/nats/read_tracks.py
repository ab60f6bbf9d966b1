#!/usr/bin/env python3
"""Prints the tracks of all streams that a server publishes: deno task start --publish nats://127.0.0.1:4222"""
import socket, struct, sys

host, port = sys.argv[1:] or ("127.0.0.1", 4222)
broker = socket.create_connection((host, int(port)))
broker.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB lk.v1.*.tracks 1\r\n')
lines = broker.makefile("rb")
for line in lines:
    if line.startswith(b"PING"):
        broker.sendall(b"PONG\r\n")
    if line.startswith(b"HMSG"):
        _, subject, _, head, total = line.decode().split()
        data = lines.read(int(total) + 2)[int(head) : int(total)]
        (start, seq), (n,) = struct.unpack_from("<HI", data, 2), struct.unpack_from("<I", data, 20)
        first = struct.unpack_from("<2f", data, start + 4 * n) if n else ()
        print(subject.split(".")[2], seq, n, "points, the first at", *first, flush=True)
