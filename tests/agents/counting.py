"""The smallest graph with a checkpoint: each call counts one more."""

from typing import Any, TypedDict

from opswright.agents.checkpoints import DURABILITY

CONFIG = {"configurable": {"thread_id": "count"}}


class Count(TypedDict, total=False):
    """Its state."""

    count: int
    filling: str


def count_once(saver: Any, filling: str = "", config: Any = None) -> dict[str, Any]:
    """Runs it once over a saver and returns the state."""
    from langgraph.graph import END, START, StateGraph

    graph: Any = StateGraph(Count)
    graph.add_node("one", lambda state: {"count": state.get("count", 0) + 1})
    graph.add_edge(START, "one")
    graph.add_edge("one", END)
    app = graph.compile(checkpointer=saver)
    state: dict[str, Any] = app.invoke({"filling": filling}, config or CONFIG, durability=DURABILITY)
    return state
