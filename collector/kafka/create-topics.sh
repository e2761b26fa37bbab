#!/bin/sh
# Makes the two topics, with Kafka's own kafka-topics.sh on PATH; those that are there already are left as they are.
#
#   create-topics.sh HOST:PORT[,HOST:PORT...] [PARTITIONS]     12 partitions; the README sizes them
#   COMMAND_CONFIG=client.properties create-topics.sh ...      for a cluster with TLS or a login
set -eu

brokers=${1:?usage: create-topics.sh HOST:PORT[,HOST:PORT...] [PARTITIONS]}
partitions=${2:-12}

# A message is acknowledged (required_acks: -1 in out.yaml) once two of three brokers have it: one may be lost with its
# disk. Three days: a long weekend in which consumers may be down. Four megabytes: as max_message_bytes of out.yaml.
for topic in otel-agent.metrics otel-agent.traces; do
    kafka-topics.sh --bootstrap-server "$brokers" ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"} \
        --create --if-not-exists --topic "$topic" --partitions "$partitions" --replication-factor 3 \
        --config min.insync.replicas=2 --config retention.ms=259200000 --config max.message.bytes=4000000
done
