# SPDX-License-Identifier: Apache-2.0
"""The other end in network tests.

serve PORT [ADDRESS...]       TCP and UDP: answers with the peer's address as it sees it
keep PORT                     accepts, answers, and closes when the peer does
ask tcp|udp HOST PORT [FROM]  prints the answer
echo HOST                     sends an echo request from a ping socket, prints what came back
push HOST PORT                sends and sends, to a peer that has closed
hold HOST PORT COUNT          opens COUNT connections at once, prints how many were answered
dns ADDRESS...                name servers on port 53: the Nth says that every name has the address 192.0.2.N
lookup SERVER NAME            prints the address
syn IFACE FROM TO PORT        sends a connection request as a raw frame
"""
import socket
import sys
import threading
import time


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bound(address, port, kind):
    s = socket.socket(family(address), kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, port))
    return s


def serve_tcp(s):
    s.listen(512)
    while True:
        c, peer = s.accept()
        c.sendall((peer[0] + "\n").encode())
        c.close()


def serve_udp(s):
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(("%s %d\n" % (peer[0], len(data))).encode(), peer)


def serve(port, *addresses):
    for a in addresses or ("0.0.0.0", "::"):
        tcp, udp = bound(a, int(port), socket.SOCK_STREAM), bound(a, int(port), socket.SOCK_DGRAM)
        threading.Thread(target=serve_tcp, args=(tcp,)).start()
        threading.Thread(target=serve_udp, args=(udp,)).start()
    print("up", flush=True)


def ask(kind, host, port, source=None, size=2):
    s = socket.socket(family(host), socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.settimeout(3)
    if source:
        s.bind((source, 0))
    s.connect((host, int(port)))
    if kind == "udp":
        s.send(b"x" * int(size))
    print(s.recv(65536).decode().strip())


def keep_one(c):
    c.sendall(b"kept\n")
    while c.recv(100):
        pass
    c.close()


def keep(port):
    s = bound("0.0.0.0", int(port), socket.SOCK_STREAM)
    s.listen(512)
    print("up", flush=True)
    while True:
        threading.Thread(target=keep_one, args=(s.accept()[0],)).start()


def echo(host):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    s.settimeout(3)
    s.connect((host, 0))
    s.send(b"\x08\0\0\0\0\0\0\1data")
    print(s.recv(100)[-4:].decode())


def push(host, port):
    s = socket.create_connection((host, int(port)), 3)
    try:
        for _ in range(2000):
            s.send(b"x" * 65536)
    except OSError:
        pass
    print("over", flush=True)


def hold(host, port, count):
    socks = []
    for _ in range(int(count)):
        s = socket.socket(family(host), socket.SOCK_STREAM)
        s.setblocking(False)
        s.connect_ex((host, int(port)))
        socks.append(s)
    answered = 0
    end = time.monotonic() + 3
    for s in socks:
        s.settimeout(max(end - time.monotonic(), 0.01))
        try:
            answered += 1 if s.recv(100) else 0
        except OSError:
            pass
    print(answered)


def answer(query, number):
    end = query.index(b"\0", 12) + 5
    found = query[end - 4:end - 2] == b"\0\1"  # A, not AAAA
    reply = query[:2] + b"\x81\x80\0\1\0" + bytes([found]) + b"\0\0\0\0" + query[12:end]
    record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([192, 0, 2, number])
    return reply + (record if found else b"")


def dns_on(s, number):
    while True:
        query, peer = s.recvfrom(4096)
        s.sendto(answer(query, number), peer)


def dns(*addresses):
    for i, a in enumerate(addresses):
        s = bound(a, 53, socket.SOCK_DGRAM)
        threading.Thread(target=dns_on, args=(s, i + 1)).start()
    print("up", flush=True)


def lookup(server, name):
    s = socket.socket(family(server), socket.SOCK_DGRAM)
    s.settimeout(3)
    s.connect((server, 53))
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
    s.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1")
    print(".".join(str(b) for b in s.recv(512)[-4:]))


def checksum(data):
    total = sum(data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


def syn(iface, source, dest, port):
    src, dst = (socket.inet_pton(family(a), a) for a in (source, dest))
    tcp = b"\x30\x39" + int(port).to_bytes(2, "big") + b"\0\0\0\1\0\0\0\0\x50\x02\xfa\xf0\0\0\0\0"
    total = checksum(src + dst + b"\0\0\0\x06\0\0\0\x14" + tcp)
    tcp = tcp[:16] + total + tcp[18:]
    if len(src) == 4:
        head = b"\x45\0\0\x28\0\0\x40\0\x40\x06\0\0" + src + dst
        head = head[:10] + checksum(head) + head[12:]
    else:
        head = b"\x60\0\0\0\0\x14\x06\x40" + src + dst
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((iface, 0))
    kind = b"\x08\0" if len(src) == 4 else b"\x86\xdd"
    s.send(b"\x52\x55\x0a\0\x02\x02" + b"\x02" * 6 + kind + head + tcp)


try:
    globals()[sys.argv[1]](*sys.argv[2:])
except (OSError, KeyError, IndexError) as e:
    sys.exit("%s: %s" % (" ".join(sys.argv[1:]), e))
