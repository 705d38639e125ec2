"""Threads of libraries that must not be used."""

from threadpoolctl import threadpool_limits


def one_openmp_thread() -> threadpool_limits:
    """Keep OpenMP, and so scikit-learn's k-means, to this thread while a ``with`` body runs.

    Threads of k-means add up in the order in which they end, and a process that had some cannot fork.

    Example:
        >>> with one_openmp_thread():
        ...     pass
    """
    return threadpool_limits(1, "openmp")
