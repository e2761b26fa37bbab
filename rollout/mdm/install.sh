#!/bin/sh
# Rolls otel-agent out on one machine: Jamf and Intune run it as root on macOS and Linux. Running it again upgrades.
#   PACKAGE   what pip installs, such as otel-agent==1.2.3 or the path of a wheel that came with this script
#   PYTHON    the Python of its environment, 3.11 or newer; else python3
#   SETTINGS  the administrator's file to put in place; empty leaves what is there
# Exit code 0: done, or nobody is logged in, and the agent starts with the next run. Else that of the step that failed.
set -eu
umask 022  # every user reads what root makes here
package=${PACKAGE:-otel-agent}
python=${PYTHON:-python3}
settings=${SETTINGS:-}
home=${INSTALL_HOME:-/opt/otel-agent}
system=$(uname -s)

# The person who sits at this machine: on Linux a session with a seat, and not that of the login screen.
person() {
    case $system in
        Darwin) stat -f %Su /dev/console ;;
        *) loginctl list-sessions --no-legend 2>/dev/null |
            awk '$4 ~ /^seat/ && $2 >= 1000 && $2 != 65534 { print $3; exit }' ;;
    esac
}

# Runs a program without root's own folders.
as_person() {
    set -- env -u XDG_CONFIG_HOME -u XDG_STATE_HOME -u XDG_DATA_HOME "$@"
    case $system in
        Darwin) launchctl asuser "$uid" sudo -u "$user" -H "$@" ;;
        *) runuser -u "$user" -- env XDG_RUNTIME_DIR="/run/user/$uid" "$@" ;;
    esac
}

case $system in
    Darwin) place="/Library/Application Support/otel-agent" ;;
    *) place=/etc/otel-agent ;;
esac
place=${INSTALL_ETC:-$place}
user=${CONSOLE_USER:-$(person)}
changed=

# 1. The program, for all users.
if [ ! -x "$home/bin/python" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "$python is no Python of 3.11 or newer: name one in the variable PYTHON" >&2
        exit 1
    }
    "$python" -m venv "$home"
fi
said=$("$home/bin/pip" install --disable-pip-version-check --upgrade "$package")
case $said in *"Successfully installed"*) changed=yes ;; esac

# 2. The administrator's file, which only root may write. One that cannot be used would stop every command.
file="$place/otel-agent.toml"
if [ -n "$settings" ] && ! cmp -s "$settings" "$file"; then
    install -d -m 0755 "$place"
    if [ -e "$file" ]; then cp -p "$file" "$file.before"; fi
    install -m 0644 "$settings" "$file"
    env -u XDG_CONFIG_HOME HOME="$home" "$home/bin/otel-agent" config check >/dev/null || {
        code=$?
        if [ -e "$file.before" ]; then mv "$file.before" "$file"; else rm "$file"; fi
        echo "$settings cannot be used: $file is as it was" >&2
        exit $code
    }
    rm -f "$file.before"
    changed=yes
fi

# 3. The service of the person at this machine. Without one, the next run does it.
if [ -z "$user" ] || [ "$user" = root ] || [ "$user" = loginwindow ]; then
    echo "nobody is logged in: the service is set up when this runs again"
    exit 0
fi
uid=$(id -u "$user")
said=$(as_person "$home/bin/otel-agent" setup --yes --json) || { code=$?; echo "$said"; exit $code; }
echo "$said"

# 4. An agent that ran before goes on with what it read at its start, so it starts again if something is new.
case $changed$said in
    yes*already_installed*)
        case $system in
            Darwin) launchctl kickstart -k "gui/$uid/otel-agent" ;;
            *) as_person systemctl --user try-restart otel-agent.service ;;
        esac ;;
esac
