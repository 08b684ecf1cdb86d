"""A container sandbox whose work behind the calls is over when a call returns, so that what is left can be counted."""

from opswright.sandboxes.container.sandbox import ContainerSandbox
from opswright.sandboxes.ports import DEFAULT_LIMITS, Command, Completed, Halted, Limits, OnMemory, never


class Settled:
    """The same face; nothing else is different."""

    def __init__(self, inner: ContainerSandbox) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def freezes(self) -> bool:
        return self._inner.freezes

    def run(
        self,
        command: Command,
        limits: Limits = DEFAULT_LIMITS,
        on_memory: OnMemory | None = None,
        halted: Halted = never,
    ) -> Completed:
        try:
            return self._inner.run(command, limits, on_memory, halted)
        finally:
            self._inner.settle()

    def close(self) -> None:
        self._inner.close()
