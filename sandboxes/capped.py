"""A sandbox no call of which gets more than the settings allow, whatever was asked for or answered meanwhile."""

from opswright.sandboxes.ports import (
    DEFAULT_LIMITS,
    Command,
    Completed,
    Halted,
    Limits,
    MemoryAsk,
    OnMemory,
    Sandbox,
    never,
)


class Capped:
    """The same face around another sandbox. `most`: what no call goes beyond."""

    def __init__(self, inner: Sandbox, most: Limits) -> None:
        self._inner = inner
        self.most = most

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
        asking = None if on_memory is None else self._asking(on_memory)
        return self._inner.run(command, limits.within(self.most), asking, halted)

    def close(self) -> None:
        self._inner.close()

    def _asking(self, on_memory: OnMemory) -> OnMemory:
        def ask(question: MemoryAsk) -> int | None:
            if question.used_bytes >= self.most.memory_bytes:
                return None  # nobody is asked for what nobody may grant
            more = on_memory(question)
            return None if more is None else min(more, self.most.memory_bytes)

        return ask


class Interruptible:
    """The same face for a caller who can be stopped: each of its calls ends when `halted` says so."""

    def __init__(self, inner: Sandbox, halted: Halted) -> None:
        self._inner = inner
        self._halted = halted

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
        return self._inner.run(command, limits, on_memory, lambda: self._halted() or halted())

    def close(self) -> None:
        """Leaves the other one open: it is shared, and whoever opened it closes it."""
