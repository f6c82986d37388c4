"""Starts ministack 1.5.33, a local stand-in of AWS, with what stands in the way mended:

* An invocation of a compiled function takes 100 ms: its runtime API writes head and body in two segments with Nagle's
  algorithm on, and it waits 50 ms for a first log line. Both are turned off (about 5 ms then).
* It has no StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask and ListDeadLetterSourceQueues, which is
  how messages are put back from a dead-letter queue.
* An HTTP API is found only by callers who sign for the account that owns it. Shops sign nothing: its id is enough.
* With AUTH=true it asks for sqs:SendMessageBatch and the like, which AWS does not have: the right to a batch is the right
  to its single call.
* With AUTH=true a mail is held against the right to send from anywhere, not from the domain it is from.
* With AUTH=true it refuses calls that don't come by TLS, where a policy asks for that. Nothing speaks TLS here.
* Schedules are looked at every ten seconds; here every second, so that a minute is a minute.

Configuration as for ministack itself: GATEWAY_PORT, BIND_HOST, AWS_ENDPOINT_URL, IOT_MTLS_ENABLED.
"""
import asyncio
import email.utils
import http.server
import json
import os
import signal
import socketserver
import sys
import threading
import time
import uuid

# This file has the name of the package: without its folder on the path the package is found.
sys.path.pop(0)

import ministack.core.iam_actions as rights
import ministack.core.iam_evaluator as evaluator
import ministack.core.lambda_runtime as runtime
import ministack.services.apigateway as apigateway
import ministack.services.eventbridge as eventbridge
import ministack.services.sqs as sqs

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
http.server.BaseHTTPRequestHandler.wbufsize = -1
_drain = runtime.Worker._drain_stderr_bounded
if _drain.__defaults__ == (0.05, 0.005, 0.25):
    _drain.__defaults__ = (0.002, 0.002, 0.25)

eventbridge._SCHEDULER_TICK_INTERVAL = 1


def _owner(api_id):
    """Account and region of an HTTP API; ids are unique among accounts."""
    return next(((account, region) for (account, region, known), _ in apigateway._apis.all_items() if known == api_id), None)


apigateway.find_api_scope = _owner

_asked_right = rights.extract_iam_action


def _right(service, *request):
    """The right a call asks for."""
    right = _asked_right(service, *request)
    return right.removesuffix("Batch") if right and right.startswith("sqs:") else right


rights.extract_iam_action = _right

_asked_resource = rights.extract_resource_arn


def _resource(service, method, path, headers, body, query, region, account):
    """What a call is about; for a mail, the domain it is from."""
    if service == "ses" and method == "POST" and path.rstrip("/") == "/v2/email/outbound-emails":
        _, address = email.utils.parseaddr(json.loads(body).get("FromEmailAddress", ""))
        return f"arn:aws:ses:{region}:{account}:identity/{address.rpartition('@')[2]}"
    return _asked_resource(service, method, path, headers, body, query, region, account)


rights.extract_resource_arn = _resource

_known = evaluator._resolve_condition_key


def _condition(key, context):
    """What a condition asks about. Here nothing speaks TLS, which the template insists on: let it be taken for TLS."""
    return "true" if key.lower() == "aws:securetransport" else _known(key, context)


evaluator._resolve_condition_key = _condition

_FAST = 500  # messages per second from which on nobody waits between two
_tasks = {}  # handle -> task


def _sources(dead_arn):
    """The queues whose dead-letter queue it is."""
    found = []
    for queue in list(sqs._queues._data.values()):
        policy = queue["attributes"].get("RedrivePolicy")
        if policy and json.loads(policy).get("deadLetterTargetArn") == dead_arn:
            found.append(queue)
    return found


def _take(queue):
    now = time.time()
    message = next((m for m in queue["messages"] if m.get("visible_at", 0) <= now), None)
    if message is not None:
        queue["messages"].remove(message)
    return message


def _put(queue, message):
    now = time.time()
    message = dict(message, receipt_handle=None, visible_at=now, receive_count=0, first_receive_at=None, sent_at=now, enqueued_at=now)
    message["sys"] = {k: v for k, v in (message.get("sys") or {}).items() if k != "DeadLetterQueueSourceArn"}
    queue["messages"].append(message)
    sqs.esm_wake.set()


