"""Programs that measure the agent and the team side::

    make bench    python -m benchmarks          time and memory of the main job, compared with another program
    make soak     python -m benchmarks.soak     an agent among writers that come and go: it must not grow
    make fleet    python -m benchmarks.fleet    a thousand agents that send to one gateway
    make kept     python -m benchmarks.kept     the disk space that a day of an agent needs in Prometheus

Each prints its figures. `soak` and `fleet` also fail if something was lost.
"""
