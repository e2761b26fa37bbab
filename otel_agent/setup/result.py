"""The ways in which a set-up can end, each with the exit code of the command."""

from enum import StrEnum


class SetupResult(StrEnum):
    """What `otel-agent setup` ended with; the words are those of its JSON."""

    INSTALLED = "installed"
    ALREADY_INSTALLED = "already_installed"
    WOULD_INSTALL = "would_install"
    NOT_ACCEPTED = "not_accepted"
    """The backend did not accept the request, so nothing was written."""
    NO_SERVICE = "no_service"
    """The settings are written, and the service could not be installed."""
    UNUSABLE = "unusable"
    """The settings or the options cannot be used; nothing was written."""

    @property
    def exit_code(self) -> int:
        """The exit code of `otel-agent setup`; 0 if nothing failed."""
        return {SetupResult.NO_SERVICE: 1, SetupResult.UNUSABLE: 2, SetupResult.NOT_ACCEPTED: 3}.get(self, 0)
