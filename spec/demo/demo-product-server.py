#!/usr/bin/python3
"""The demo product: answers GET / with the configured greeting and counts the requests it has answered."""

import configparser
import http.server
import pathlib
import sys

CONFIGURATION = "/etc/demo-product/server.conf"
COUNTER = pathlib.Path("/var/lib/demo-product/requests")


def read_configuration(path):
    parser = configparser.ConfigParser()
    with open(path, encoding="utf-8") as file:
        parser.read_file(file)
    server = parser["server"]
    return server.get("address", "0.0.0.0"), server.getint("port", 8080), server.get("greeting", "")


def count():
    number = int(COUNTER.read_text()) + 1 if COUNTER.exists() else 1
    COUNTER.write_text(f"{number}\n")
    return number


def handler(greeting):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path in ("/", "/health")
            text = "ok\n" if self.path == "/health" else f"{greeting}\n"
            if self.path == "/":
                self.log_message("request %d", count())
            body = text.encode() if found else b"not found\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def main():
    address, port, greeting = read_configuration(sys.argv[1] if len(sys.argv) > 1 else CONFIGURATION)
    with http.server.ThreadingHTTPServer((address, port), handler(greeting)) as server:
        print(f"listening on {address}:{port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
