#!/bin/sh
# Rolls otel-agent out on one machine: Jamf and Intune run it as root on macOS and Linux. Running it again upgrades.
#   PACKAGE   what pip installs, such as otel-agent==1.2.3 or the path of a wheel that came with this script
#   SETTINGS  the administrator's file to put in place; empty leaves what is there
# Exit code 0: done, or nobody is logged in, and the agent starts with the next run. Else that of the step that failed.
set -eu
package=${PACKAGE:-otel-agent}
settings=${SETTINGS:-}
home=${INSTALL_HOME:-/opt/otel-agent}

case $(uname -s) in
    Darwin) place="/Library/Application Support/otel-agent" user=$(stat -f %Su /dev/console) ;;
    *) place=/etc/otel-agent user=$(loginctl list-sessions --no-legend 2>/dev/null | awk '$4 != "" { print $3; exit }') ;;
esac
place=${INSTALL_ETC:-$place}
user=${CONSOLE_USER:-$user}

# 1. The program, for all users.
[ -x "$home/bin/python" ] || python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check --upgrade "$package"

# 2. The administrator's file, which only root may write.
if [ -n "$settings" ]; then
    install -d -m 0755 "$place"
    install -m 0644 "$settings" "$place/otel-agent.toml"
fi

# 3. The service of the person at this machine. Without one, the next run does it.
if [ -z "$user" ] || [ "$user" = root ] || [ "$user" = loginwindow ]; then
    echo "nobody is logged in: the service is set up when this runs again"
    exit 0
fi
uid=$(id -u "$user")
case $(uname -s) in
    Darwin) launchctl asuser "$uid" sudo -u "$user" -H "$home/bin/otel-agent" setup --yes --json ;;
    *) runuser -u "$user" -- env XDG_RUNTIME_DIR="/run/user/$uid" "$home/bin/otel-agent" setup --yes --json ;;
esac
