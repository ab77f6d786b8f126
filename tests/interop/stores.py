#!/usr/bin/env python3
"""Check that swath reads from and writes to object stores and servers as it does to disks: same pixels, and nothing left of
what failed.

    python tests/interop/stores.py [--work target/interop/stores] [--only TEXT] [--large]

Starts emulators on loopback: moto for S3 and, through the same language, Google Cloud Storage; Azurite for Azure Blob
Storage, which npm brings; and a server of its own that takes files by PUT. Between swath and moto stands a proxy that
refuses, forgets and counts. --large writes more than 3 GB through a limit of 256 MiB. Wants the packages of
requirements.txt, and npm; SWATH names the command to check, without it, it is built. The last line is
`N passed, N failed`.
"""
import argparse
import collections
import filecmp
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings

import boto3
import numpy as np
import rasterio
from azure.storage.blob import BlobServiceClient
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin
from rio_cogeo.cogeo import cog_validate

from check import cargo

AZURITE = "azurite@3.37.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
# What Google's own clients take for emulators, which know no accounts.
NOBODY = {"gcs_base_url": "", "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
# Runs a command and adds a line: the KiB it had at its highest. Until it executes the program, a child has its parent's
# memory, and that counts, so that the parent must be a small process.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
KEYS = ["plain.tif", "a folder/with space, +plus & ümlaut.tif", "percent %20 and #hash?query.tif"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def measured(command, environment):
    """What a command says, and its peak in MiB."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], stdout=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 0, done.stdout
    *told, peak = done.stdout.splitlines()
    return "\n".join(told), int(peak) / 1024


def wait_for(port, process):
    for _ in range(600):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on {port}")


class Server(http.server.ThreadingHTTPServer):
    """A server on a free port, in threads of its own; `seen` has what it was asked."""
    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_):
        """Who was interrupted has gone."""


class Proxy(Server):
    """Passes requests on to `port`, as who has `authorization` if that is said; `refuse(method, path)` gives the status to
    answer instead, if any."""

    def __init__(self, port, authorization=None):
        self.port, self.authorization, self.refuse, self.pause = port, authorization, lambda method, path: None, 0
        super().__init__(Passing)


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers.items())))
        time.sleep(self.server.pause)
        status = self.server.refuse(self.command, self.path)
        if status:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        to = http.client.HTTPConnection("127.0.0.1", self.server.port)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.server.authorization:
            headers["authorization"] = self.server.authorization
        to.request(self.command, self.path, body, headers)
        answer = to.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        length = answer.getheader("content-length") if self.command == "HEAD" else len(content)
        self.send_header("content-length", str(length))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def log_message(self, *_):
        pass


class Shelf(Server):
    """A server that takes files by PUT."""

    def __init__(self):
        self.files, self.statuses = {}, []
        super().__init__(Putting)


class Putting(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.command, self.path, dict(self.headers.items())))
        status = self.server.statuses.pop(0) if self.server.statuses else 201
        if status < 300:
            self.server.files[self.path] = body
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Stores:
    def __init__(self, work):
        self.work, self.processes = work, []
        self.moto, blob = free_port(), free_port()
        self.start([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.moto)], self.moto)
        azurite = f"{work}/azurite"
        if not os.path.exists(f"{azurite}/node_modules/.bin/azurite-blob"):
            os.makedirs(azurite, exist_ok=True)
            subprocess.run(["npm", "install", "--prefix", azurite, "--no-audit", "--no-fund", "--silent", AZURITE], check=True,
                           stdin=subprocess.DEVNULL)
        shutil.rmtree(f"{work}/blobs", ignore_errors=True)
        self.start([f"{azurite}/node_modules/.bin/azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", str(blob),
                    "--location", f"{work}/blobs", "--silent", "--disableTelemetry", "--skipApiVersionCheck"], blob)
        self.proxy, self.shelf = Proxy(self.moto), Shelf()
        # moto knows the credentials of Amazon only.
        google = Proxy(self.moto, "AWS me:signature")
        self.s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.moto}", aws_access_key_id="me",
                               aws_secret_access_key="secret", region_name="eu-central-1")
        self.s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        # For requests without credentials.
        self.s3.put_bucket_acl(Bucket="bucket", ACL="public-read")
        blobs = f"http://127.0.0.1:{blob}/{ACCOUNT}"
        self.azure = BlobServiceClient(blobs, credential=KEY).create_container("bucket")
        emulator = f"http://127.0.0.1:{self.moto}"
        self.options = {
            "s3": ["--endpoint", emulator, "--store", "aws_access_key_id=me", "--store", "aws_secret_access_key=secret",
                   "--store", "aws_region=eu-central-1"],
            "gs": ["--endpoint", google.url, "--store", f"google_service_account_key={json.dumps(NOBODY)}"],
            "az": ["--endpoint", blobs, "--store", f"azure_storage_account_name={ACCOUNT}", "--store",
                   f"azure_storage_account_key={KEY}"],
        }

    def start(self, command, port):
        log = open(f"{self.work}/{os.path.basename(command[0])}.log", "wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        wait_for(port, process)

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()

    def upload(self, scheme, key, path):
        if scheme == "az":
            with open(path, "rb") as file:
                self.azure.upload_blob(key, file, overwrite=True)
        else:
            self.s3.upload_file(path, "bucket", key, ExtraArgs={"ACL": "public-read"})

    def download(self, scheme, key, path):
        if scheme == "az":
            with open(path, "wb") as file:
                self.azure.download_blob(key, max_concurrency=1).readinto(file)
        else:
            self.s3.download_file("bucket", key, path)
        return path

    def exists(self, scheme, key):
        if scheme == "az":
            return self.azure.get_blob_client(key).exists()
        return any(o["Key"] == key for o in self.s3.list_objects_v2(Bucket="bucket").get("Contents", []))

    def pending(self):
        return self.s3.list_multipart_uploads(Bucket="bucket").get("Uploads", [])


class Checker:
    def __init__(self, a):
        self.work, self.only, self.large = os.path.abspath(a.work), a.only, a.large
        os.makedirs(self.work, exist_ok=True)
        self.swath = os.environ.get("SWATH") or cargo("-p", "swath-cli")
        self.counts = collections.Counter()
        self.stores = Stores(self.work)
        self.small = self.raster("small", 3, 700, 611)
        # Of noise, so that it is large: 3 × 36 MB, several parts of it and of its first overview.
        self.big = self.raster("big", 3, 4200, 4300, noise=True)

    def raster(self, name, count, height, width, noise=False):
        path = f"{self.work}/{name}.tif"
        rng = np.random.default_rng(7)
        y, x = np.mgrid[:height, :width]
        pixels = np.rint(90 + 60 * np.sin(x / 31) * np.cos(y / 17) + rng.normal(0, 5, (count, height, width)))
        if noise:
            pixels = rng.integers(0, 65536, (count, height, width))
        with rasterio.open(path, "w", driver="GTiff", width=width, height=height, count=count, dtype="uint16", tiled=True,
                           crs="EPSG:32631", transform=from_origin(6e5, 5.7e6, 10, 10), compress="DEFLATE", zlevel=1) as file:
            file.write(pixels.astype("u2"))
        return path

    def run(self, *command, scheme=None, endpoint=None, code=0, environment=None):
        options = list(self.stores.options.get(scheme, []))
        if endpoint:
            options[options.index("--endpoint") + 1] = endpoint
        command = [self.swath, *command, *options]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AZURE_", "GOOGLE_"))}
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**clean, **(environment or {})})
        assert done.returncode == code, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def calc(self, source, out, *more, **how):
        return self.run("calc", "x", f"x={source}", "-o", out, "--threads", "2", *more, **how)

    def check(self, name, what, *args):
        if self.only and self.only not in name:
            return
        started = time.time()
        try:
            what(*args)
            self.counts["passed"] += 1
            print(f"{name}: ok, {time.time() - started:.1f} s", flush=True)
        except Exception as error:
            self.counts["failed"] += 1
            traceback.print_exc()
            print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)

    # Reading.

    def reads(self, scheme, key):
        self.stores.upload(scheme, key, self.small)
        uri = f"{scheme}://bucket/{key}"
        told = self.run("info", uri, scheme=scheme)
        assert "3 × 700 × 611" in told and "opened with   1 request" in told, told
        local = self.run("stats", self.small, "--json", "--quiet")
        assert local.replace(self.small, uri) == self.run("stats", uri, "--json", "--quiet", scheme=scheme)

    def reads_by_environment(self):
        self.stores.upload("s3", "e.tif", self.small)
        environment = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1",
                       "AWS_ENDPOINT_URL": self.stores.proxy.url}
        self.stores.proxy.seen.clear()
        self.run("info", "s3://bucket/e.tif", environment=environment)
        self.run("info", "s3://bucket/e.tif", environment={**environment, "AWS_NO_SIGN_REQUEST": "YES"})
        self.run("info", "s3://bucket/e.tif", "--anonymous", environment=environment)
        signed = ["authorization" in {name.lower() for name in headers} for _, _, headers in self.stores.proxy.seen]
        assert signed == [True, False, False], signed
        session = {**environment, "AWS_SESSION_TOKEN": "token"}
        self.run("info", "s3://bucket/e.tif", environment=session)
        headers = {name.lower(): value for name, value in self.stores.proxy.seen[-1][2].items()}
        assert headers["x-amz-security-token"] == "token"

    def reads_signed_urls(self):
        self.stores.upload("s3", "signed.tif", self.small)
        url = self.stores.s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "signed.tif"})
        assert "3 × 700 × 611" in self.run("info", url)

    def says_what_is_wrong(self):
        for uri, scheme, expected in [
            ("s3://bucket/missing.tif", "s3", "the server answered 404 Not Found"),
            ("gs://bucket/missing.tif", "gs", "the server answered 404 Not Found"),
            ("az://bucket/missing.tif", "az", "the server answered 404 Not Found"),
            ("s3://bucket", "s3", "it names a bucket, but no object in it"),
        ]:
            told = self.run("info", uri, scheme=scheme, code=1)
            assert told == f"swath: cannot open {uri}: {expected}\n", told
        told = self.calc(self.small, "s3://no-where/out.tif", scheme="s3", code=1)
        assert "cannot complete s3://no-where/out.tif" in told and "404 Not Found" in told and "bucket does not exist" in told, told
        told = self.run("info", "s3://bucket/x.tif", "--store", "aws_regoin=eu", code=1)
        assert "the setting aws_regoin is not one of any store" in told, told

    # Writing.

    def writes(self, scheme, source, *options):
        """What arrives is what would lie on a disk; and each way to compute it gives the same bytes."""
        key = "folder/out put.tif"
        ways = [["--threads", "1"], ["--threads", "3", "--memory", "300M"]]
        local, arrived = f"{self.work}/local.tif", f"{self.work}/arrived.tif"
        self.run("calc", "x", f"x={source}", "-o", local, "--no-passthrough", *options)
        for number, way in enumerate(ways):
            out = f"{scheme}://bucket/{key}"
            self.run("calc", "x", f"x={source}", "-o", out, *way, "--no-passthrough", *options, scheme=scheme)
            path = self.stores.download(scheme, key, arrived if number == 0 else f"{self.work}/again.tif")
        assert filecmp.cmp(arrived, path, shallow=False), "the bytes depend on threads and memory"
        assert self.stores.pending() == []
        return local, arrived

    def writes_as_to_disk(self, scheme, source, *options):
        local, arrived = self.writes(scheme, source, *options)
        assert filecmp.cmp(local, arrived, shallow=False), "it differs from the file on a disk"

    def writes_padded(self, scheme, source, *options):
        """Parts are filled up, so that positions differ; all else is the same."""
        local, arrived = self.writes(scheme, source, *options)
        is_valid, errors, warned = cog_validate(arrived, strict=True, quiet=True)
        assert is_valid and not errors and not warned, f"errors {errors}, warnings {warned}"
        with rasterio.open(arrived) as ours, rasterio.open(local) as theirs:
            assert ours.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
            assert ours.profile == theirs.profile and ours.overviews(1) == theirs.overviews(1)
            np.testing.assert_array_equal(ours.read(), theirs.read())
            levels = len(ours.overviews(1))
        for level in range(levels):
            with rasterio.open(arrived, overview_level=level) as ours, rasterio.open(local, overview_level=level) as theirs:
                np.testing.assert_array_equal(ours.read(), theirs.read())

    def copies_within(self):
        self.stores.upload("s3", "source.tif", self.big)
        told = self.calc("s3://bucket/source.tif", "s3://bucket/copy.tif", scheme="s3")
        assert " 0 computed" in told, told
        assert " 0 blocks decoded" in told, told

    def puts(self):
        shelf = self.stores.shelf
        local = f"{self.work}/local.tif"
        for options in ([], ["--cog"]):
            self.calc(self.small, local, *options)
            for statuses in ([], [503, 500]):
                shelf.statuses[:], shelf.files = statuses, {}
                self.calc(self.small, f"{shelf.url}/a%20b/out.tif?signature=x", *options)
                with open(local, "rb") as file:
                    assert shelf.files == {"/a%20b/out.tif?signature=x": file.read()}
        shelf.statuses[:] = [403]
        told = self.calc(self.small, f"{shelf.url}/out.tif?signature=x", code=1)
        assert "out.tif?…" in told and "signature" not in told and "403 Forbidden" in told, told

    # What goes wrong on the way.

    def refused(self, what, refuse, *, succeeds=False):
        proxy = self.stores.proxy
        for cog in ([], ["--cog"]):
            proxy.seen.clear()
            proxy.refuse = refuse()
            told = self.calc(self.big, "s3://bucket/refused.tif", *cog, scheme="s3", endpoint=proxy.url, code=0 if succeeds else 1)
            proxy.refuse = lambda method, path: None
            assert self.stores.exists("s3", "refused.tif") == succeeds, "there is half an object" if not succeeds else told
            assert self.stores.pending() == [], f"an upload is pending after {what}"
            if succeeds:
                self.stores.s3.delete_object(Bucket="bucket", Key="refused.tif")
            else:
                assert "s3://bucket/refused.tif" in told and "upload" in told or "part" in told, told

    def interrupted(self, how):
        proxy = self.stores.proxy
        proxy.seen.clear()
        # Parts take long, so that the signal comes while some are on their way.
        proxy.pause = 0.3
        command = [self.swath, "calc", "x", f"x={self.big}", "-o", "s3://bucket/interrupted.tif", "--cog", *self.stores.options["s3"]]
        command[command.index("--endpoint") + 1] = proxy.url
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not any("partNumber" in path for _, path, _ in proxy.seen):
            time.sleep(0.01)
        process.send_signal(how)
        told, _ = process.communicate(timeout=60)
        proxy.pause = 0
        assert process.returncode == 130, (process.returncode, told)
        assert told == "swath: interrupted; nothing was written\n", told
        assert self.stores.pending() == [] and not self.stores.exists("s3", "interrupted.tif")

    def writes_large(self, scheme):
        """More than 3 GB through 256 MiB, and no file on the disk meanwhile."""
        source = f"{self.work}/large.tif"
        if not os.path.exists(source):
            with rasterio.open(self.big) as file:
                tile = file.read(window=((0, 4096), (0, 4096)))
            with rasterio.open(source, "w", driver="GTiff", width=20480, height=20480, count=3, dtype="uint16", tiled=True,
                               blockxsize=512, blockysize=512, interleave="pixel", compress="ZSTD", zstd_level=1, num_threads=2,
                               crs="EPSG:32631", transform=from_origin(6e5, 5.7e6, 10, 10), BIGTIFF="YES") as file:
                for row in range(0, 20480, 4096):
                    for column in range(0, 20480, 4096):
                        file.write(tile // 16, window=((row, row + 4096), (column, column + 4096)))
        command = [self.swath, "calc", "x", f"x={source}", "-o", f"{scheme}://bucket/large.tif", "--cog", "--compress", "none",
                   "--memory", "256M", "--threads", "2", *self.stores.options[scheme]]
        # There is no folder for temporary files.
        told, peak = measured(command, {**os.environ, "TMPDIR": "/nowhere"})
        print(f"  {told.strip()}; peak {peak:.0f} MiB")
        assert peak <= 256 + 64, f"{peak:.0f} MiB"
        told = self.run("info", f"{scheme}://bucket/large.tif", scheme=scheme)
        assert "3 × 20480 × 20480" in told, told
        # Here and there, as moto takes seconds for a range of a file that large.
        for corner in ("0, 500, 0, 500", "9900, 10300, 20000, 20480", "20000, 20480, 10200, 10300"):
            pair = []
            for uri in (source, f"{scheme}://bucket/large.tif"):
                told = self.run("calc", f"statistics(window(x, {corner}))", f"x={uri}", "--json", "--quiet", scheme=scheme)
                pair.append(told.replace(uri, ""))
            assert pair[0] == pair[1]

    def all(self):
        for scheme in ("s3", "gs", "az"):
            for key in KEYS:
                self.check(f"reads {scheme}://bucket/{key}", self.reads, scheme, key)
        self.check("reads with credentials of the environment", self.reads_by_environment)
        self.check("reads signed URLs", self.reads_signed_urls)
        self.check("says what is wrong", self.says_what_is_wrong)
        for scheme in ("s3", "gs", "az"):
            for options in ([], ["--cog"], ["--cog", "--interleave", "band"], ["--bigtiff", "yes", "--cog", "--compress", "zstd"]):
                name = " ".join(options) or "a GeoTIFF"
                self.check(f"writes {name} to {scheme}, small", self.writes_as_to_disk, scheme, self.small, *options)
                padded = "--cog" in options and "band" not in options and scheme != "az"
                how = self.writes_padded if padded else self.writes_as_to_disk
                self.check(f"writes {name} to {scheme}, large", how, scheme, self.big, *options)
        self.check("copies within a store without decoding", self.copies_within)
        self.check("puts files to servers", self.puts)

        def first_of_each():
            counts = collections.Counter()

            def refuse(method, path):
                counts[method, path] += 1
                return 503 if counts[method, path] <= 2 else None
            return refuse
        self.check("uploads through a store that is busy", lambda: self.refused("a busy store", first_of_each, succeeds=True))
        for what, status, matches in [
            ("a part", 403, lambda method, path: "partNumber=3" in path), ("a part", 500, lambda method, path: "partNumber=2" in path),
            ("the head", 400, lambda method, path: "partNumber=1&" in path or path.endswith("partNumber=1")),
            ("to start", 403, lambda method, path: method == "POST" and path.endswith("uploads=") or path.endswith("uploads")),
            ("to complete", 403, lambda method, path: method == "POST" and "uploadId" in path),
        ]:
            self.check(f"leaves nothing where a store refuses {what} with {status}", self.refused, what,
                       lambda status=status, matches=matches: lambda method, path: status if matches(method, path) else None)
        for how in (signal.SIGINT, signal.SIGTERM):
            self.check(f"leaves nothing after {how.name}", self.interrupted, how)
        if self.large:
            for scheme in ("s3", "az"):
                self.check(f"writes more than 3 GB to {scheme} through 256 MiB", self.writes_large, scheme)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="target/interop/stores")
    parser.add_argument("--only")
    parser.add_argument("--large", action="store_true")
    checker = Checker(parser.parse_args())
    try:
        checker.all()
    finally:
        checker.stores.stop()
    print(f"{checker.counts['passed']} passed, {checker.counts['failed']} failed")
    sys.exit(min(checker.counts["failed"], 1))


if __name__ == "__main__":
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    main()
