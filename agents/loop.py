"""The loop every specialist runs in, as a LangGraph StateGraph.

    choose -> ask -> precheck -> authorise_trial -> trial -> judge -> authorise_adoption -> apply -> verify
      ^                                                        |                                       |
      +--- rejected, undecided, nothing new: next round or tier        every end: finish -> reflect ---+

A node reads the state, calls one pure function or one port, and returns the update with `to`, the node that follows.
The state holds the task's id, decisions and ids; everything else is in the journal under keys, so that a node that runs
again after a kill finds what it did. The two gates change nothing, since an interrupt runs its node again from the top;
what changes the world stands in `trial`, `apply` and `verify` and goes through a performer.
"""

from collections.abc import Callable
from typing import Any

from opswright.agents.closing import Closing
from opswright.agents.deeds import Deeds
from opswright.agents.manifests import Manifest
from opswright.agents.ports import Specialist
from opswright.agents.search import Search
from opswright.agents.services import Services
from opswright.agents.state import LoopState, Update

Node = Callable[[LoopState], Update]


def build_loop(specialist: Specialist, manifest: Manifest, services: Services, checkpointer: Any = None) -> Any:
    """The compiled graph of one task; invoked with `run` and `task`, whose task must be in the journal.

    As a subgraph it shares its caller's checkpointer and needs none of its own. Raises what the ports raise, ModelRetry
    and EndpointFailed only where the user forced the tier.
    """
    from langgraph.graph import END, START, StateGraph

    search = Search(specialist, manifest, services)
    deeds = Deeds(specialist, manifest, services)
    closing = Closing(specialist, manifest, services)
    steps: dict[str, tuple[Node, tuple[str, ...]]] = {
        "choose": (search.choose, ("ask", "authorise_adoption", "finish")),
        "ask": (search.ask, ("precheck", "choose", "finish")),
        "precheck": (search.precheck, ("authorise_trial", "choose")),
        "authorise_trial": (deeds.authorise_trial, ("trial", "finish")),
        "trial": (deeds.trial, ("judge", "choose", "finish")),
        "judge": (search.judge, ("authorise_adoption", "choose")),
        "authorise_adoption": (deeds.authorise_adoption, ("apply", "finish")),
        "apply": (deeds.apply, ("verify", "finish")),
        "verify": (deeds.verify, ("finish",)),
    }
    graph: Any = StateGraph(LoopState)
    graph.add_edge(START, "choose")
    for name, (node, targets) in steps.items():
        graph.add_node(name, _unless_halted(node, services))
        graph.add_conditional_edges(name, lambda state: state["to"], list(targets))
    graph.add_node("finish", closing.finish)
    graph.add_node("reflect", closing.reflect)
    graph.add_edge("finish", "reflect")
    graph.add_edge("reflect", END)
    return graph.compile(checkpointer=checkpointer)


def _unless_halted(node: Node, services: Services) -> Node:
    def checked(state: LoopState) -> Update:
        services.halt.check()
        return node(state)

    return checked
