"""SIGTERM: what runs is finished, what waits is handed back, nothing is left, exit code 0."""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time

from serving import HERE, form, jpeg, on_path

from bench_tickets import small_ticket

START = """
import sys; from pathlib import Path
from clew.serve.server import make_server
from clew.serve.settings import ServeSettings
settings = ServeSettings(ticket=Path(sys.argv[1]), port=0, workers=2, temp=Path(sys.argv[2]), grace_s=float(sys.argv[3]),
    host="0.0.0.0", token="t" * 20, scanner="pretend:scanner", scorer="pretend:scorer")
server, socket = make_server(settings, lambda: print(socket.getsockname()[1], flush=True))
server.run([socket])
"""


class Server:
    def __init__(self, folder, grace):
        on_path()
        ticket = small_ticket(folder / "tiny.safetensors")
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(ticket), str(self.temp), str(grace)], stdout=subprocess.PIPE, cwd=HERE
        )
        self.port = int(self.process.stdout.readline())

    def ask(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, {"Authorization": f"Bearer {'t' * 20}", **dict(headers)})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def job(self, word):
        return f"/v1/jobs/{self.ask('POST', '/v1/jobs', *form(jpeg(word)))[1]['id']}"


def test_what_runs_is_finished_what_waits_is_handed_back_what_hangs_is_ended(tmp_path):
    server = Server(tmp_path, 3)
    server.job(b"HANG")
    running, waits = server.job(b"SLOW"), server.job(b"")
    found = []
    held = threading.Thread(target=lambda: found.append(server.ask("POST", "/v1/scan", *form(jpeg()))))
    held.start()
    while server.ask("GET", "/v1/health")[1]["waiting"] < 2:
        time.sleep(0.01)
    server.process.send_signal(signal.SIGTERM)
    held.join()
    assert found[0][0] == 503
    assert found[0][1]["type"] == "urn:clew:problem:shutting-down"
    assert server.ask("POST", "/v1/scan", *form(jpeg()))[0] == 503
    assert server.ask("GET", waits)[1]["state"] == "handed-back"
    assert server.ask("GET", f"{running}?wait=20")[1]["state"] == "done"
    assert server.process.wait(20) == 0
    assert list(server.temp.iterdir()) == []