async def _move(task, dead, destination):
    rate = task["MaxNumberOfMessagesPerSecond"] or _FAST
    while task["Status"] == "RUNNING":
        message = _take(dead)
        if message is None:
            task["Status"] = "COMPLETED"
            break
        source = (message.get("sys") or {}).get("DeadLetterQueueSourceArn", "")
        to = destination or sqs._queue_by_arn(source)
        if to is None:
            dead["messages"].append(message)
            task.update(Status="FAILED", FailureReason="CouldNotDetermineMessageSource")
            break
        _put(to, message)
        task["ApproximateNumberOfMessagesMoved"] += 1
        if rate < _FAST:
            await asyncio.sleep(1 / rate)
        elif task["ApproximateNumberOfMessagesMoved"] % 50 == 0:
            await asyncio.sleep(0)
    if task["Status"] == "CANCELLING":
        task["Status"] = "CANCELLED"


async def _start(data, _url):
    source = data.get("SourceArn", "")
    dead = sqs._queue_by_arn(source)
    if dead is None:
        raise sqs._Err("ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.", 404)
    if not _sources(source):
        raise sqs._Err("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if any(t["SourceArn"] == source and t["Status"] == "RUNNING" for t in _tasks.values()):
        raise sqs._Err("UnsupportedOperation", "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
    destination = None
    if data.get("DestinationArn"):
        destination = sqs._queue_by_arn(data["DestinationArn"])
        if destination is None:
            raise sqs._Err("ResourceNotFoundException", "The resource that you specified for the DestinationArn parameter doesn't exist.", 404)
    task = {
        "TaskHandle": uuid.uuid4().hex,
        "Status": "RUNNING",
        "SourceArn": source,
        "DestinationArn": data.get("DestinationArn"),
        "MaxNumberOfMessagesPerSecond": data.get("MaxNumberOfMessagesPerSecond"),
        "ApproximateNumberOfMessagesMoved": 0,
        "ApproximateNumberOfMessagesToMove": len(dead["messages"]),
        "StartedTimestamp": int(time.time() * 1000),
    }
    _tasks[task["TaskHandle"]] = task
    task["_running"] = asyncio.ensure_future(_move(task, dead, destination))
    return {"TaskHandle": task["TaskHandle"]}


def _list(data, _url):
    mine = [t for t in _tasks.values() if t["SourceArn"] == data.get("SourceArn")]
    newest = sorted(mine, key=lambda t: -t["StartedTimestamp"])[: int(data.get("MaxResults") or 1)]
    shown = lambda t, k, v: k[0] != "_" and v is not None and (k != "TaskHandle" or t["Status"] == "RUNNING")
    return {"Results": [{k: v for k, v in t.items() if shown(t, k, v)} for t in newest]}


def _cancel(data, _url):
    task = _tasks.get(data.get("TaskHandle", ""))
    if task is None:
        raise sqs._Err("ResourceNotFoundException", "Task does not exist.", 404)
    if task["Status"] != "RUNNING":
        raise sqs._Err("UnsupportedOperation", "Only active tasks can be cancelled.")
    task["Status"] = "CANCELLING"
    return {"ApproximateNumberOfMessagesMoved": task["ApproximateNumberOfMessagesMoved"]}


def _list_sources(data, url):
    arn = sqs._get_q(data.get("QueueUrl") or url)["attributes"]["QueueArn"]
    return {"queueUrls": [sqs._queue_url(q["attributes"]["QueueArn"].rsplit(":", 1)[1]) for q in _sources(arn)]}


sqs._HANDLERS.update(
    {
        "StartMessageMoveTask": _start,
        "ListMessageMoveTasks": _list,
        "CancelMessageMoveTask": _cancel,
        "ListDeadLetterSourceQueues": _list_sources,
    }
)


def _end_with_starter():
    """Whoever starts this holds the other end of stdin: when it goes, even by SIGKILL, this goes too.

    In order, so that no function is left behind; at once, if that takes too long."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os._exit(0)


if __name__ == "__main__":
    from ministack.app import main

    if "--end-with-stdin" in sys.argv:
        sys.argv.remove("--end-with-stdin")
        threading.Thread(target=_end_with_starter, daemon=True).start()
    sys.exit(main())
