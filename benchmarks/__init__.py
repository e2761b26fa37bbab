"""Programs that measure the agent and the team side.

python -m benchmarks          time and memory of the main job, beside another program     make bench
python -m benchmarks.soak     an agent among writers that come and go: it must not grow   make soak
python -m benchmarks.fleet    a thousand agents into one gateway                          make fleet
python -m benchmarks.kept     what a day of an agent takes on Prometheus' disk            make kept
"""
