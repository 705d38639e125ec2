"""Processes that tests start; they end with the test's own process."""

import multiprocessing
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

service = tf.data.experimental.service
spawn = multiprocessing.get_context("spawn")
TIMEOUT = 300
"""Seconds to wait for other processes."""


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(n)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def call_in_processes(function: Callable[..., Any], *arguments: tuple[Any, ...]) -> list[Any]:
    """Call a function in one process for each tuple of arguments, all at once; return the results."""
    pipes = [spawn.Pipe(duplex=False) for _ in arguments]
    calls = [(sender, function, *each) for (_, sender), each in zip(pipes, arguments, strict=True)]
    processes = [spawn.Process(target=send_result, args=call, daemon=True) for call in calls]
    for process in processes:
        process.start()
    for _, sender in pipes:
        sender.close()  # so that the end of a process is seen
    try:
        assert all(receiver.poll(TIMEOUT) for receiver, _ in pipes)
        return [receiver.recv() for receiver, _ in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def send_result(sender: Any, function: Callable[..., Any], *arguments: Any) -> None:
    sender.send(function(*arguments))


def serve(dispatcher_address: str, port: int, ready: Any) -> None:
    """Work for a ``tf.data`` service until killed; port 0 is any free port."""
    server = service.WorkerServer(
        service.WorkerConfig(
            dispatcher_address=dispatcher_address,
            worker_address=f"localhost:{port}" if port else None,
            port=port,
            heartbeat_interval_ms=100,
            dispatcher_timeout_ms=10_000,
        )
    )
    ready.set()
    server.join()


@contextmanager
def service_workers(dispatcher: Any, n: int, *, port: int = 0) -> Iterator[list[Any]]:
    """Worker processes that have registered with a dispatcher; killed at the end."""
    address = dispatcher.target.removeprefix("grpc://")
    events = [spawn.Event() for _ in range(n)]
    workers = [spawn.Process(target=serve, args=(address, port, event), daemon=True) for event in events]
    for worker in workers:
        worker.start()
    try:
        assert all(event.wait(TIMEOUT) for event in events)
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
