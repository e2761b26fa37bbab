#!/bin/sh
# Creates the two topics. Kafka's own kafka-topics.sh has to be on PATH. Topics that exist already stay as they are.
#
#   create-topics.sh HOST:PORT[,HOST:PORT...] [PARTITIONS]     default: 12 partitions; README.md says how many are needed
#   COMMAND_CONFIG=client.properties create-topics.sh ...      for a cluster with TLS or a login
set -eu

brokers=${1:?usage: create-topics.sh HOST:PORT[,HOST:PORT...] [PARTITIONS]}
partitions=${2:-12}

# A message is acknowledged when two of three brokers have it (required_acks: -1 in out.yaml): one broker may be lost with its
# disk. Messages are kept for three days, because consumers may be down for a long weekend. The limit of four megabytes is the
# same as max_message_bytes in out.yaml.
for topic in otel-agent.metrics otel-agent.traces; do
    kafka-topics.sh --bootstrap-server "$brokers" ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"} \
        --create --if-not-exists --topic "$topic" --partitions "$partitions" --replication-factor 3 \
        --config min.insync.replicas=2 --config retention.ms=259200000 --config max.message.bytes=4000000
done
