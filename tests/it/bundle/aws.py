"""Calls AWS for the test of the bundle: a line of JSON in, a line of JSON out.

{"service": "sqs", "call": "send_message", "with": {...}} is any call of boto3, which checks it against AWS's own model of
the service and signs it. {"bucket": B, "upload": {KEY: FOLDER, ...}} packs the files of each folder and uploads them.
"""
import base64
import io
import json
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_clients = {}


def _client(service):
    if service not in _clients:
        _clients[service] = boto3.client(service)
    return _clients[service]


def _upload(bucket, key, folder):
    packed = io.BytesIO()
    # Level 1: the packing of unoptimised binaries is most of the time of a deployment to this machine.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(Path(folder).iterdir()):
            archive.write(file, file.name)
    _client("s3").put_object(Bucket=bucket, Key=key, Body=packed.getvalue())


def _upload_all(bucket, folders):
    _client("s3")  # made once, then shared: making is not safe among threads, calling is
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(_upload, bucket, key, folder) for key, folder in folders.items()]:
            done.result()


def _answer(ask):
    try:
        if "upload" in ask:
            return {"done": _upload_all(ask["bucket"], ask["upload"])}
        return {"done": getattr(_client(ask["service"]), ask["call"])(**ask["with"])}
    except ClientError as error:
        return {"refused": f"{error.response['Error'].get('Code')}: {error}"}
    except BotoCoreError as error:
        return {"refused": f"{type(error).__name__}: {error}"}


def _plain(value):
    """What JSON does not know: bytes, times, and the bodies of answers."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.read().decode("utf-8", "replace") if hasattr(value, "read") else str(value)


for line in sys.stdin:
    print(json.dumps(_answer(json.loads(line)), default=_plain), flush=True)
