"""An S3-compatible server for tests: moto's, on a free port, with one bucket.

    python tests/s3.py BUCKET

Prints its address, and ends when its standard input does.

moto looks whether an object is there and then writes it, in two steps; two requests at once could both find none. A lock
around each request makes that one step, as S3 promises for `If-None-Match: *`.
"""

import logging
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import Client


class OneAtATime:
    """A WSGI application that answers one request after the other."""

    def __init__(self, application):
        self.application = application
        self.lock = threading.Lock()

    def __call__(self, environment, start_response):
        with self.lock:
            return list(self.application(environment, start_response))


def main():
    (bucket,) = sys.argv[1:]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Client(application).put(f"/{bucket}", base_url=f"http://127.0.0.1:{server.port}")
    assert made.status_code == 200, made.get_data(as_text=True)
    print(f"http://127.0.0.1:{server.port}", flush=True)
    sys.stdin.read()


main()
