"""A learner's server in little memory: before another kernel starts, those that rested longest make room for it.

JupyterLab keeps a kernel when its tab is closed, and four notebooks run one after the other, 0.5 GB each, would be more
than a session on mybinder.org may hold: the system would kill the fourth in the middle of a training.
`binder/start` names this file to every server that it starts.
"""

import os

import psutil
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

LIMIT = int(os.environ.get("MEM_LIMIT") or 2_000_000_000)  # JupyterHub tells the container's limit in bytes
NEEDED = 1_300_000_000  # by the hungriest notebook and the processes that it starts, at their peak


def in_use() -> int:
    """Bytes held by this server and all that it started; memory that several of them share counts once."""
    this, total = psutil.Process(), 0
    for process in [this, *this.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # it has just ended
            continue
    return total


class RoomForOneMore(AsyncMappingKernelManager):
    """Shuts kernels down, the one that rested longest first, until the next has room; a busy one is left to work."""

    async def start_kernel(self, **options) -> str:
        if options.get("kernel_id") not in self:
            await self.make_room()
        return await super().start_kernel(**options)

    async def make_room(self) -> None:
        kernels = {name: self.get_kernel(name) for name in self.list_kernel_ids()}
        resting = [name for name, kernel in kernels.items() if kernel.execution_state != "busy"]
        for name in sorted(resting, key=lambda name: kernels[name].last_activity):
            if in_use() + NEEDED <= LIMIT:
                return
            self.log.warning("Kernel %s rested longest and is shut down: the next one needs its memory.", name)
            await self.shutdown_kernel(name)


# Jupyter hands `c` to its settings files.
c.ServerApp.kernel_manager_class = RoomForOneMore  # noqa: F821
