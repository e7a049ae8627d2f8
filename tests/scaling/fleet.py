"""Several processes of the shop behind nginx, as on machines that one process is too slow for."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.scaling.programs import nginx
from tools.at_once import at_once
from tools.shop_process import ShopProcess


class Fleet(ShopProcess):
    """A shop at nginx's `url`, served by `members`, one for each of the URLs of its database.

    Their sockets are held for them, as systemd does, unless `holds_sockets` is False.
    """

    def __init__(
        self, databases: Sequence[str], *, log: Path, holds_sockets: bool = True, **options: Any
    ) -> None:
        super().__init__(databases[-1], log=log, **options)
        self.members = [
            ShopProcess(database, log=log, **{**options, "SITE_URL": self.url})
            for database in databases
        ]
        self._holds_sockets = holds_sockets
        self._undo = ExitStack()

    def start(self) -> Self:
        with ExitStack() as undo:
            for member in self.members:
                if self._holds_sockets:
                    undo.enter_context(member.holding_its_socket())
                undo.callback(member.kill)
            at_once([member.start for member in self.members])
            undo.enter_context(nginx(self.port, [member.port for member in self.members]))
            self._undo = undo.pop_all()
        return self

    def kill(self) -> None:
        self._undo.close()

    def roll(self, folder: Path | None = None) -> bool:
        """Restart one after the other, with the code of that folder if one is given."""
        for member in self.members:
            member.folder = folder or member.folder
            member.restart()
        return True
