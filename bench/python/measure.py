"""Measures PlumpIPC for Python with its own workers: the workloads of bench/workloads/ that it has
a counterpart for, timed the same way. Takes a request as JSON, prints the metrics as JSON."""

import asyncio
import hashlib
import json
import logging
import multiprocessing as mp
import os
import sys
import threading
import time

from plump_ipc import PlumpIPC, PlumpQueue

logging.disable(logging.CRITICAL)

PAGE_BYTES = 4096
WARM_SHARE = 0.2
LEAST_SAMPLES = 3
EVENT_CHUNK = 64

clock = time.perf_counter


# ---------------------------------------------------------------- the worker
def register(ipc, bus):
    kept = {}

    @ipc.command()
    def add(a, b):
        return a + b

    @ipc.command()
    def echo(value):
        return value

    @ipc.command()
    def touch(data):
        return sum(data[::PAGE_BYTES])

    @ipc.command()
    def digest(data):
        return hashlib.sha256(data).hexdigest()

    @ipc.command()
    def give(length, mark):
        if length not in kept:
            pattern = bytes(range(251))
            kept[length] = bytearray((pattern * (length // 251 + 1))[:length])
        kept[length][0] = mark % 256
        return kept[length]

    @ipc.command()
    def burn(ms):
        end = clock() + ms / 1000
        while clock() < end:
            pass
        return ms

    @ipc.command()
    def identity():
        return os.getpid()

    @ipc.command()
    def publish_for(ms):
        end = clock() + ms / 1000
        sequence = 0
        while clock() < end:
            for _ in range(EVENT_CHUNK):
                bus.broadcast({"sequence": sequence, "kind": "tick", "progress": 0.5})
                sequence += 1
        bus.broadcast({"sequence": sequence, "kind": "end"})
        return sequence


def worker(conn, bus_conn):
    bus = PlumpQueue()
    bus.set_producer(bus_conn)
    ipc = PlumpIPC()
    ipc.child_conn = conn
    register(ipc, bus)
    ipc.run_worker()


# ---------------------------------------------------------------- the host
class Session:
    """One PlumpIPC with one worker process, as the package's README starts it."""

    def __init__(self):
        self.ipc = PlumpIPC()
        consumer, producer = mp.Pipe(duplex=False)
        self.bus = PlumpQueue()
        self.bus.set_consumer(consumer)
        self.process = mp.Process(
            target=worker, args=(self.ipc.child_conn, producer), daemon=True
        )
        self.process.start()
        self.lock = asyncio.Lock()

    def call(self, *args):
        return self.ipc.call(*args)

    async def acall(self, *args):
        # Its concurrent acall()s share one pipe without a lock, so that answers can reach the
        # wrong caller; one at a time is the only use that gives right values.
        async with self.lock:
            return await self.ipc.acall(*args)

    def stop(self):
        self.ipc.stop_worker()
        self.process.join(2)
        if self.process.is_alive():
            self.process.kill()


def pin(regime, session):
    cpus = {"apart": (0, 1), "one-cpu": (0, 0)}.get(regime)
    if cpus is None:
        return
    os.sched_setaffinity(0, {cpus[0]})
    os.sched_setaffinity(session.process.pid, {cpus[1]})


def summary(samples, elapsed=None):
    ordered = sorted(samples)

    def at(share):
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    result = {
        "count": len(ordered),
        "mean": sum(ordered) / len(ordered),
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "p999": at(0.999),
        "max": ordered[-1],
        "percentiles": [float(f"{at(index / 100):.5g}") for index in range(101)],
    }
    if elapsed is not None:
        result["perSecond"] = len(ordered) / elapsed
    return result


def expect(actual, wanted):
    if actual != wanted:
        raise AssertionError(f"wrong answer: {actual!r} instead of {wanted!r}")


def time_blocking(seconds, once):
    index = 0
    warm_until = clock() + seconds * WARM_SHARE
    while True:
        once(index)
        index += 1
        if clock() >= warm_until:
            break
    samples = []
    started = now = clock()
    while now < started + seconds or len(samples) < LEAST_SAMPLES:
        before = clock()
        once(index)
        now = clock()
        index += 1
        samples.append((now - before) * 1e6)
    return summary(samples, now - started)


async def time_in_flight(seconds, width, once):
    await keep_in_flight(seconds * WARM_SHARE, width, once)
    return await keep_in_flight(seconds, width, once)


async def keep_in_flight(seconds, width, once):
    samples = []
    started = clock()
    state = {"next": 0, "last": started}

    async def chain():
        before = clock()
        while True:
            index = state["next"]
            state["next"] += 1
            await once(index)
            now = clock()
            state["last"] = now
            samples.append((now - before) * 1e6)
            before = now
            if now >= started + seconds:
                return

    await asyncio.gather(*(chain() for _ in range(width)))
    return summary(samples, state["last"] - started)


def small_object(index):
    return {"id": index, "name": f"item-{index}", "tags": ["new", "sale"], "ok": index % 2 == 0}


def nested_object(seed):
    orders = []
    for index in range(40):
        word = ("alpha", "bravo", "carbon", "delta", "echo")[(index + seed) % 5]
        orders.append(
            {
                "id": index,
                "customer": {
                    "name": f"{word} {word}",
                    "address": {"street": f"{word} {index * 3}", "zip": "10115"},
                },
                "lines": [
                    {"sku": f"{word}-1", "count": index % 9, "price": index * 1.2345678},
                    {"sku": f"{word}-2", "count": index % 7, "price": index * 2.3456789},
                ],
                "tags": [word, word],
                "paid": index % 2 == 0,
                "note": None,
            }
        )
    return {"seed": seed, "orders": orders}


def call_roundtrip(session, request):
    pin(request["case"]["regime"], session)

    def once(index):
        expect(session.call("add", index, 2), index + 2)

    return time_blocking(request["seconds"], once)


async def add_once(session, index):
    expect(await session.acall("add", index, 2), index + 2)


def acall_sequential(session, request):
    pin(request["case"]["regime"], session)
    return asyncio.run(
        time_in_flight(request["seconds"], 1, lambda index: add_once(session, index))
    )


def acall_in_flight(session, request):
    width = request["case"]["width"]
    return asyncio.run(
        time_in_flight(request["seconds"], width, lambda index: add_once(session, index))
    )


def burst(session, request):
    size = request["case"]["size"]

    async def run():
        async def one():
            before = clock()
            await asyncio.gather(*(add_once(session, index) for index in range(size)))
            return (clock() - before) * 1e3

        await one()
        samples = []
        end = clock() + request["seconds"]
        while True:
            samples.append(await one())
            if clock() >= end and len(samples) >= LEAST_SAMPLES:
                break
        result = summary(samples)
        result["perSecond"] = size / result["p50"] * 1e3
        return result

    return asyncio.run(run())


def small_objects(session, request):
    async def once(index):
        answer = await session.acall("echo", small_object(index))
        expect(answer["id"], index)

    return asyncio.run(time_in_flight(request["seconds"], request["case"]["width"], once))


def nested_objects(session, request):
    objects = [nested_object(index) for index in range(16)]

    async def once(index):
        sent = objects[index % 16]
        expect((await session.acall("echo", sent))["seed"], sent["seed"])

    return asyncio.run(time_in_flight(request["seconds"], request["case"]["width"], once))


def buffer_to_worker(session, request):
    payload = bytearray(b"\1") * request["case"]["bytes"]
    others = len(payload[::PAGE_BYTES]) - 1

    async def once(index):
        payload[0] = index % 256
        expect(await session.acall("touch", payload), others + index % 256)

    return asyncio.run(time_in_flight(request["seconds"], 1, once))


def buffer_from_worker(session, request):
    length = request["case"]["bytes"]

    async def once(index):
        data = await session.acall("give", length, index)
        expect(len(data), length)
        expect(data[0], index % 256)
        sum(data[::PAGE_BYTES])

    return asyncio.run(time_in_flight(request["seconds"], 1, once))


def bus_to_host(session, request):
    def one(ms):
        state = {"count": 0, "first": 0.0, "latest": 0.0, "last": -1}

        async def run():
            ended = asyncio.Event()

            # A coroutine: its listener runs plain functions in a thread pool, out of order.
            async def heard(event):
                if event["kind"] == "end":
                    ended.set()
                    return
                expect(event["sequence"] > state["last"], True)
                state["last"] = event["sequence"]
                state["latest"] = clock()
                if state["count"] == 0:
                    state["first"] = state["latest"]
                state["count"] += 1

            session.bus.setup_async_listener(heard)
            published = await session.acall("publish_for", ms)
            await ended.wait()
            asyncio.get_running_loop().remove_reader(session.bus._recv_conn.fileno())
            return published

        return asyncio.run(run()), state

    session.lock = asyncio.Lock()
    one(request["seconds"] * 200)
    session.lock = asyncio.Lock()
    published, state = one(request["seconds"] * 1000)
    return {
        "perSecond": state["count"] / (state["latest"] - state["first"]),
        "deliveredPercent": state["count"] / published * 100,
        "published": published,
        "delivered": state["count"],
    }


def cold_calls(session, request):
    async def run():
        pause = request["case"]["pauseMs"] / 1000
        for index in range(200):
            await add_once(session, index)
        samples = []
        end = clock() + request["seconds"]
        while clock() < end or len(samples) < 5:
            await asyncio.sleep(pause)
            before = clock()
            await add_once(session, len(samples))
            samples.append((clock() - before) * 1e6)
        return summary(samples)

    return asyncio.run(run())


def cpu_ms(pids):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total / 1e6


def cpu_time(session, request):
    case = request["case"]
    pids = [os.getpid(), session.process.pid]
    state = {"calls": 0}

    async def once(_index):
        state["calls"] += 1
        expect(await session.acall(case["task"], *case["args"]), case["answer"])

    async def run():
        await keep_in_flight(request["seconds"] * WARM_SHARE, case["width"], once)
        before = cpu_ms(pids)
        state["calls"] = 0
        result = await keep_in_flight(request["seconds"], case["width"], once)
        used = cpu_ms(pids) - before
        return {
            "cpuPerCall": used / state["calls"] * 1e3,
            "perSecond": result["perSecond"],
            "p50": result["p50"],
            "calls": state["calls"],
            "cpuMs": used,
        }

    return asyncio.run(run())


def start(session, request):
    samples = []
    end = clock() + request["seconds"]
    while len(samples) < 8 and (clock() < end or not samples):
        before = clock()
        fresh = Session()
        expect(fresh.call("add", 1, 2), 3)
        samples.append((clock() - before) * 1e3)
        fresh.stop()
    return summary(samples)


def pss_mib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


def memory(session, request):
    case = request["case"]

    def calls(which):
        for index in range(1000):
            expect(which.call("add", index, 2), index + 2)
        for _ in range(case["buffers"]):
            which.call("touch", bytearray(16 << 20))
        time.sleep(case["restMs"] / 1000)

    calls(session)
    known = [os.getpid(), session.process.pid]
    before = pss_mib(known)
    second = Session()
    calls(second)
    result = {
        "memory": pss_mib([*known, second.process.pid]) - before,
        "workerPss": pss_mib([second.process.pid]),
        "hostPss": pss_mib([os.getpid()]),
    }
    second.stop()
    return result


def handlers(session, request):
    case = request["case"]
    sessions = [session, *(Session() for _ in range(case["workers"] - 1))]

    async def run(count):
        before = clock()
        answers = await asyncio.gather(
            *(sessions[index % len(sessions)].acall("burn", case["ms"]) for index in range(count))
        )
        expect(set(answers), {case["ms"]})
        return (clock() - before) * 1e3

    async def both():
        await run(16)
        return await run(case["calls"])

    elapsed = asyncio.run(both())
    for other in sessions[1:]:
        other.stop()
    return {"ofIdeal": case["calls"] * case["ms"] / case["workers"] / elapsed, "elapsed": elapsed}


def check(session, request):
    done = []
    expect(session.call("add", 40, 2), 42)
    done.append("call: adds")
    expect(session.call("identity") == os.getpid(), False)
    expect(session.call("identity"), session.process.pid)
    done.append("call: in another process")
    for value in (nested_object(7), small_object(7)):
        expect(session.call("echo", value), value)
    size = len(json.dumps(nested_object(7), separators=(",", ":")))
    expect(9_000 < size < 12_000, True)
    done.append("call: echoes objects")
    data = os.urandom((1 << 20) + 13)
    expect(session.call("digest", data), hashlib.sha256(data).hexdigest())
    done.append("call: the worker has the bytes")
    wanted = bytearray((bytes(range(251)) * 5000)[: (1 << 20) + 13])
    wanted[0] = 5
    expect(session.call("give", (1 << 20) + 13, 5), wanted)
    done.append("call: the host has the bytes")

    async def many():
        return await asyncio.gather(*(session.acall("echo", index) for index in range(2000)))

    expect(asyncio.run(many()), list(range(2000)))
    done.append("2,000 acalls at once, every answer to its caller")
    session.lock = asyncio.Lock()
    events = bus_to_host(session, {"seconds": 0.05})
    expect(events["delivered"], events["published"])
    done.append("events reach the host in order")
    return {"checks": len(done), "done": done}


MEASURES = {
    "acall-in-flight": acall_in_flight,
    "acall-sequential": acall_sequential,
    "buffer-from-worker": buffer_from_worker,
    "buffer-to-worker": buffer_to_worker,
    "burst": burst,
    "bus-to-host": bus_to_host,
    "call-roundtrip": call_roundtrip,
    "check": check,
    "cold-calls": cold_calls,
    "cpu-time": cpu_time,
    "handlers": handlers,
    "memory": memory,
    "nested-objects": nested_objects,
    "small-objects": small_objects,
    "start": start,
}


def end_with_parent():
    """The watchdog of last resort: without its parent nobody reads what this measures."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main():
    # A thread, so that it also works while a call blocks. 'fork' is PlumpIPC's Linux default, so
    # the first session comes before it.
    request = json.loads(sys.argv[1])
    session = Session()
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        result = MEASURES[request["workload"]](session, request)
    finally:
        session.stop()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
