#!/bin/sh
# Installs otel-agent into a folder of its own. A dev container runs this as root while it is built; PACKAGE is the option.
set -eu
home=${INSTALL_HOME:-/opt/otel-agent}
python3 -m venv "$home"
"$home/bin/pip" install --no-cache-dir --disable-pip-version-check "${PACKAGE:-otel-agent}"
ln -sf "$home/bin/otel-agent" "${INSTALL_LINK:-/usr/local/bin/otel-agent}"
# The user of the container owns the ledger's volume.
state=${INSTALL_STATE:-/var/lib/otel-agent}
mkdir -p "$state"
chown "${_REMOTE_USER:-root}" "$state"
chmod 0700 "$state"
