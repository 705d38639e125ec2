"""A worker of a ``tf.data`` service: ``python -m tests.scale.service_worker DISPATCHER PORT``."""

import sys
from typing import Any

import tensorflow as tf

from tests.scale.processes import end_with_parent

service = tf.data.experimental.service


def start_worker(dispatcher_address: str, port: int = 0) -> Any:
    """Start one at a port, or at any free one."""
    return service.WorkerServer(
        service.WorkerConfig(
            dispatcher_address=dispatcher_address,
            worker_address=f"localhost:{port}" if port else None,
            port=port,
            heartbeat_interval_ms=100,
            dispatcher_timeout_ms=10_000,
        )
    )


if __name__ == "__main__":
    end_with_parent()
    server = start_worker(sys.argv[1], int(sys.argv[2]))
    sys.stdout.write("registered\n")
    sys.stdout.flush()
    server.join()
